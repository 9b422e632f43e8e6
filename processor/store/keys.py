"""API keys: shown once, kept as a hash."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update

from processor.store.ids import API_KEY, new_id
from processor.store.tables import api_keys

PREFIX = "bw_"
SHOWN = len(PREFIX) + 6
"""How much of a key is kept in the clear, so that a person can tell theirs apart."""
USED_STEP = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key without itself. `account_id` None opens every account."""

    id: str
    prefix: str
    label: str
    account_id: str | None
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


_COLUMNS = [api_keys.c[name] for name in KeyRow.__dataclass_fields__]


def create(c: Connection, label: str, account_id: str | None, now: datetime) -> tuple[str, str]:
    """Make a key; return (its id, the key itself), which is shown now and never again."""
    plain = PREFIX + secrets.token_urlsafe(32)
    key_id = new_id(API_KEY)
    c.execute(
        insert(api_keys).values(
            id=key_id,
            hash=_hash(plain),
            prefix=plain[:SHOWN],
            label=label,
            account_id=account_id,
            created_at=now,
        )
    )
    return key_id, plain


def by_plain(c: Connection, plain: str) -> KeyRow | None:
    """Return the key that this is, or None where there is none or it was revoked.

    Looked up by hash, so the time that it takes tells nothing about the keys that there are.
    """
    query = select(*_COLUMNS).where(api_keys.c.hash == _hash(plain), api_keys.c.revoked_at.is_(None))
    row = c.execute(query).one_or_none()
    return None if row is None else _key(row)


def used(c: Connection, key_id: str, now: datetime) -> None:
    """Write down that it was used; at most once a minute, so that calls do not queue for the row."""
    old = or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < now - USED_STEP)
    c.execute(update(api_keys).where(api_keys.c.id == key_id, old).values(last_used_at=now))


def list_all(c: Connection, account_id: str | None = None) -> list[KeyRow]:
    """Return the keys, of one account or all, revoked ones too, oldest first."""
    query = select(*_COLUMNS).order_by(api_keys.c.created_at, api_keys.c.id)
    if account_id is not None:
        query = query.where(api_keys.c.account_id == account_id)
    return [_key(row) for row in c.execute(query)]


def revoke(c: Connection, key_id: str, now: datetime) -> bool:
    """Take a key out of use; return whether it was in use. Safe to repeat."""
    query = update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
    return c.execute(query.values(revoked_at=now)).rowcount == 1


def _hash(plain: str) -> bytes:
    # A plain hash is enough: nobody can guess 32 random bytes.
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).digest()


def _key(row: Row[*tuple[Any, ...]]) -> KeyRow:
    return KeyRow(**row._mapping)
