"""Who may look at the ops pages: sessions, and the attempts at the password that failed."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, select

from processor.store.tables_ops import ops_failures, ops_sessions

FAILURES_KEPT = timedelta(hours=1)


def make(c: Connection, key: bytes, now: datetime, ttl: timedelta) -> None:
    """Make a session under the hash of what the browser holds, which is kept nowhere."""
    c.execute(insert(ops_sessions).values(hash=key, created_at=now, expires_at=now + ttl))


def lives(c: Connection, key: bytes, now: datetime) -> bool:
    """Whether there is such a session, and it has not run out."""
    query = select(ops_sessions.c.hash).where(ops_sessions.c.hash == key, ops_sessions.c.expires_at > now)
    return c.execute(query).one_or_none() is not None


def end(c: Connection, key: bytes) -> None:
    """End a session. Safe to repeat."""
    c.execute(delete(ops_sessions).where(ops_sessions.c.hash == key))


def failures(c: Connection, client: str, since: datetime) -> tuple[int, int]:
    """Return how many attempts failed since then: of this client, and of all."""
    recent = ops_failures.c.at >= since
    mine = select(func.count()).where(recent, ops_failures.c.client == client)
    everybodys = select(func.count()).where(recent)
    return c.execute(mine).scalar_one(), c.execute(everybodys).scalar_one()


def note_failure(c: Connection, client: str, now: datetime) -> None:
    """Count one attempt that failed."""
    c.execute(insert(ops_failures).values(client=client, at=now))


def forget_failures(c: Connection, client: str) -> None:
    """Forget this client's failed attempts: it knew the password after all. Safe to repeat."""
    c.execute(delete(ops_failures).where(ops_failures.c.client == client))


def forget_old(c: Connection, now: datetime) -> None:
    """Delete what has run out. Safe to repeat."""
    c.execute(delete(ops_sessions).where(ops_sessions.c.expires_at <= now))
    c.execute(delete(ops_failures).where(ops_failures.c.at < now - FAILURES_KEPT))
