"""Comparisons that healed something: how many of which kind, one row for each such sweep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select

from processor.store.tables_ops import sweeps

KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class SweepRow:
    """One of them. `seen` is how many members it read; `healed` counts contacts by kind (`domain.drift`).
    `id` is 0 for one that is not written yet."""

    connection_id: str
    started_at: datetime
    finished_at: datetime
    full: bool
    seen: int
    healed: Mapping[str, int]
    id: int = 0

    @property
    def name(self) -> str:
        """The id that people see."""
        return f"swp_{self.id}"


_NAMES = tuple(field.name for field in fields(SweepRow) if field.name != "id")


def add(c: Connection, row: SweepRow) -> None:
    """Write one down, and throw the connection's old ones away."""
    old = (sweeps.c.connection_id == row.connection_id, sweeps.c.finished_at < row.finished_at - KEPT)
    c.execute(delete(sweeps).where(*old))
    c.execute(insert(sweeps).values({name: getattr(row, name) for name in _NAMES}))


def number_of(name: str) -> int | None:
    """Return the number of an id that people see, None for what is none."""
    digits = name.removeprefix("swp_")
    is_one = name.startswith("swp_") and digits.isascii() and digits.isdigit() and len(digits) < 19
    return int(digits) if is_one else None


def of_connection(
    c: Connection, connection_id: str, limit: int, before_id: int | None = None
) -> list[SweepRow]:
    """Return up to `limit` of a connection, newest first; for the next page give the last number."""
    query = select(sweeps).where(sweeps.c.connection_id == connection_id)
    if before_id is not None:
        query = query.where(sweeps.c.id < before_id)
    return [SweepRow(**row._mapping) for row in c.execute(query.order_by(sweeps.c.id.desc()).limit(limit))]


def counts(c: Connection, connection_id: str, since: datetime) -> dict[str, int]:
    """Return how many contacts were healed since then, by kind."""
    query = select(sweeps.c.healed).where(
        sweeps.c.connection_id == connection_id, sweeps.c.finished_at >= since
    )
    total: dict[str, int] = {}
    for healed in c.scalars(query):
        for kind, number in healed.items():
            total[kind] = total.get(kind, 0) + number
    return total
