"""Conflicts: both sides had changed one field differently; both values, and which one was kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, exists, insert, select, update

from processor.store.sql import pieces
from processor.store.tables import conflicts


@dataclass(frozen=True, slots=True)
class ConflictRow:
    """One of them. `winner` is "platform" or "mailchimp": whose value was kept. `used_at` is set when the
    other one was put in its place. `id` is 0 for one that is not written yet."""

    account_id: str
    connection_id: str
    contact_id: str
    field: str
    ours: Any
    theirs: Any
    winner: str
    at: datetime
    used_at: datetime | None = None
    used_by: str | None = None
    is_followed: bool = False
    """Whether a later one is about the same field of the same contact."""
    id: int = 0

    @property
    def name(self) -> str:
        """The id that people see."""
        return f"cfl_{self.id}"

    @property
    def kept(self) -> Any:
        """The value that was kept."""
        return self.ours if self.winner == "platform" else self.theirs

    @property
    def other(self) -> Any:
        """The value that was not."""
        return self.theirs if self.winner == "platform" else self.ours


_NAMES = tuple(field.name for field in fields(ConflictRow) if field.name not in {"id", "is_followed"})
_later = conflicts.alias("later")
_IS_FOLLOWED = (
    exists()
    .where(
        _later.c.account_id == conflicts.c.account_id,
        _later.c.contact_id == conflicts.c.contact_id,
        _later.c.connection_id == conflicts.c.connection_id,
        _later.c.field == conflicts.c.field,
        _later.c.id > conflicts.c.id,
    )
    .label("is_followed")
)


def number_of(name: str) -> int | None:
    """Return the number of an id that people see, None for what is none."""
    digits = name.removeprefix("cfl_")
    is_one = name.startswith("cfl_") and digits.isascii() and digits.isdigit() and len(digits) < 19
    return int(digits) if is_one else None


def note(c: Connection, new: Sequence[ConflictRow]) -> None:
    """Write down those that are news: until it is settled, the same one is met at every look."""
    if not new:
        return
    last = _last(c, new)
    rows = [row for row in new if not _is_same(row, last.get((row.connection_id, row.contact_id, row.field)))]
    if rows:
        c.execute(insert(conflicts), [{name: getattr(row, name) for name in _NAMES} for row in rows])


def _last(c: Connection, new: Sequence[ConflictRow]) -> dict[tuple[str, str, str], ConflictRow]:
    found: dict[tuple[str, str, str], ConflictRow] = {}
    for piece in pieces(sorted({row.contact_id for row in new})):
        query = select(conflicts).where(
            conflicts.c.account_id == new[0].account_id, conflicts.c.contact_id.in_(piece)
        )
        for row in c.execute(query.order_by(conflicts.c.id)):
            known = ConflictRow(**row._mapping)
            found[known.connection_id, known.contact_id, known.field] = known
    return found


def _is_same(new: ConflictRow, last: ConflictRow | None) -> bool:
    if last is None or last.used_at is not None:
        return False
    return (new.ours, new.theirs, new.winner) == (last.ours, last.theirs, last.winner)


def get(c: Connection, conflict_id: int) -> ConflictRow | None:
    """Return one, or None."""
    row = c.execute(select(conflicts, _IS_FOLLOWED).where(conflicts.c.id == conflict_id)).one_or_none()
    return None if row is None else ConflictRow(**row._mapping)


def of_connection(
    c: Connection, connection_id: str, limit: int, before_id: int | None = None
) -> list[ConflictRow]:
    """Return up to `limit` of a connection, newest first; for the next page give the last number."""
    query = select(conflicts, _IS_FOLLOWED).where(conflicts.c.connection_id == connection_id)
    if before_id is not None:
        query = query.where(conflicts.c.id < before_id)
    found = c.execute(query.order_by(conflicts.c.id.desc()).limit(limit))
    return [ConflictRow(**row._mapping) for row in found]


def of_contact(c: Connection, account_id: str, contact_id: str, limit: int) -> list[ConflictRow]:
    """Return up to `limit` of a contact in all audiences, newest first."""
    query = select(conflicts, _IS_FOLLOWED).where(
        conflicts.c.account_id == account_id, conflicts.c.contact_id == contact_id
    )
    found = c.execute(query.order_by(conflicts.c.id.desc()).limit(limit))
    return [ConflictRow(**row._mapping) for row in found]


def mark_used(c: Connection, conflict_id: int, by: str, now: datetime) -> None:
    """Write down that the other value was used. Safe to repeat: the first one stays."""
    query = update(conflicts).where(conflicts.c.id == conflict_id, conflicts.c.used_at.is_(None))
    c.execute(query.values(used_at=now, used_by=by))


def rename(c: Connection, account_id: str, ids: Mapping[str, str]) -> None:
    """Follow contacts that got other ids (old -> new)."""
    for old, new in sorted(ids.items()):
        query = update(conflicts).where(conflicts.c.account_id == account_id, conflicts.c.contact_id == old)
        c.execute(query.values(contact_id=new))


def forget(c: Connection, account_id: str, contact_ids: Collection[str]) -> int:
    """Take away all of these contacts; return how many."""
    mine = (conflicts.c.account_id == account_id, conflicts.c.contact_id.in_(sorted(contact_ids)))
    return c.execute(delete(conflicts).where(*mine)).rowcount
