"""Single-use links: the platform asks for one, a browser opens it, and that is that."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from processor.store.tables import links


class LinkKind(StrEnum):
    """Where a link leads."""

    CONNECT = "connect"
    PORTAL = "portal"
    MAIL = "mail"
    """In a mail: it opens more often than once, for some days."""


def make(c: Connection, account_id: str, kind: LinkKind, now: datetime, ttl_seconds: float) -> str:
    """Make a link for an account; return its token, of which only a hash is kept."""
    plain = secrets.token_urlsafe(32)
    c.execute(
        insert(links).values(
            hash=hash_of(plain),
            account_id=account_id,
            kind=kind,
            created_at=now,
            expires_at=now + timedelta(seconds=ttl_seconds),
        )
    )
    return plain


def peek(c: Connection, plain: str, kind: LinkKind, now: datetime) -> str | None:
    """Return the account of a link that would still work, or None. Safe to repeat."""
    account_id: str | None = c.scalar(select(links.c.account_id).where(*_good(plain, kind, now)))
    return account_id


def use(c: Connection, plain: str, kind: LinkKind, now: datetime) -> str | None:
    """Use a link up; return its account, or None where there is none, it was used, or it is too old.

    Of two that use it at once, one gets None.
    """
    query = update(links).where(*_good(plain, kind, now)).values(used_at=now).returning(links.c.account_id)
    account_id: str | None = c.execute(query).scalar_one_or_none()
    return account_id


def _good(plain: str, kind: LinkKind, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        links.c.hash == hash_of(plain),
        links.c.kind == kind,
        links.c.used_at.is_(None),
        links.c.expires_at > now,
    )


def forget_expired(c: Connection, before: datetime) -> int:
    """Delete links that ran out before this time; return how many. Safe to repeat."""
    return c.execute(delete(links).where(links.c.expires_at < before)).rowcount


def forget_kind(c: Connection, account_id: str, kind: LinkKind) -> int:
    """Delete an account's links of one kind; return how many. Safe to repeat."""
    mine = (links.c.account_id == account_id, links.c.kind == kind)
    return c.execute(delete(links).where(*mine)).rowcount


def hash_of(plain: str) -> bytes:
    """Return what is kept of a token."""
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).digest()
