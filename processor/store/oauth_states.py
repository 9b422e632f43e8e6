"""OAuth states: what ties Mailchimp's answer to the browser that asked (RFC 9700: login CSRF)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, update

from processor.store.links import hash_of
from processor.store.tables import oauth_states


@dataclass(frozen=True, slots=True)
class OAuthState:
    """Who connects. `connection_id` is set when an existing connection is granted anew."""

    account_id: str
    connection_id: str | None


def make(
    c: Connection,
    account_id: str,
    browser: str,
    now: datetime,
    ttl_seconds: float,
    connection_id: str | None = None,
) -> str:
    """Make a state for one browser; return it. `browser` is the secret that its cookie holds; of both only
    a hash is kept."""
    plain = secrets.token_urlsafe(32)
    c.execute(
        insert(oauth_states).values(
            hash=hash_of(plain),
            browser_hash=hash_of(browser),
            account_id=account_id,
            connection_id=connection_id,
            created_at=now,
            expires_at=now + timedelta(seconds=ttl_seconds),
        )
    )
    return plain


def use(c: Connection, plain: str, browser: str, now: datetime) -> OAuthState | None:
    """Use a state up; return whose it is, or None where there is none, it was used, it is too old, or
    another browser brings it (which does not use it up). Of two that use it at once, one gets None."""
    query = (
        update(oauth_states)
        .where(
            oauth_states.c.hash == hash_of(plain),
            oauth_states.c.browser_hash == hash_of(browser),
            oauth_states.c.used_at.is_(None),
            oauth_states.c.expires_at > now,
        )
        .values(used_at=now)
        .returning(oauth_states.c.account_id, oauth_states.c.connection_id)
    )
    row = c.execute(query).one_or_none()
    return None if row is None else OAuthState(row.account_id, row.connection_id)


def forget_expired(c: Connection, before: datetime) -> int:
    """Delete states that ran out before this time; return how many. Safe to repeat."""
    return c.execute(delete(oauth_states).where(oauth_states.c.expires_at < before)).rowcount
