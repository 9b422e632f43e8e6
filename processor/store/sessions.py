"""Portal sessions: a browser that came in by a link may act for one account, for a while.

Only a hash of what the browser holds is kept, so that a copy of the database opens nobody's portal.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select

from processor.store.links import hash_of
from processor.store.tables import sessions


def make(c: Connection, account_id: str, now: datetime, ttl_seconds: float) -> str:
    """Make a session for an account that there is; return its token, of which only a hash is kept."""
    plain = secrets.token_urlsafe(32)
    c.execute(
        insert(sessions).values(
            hash=hash_of(plain),
            account_id=account_id,
            created_at=now,
            expires_at=now + timedelta(seconds=ttl_seconds),
        )
    )
    return plain


def account_of(c: Connection, plain: str, now: datetime) -> str | None:
    """Return the account of a session that has not run out, or None."""
    mine = (sessions.c.hash == hash_of(plain), sessions.c.expires_at > now)
    account_id: str | None = c.execute(select(sessions.c.account_id).where(*mine)).scalar_one_or_none()
    return account_id


def end(c: Connection, plain: str) -> None:
    """End a session. Safe to repeat."""
    c.execute(delete(sessions).where(sessions.c.hash == hash_of(plain)))


def forget_expired(c: Connection, before: datetime) -> int:
    """Delete sessions that ran out by this time; return how many. Safe to repeat."""
    return c.execute(delete(sessions).where(sessions.c.expires_at <= before)).rowcount
