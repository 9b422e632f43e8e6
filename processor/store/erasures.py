"""Erasures: who asked to be forgotten, and where that is still to be done. No address is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict, Unpack

from sqlalchemy import Connection, insert, select, update

from processor.errors import NotFound
from processor.store.tables import erasures


@dataclass(frozen=True, slots=True)
class ErasureRow:
    """One erasure as it stands.

    `places` are the audiences concerned: connection_id, member_id (a hash), mailchimp_contact_id, and
    `state`: waiting, deleted, absent or left (`code` says why one waits). `what` counts what was removed.
    `finished_at` is None while something is left to do, which is tried again at `next_try_at`.
    """

    id: str
    account_id: str
    contact_id: str
    places: Sequence[Mapping[str, Any]]
    what: Mapping[str, Any]
    begun_at: datetime
    finished_at: datetime | None
    next_try_at: datetime | None


class Columns(TypedDict, total=False):
    """What may change of an erasure; what is not named stays."""

    places: Sequence[Mapping[str, Any]]
    what: Mapping[str, Any]
    finished_at: datetime | None
    next_try_at: datetime | None


_COLUMNS = [erasures.c[name] for name in ErasureRow.__dataclass_fields__]


def begin(c: Connection, row: ErasureRow) -> None:
    """Write a new one."""
    values = {name: getattr(row, name) for name in ErasureRow.__dataclass_fields__}
    c.execute(insert(erasures).values(values))


def get(c: Connection, erasure_id: str) -> ErasureRow | None:
    """Return the erasure, or None."""
    row = c.execute(select(*_COLUMNS).where(erasures.c.id == erasure_id)).one_or_none()
    return None if row is None else ErasureRow(**row._mapping)


def of_contact(c: Connection, account_id: str, contact_id: str) -> ErasureRow | None:
    """Return the newest erasure of a contact, or None."""
    query = select(*_COLUMNS).where(erasures.c.account_id == account_id, erasures.c.contact_id == contact_id)
    row = c.execute(query.order_by(erasures.c.begun_at.desc(), erasures.c.id).limit(1)).one_or_none()
    return None if row is None else ErasureRow(**row._mapping)


def unfinished(c: Connection, account_id: str) -> list[ErasureRow]:
    """Return the account's erasures that have something left to do, oldest first."""
    query = select(*_COLUMNS).where(erasures.c.account_id == account_id, erasures.c.finished_at.is_(None))
    return [ErasureRow(**row._mapping) for row in c.execute(query.order_by(erasures.c.begun_at))]


def due(c: Connection, now: datetime, limit: int) -> list[str]:
    """Return up to `limit` erasures that are to be tried again."""
    query = select(erasures.c.id).where(erasures.c.finished_at.is_(None), erasures.c.next_try_at <= now)
    return list(c.scalars(query.order_by(erasures.c.next_try_at).limit(limit)))


def change(c: Connection, erasure_id: str, **columns: Unpack[Columns]) -> None:
    """Write the columns that are named. Raises NotFound for one that is not there."""
    if not c.execute(update(erasures).where(erasures.c.id == erasure_id).values(**columns)).rowcount:
        raise NotFound("no such erasure")
