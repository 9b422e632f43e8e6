"""Small things that the questions of the store share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")

PIECE = 1000
"""How many values go into one `IN (…)`: far below what either database takes (32,766 and 65,535)."""


def pieces(items: Iterable[T], size: int = PIECE) -> Iterator[list[T]]:
    """Yield the items in lists of at most `size`, in order; nothing for no items."""
    rest = iter(items)
    while piece := list(islice(rest, size)):
        yield piece


def insert_into(c: Connection, table: Table) -> postgresql.Insert:
    """Return an INSERT that knows `on_conflict_…`, which both databases spell alike."""
    if c.dialect.name == "sqlite":
        # Two classes with the same methods; the callers use only what is the same.
        return sqlite.insert(table)  # type: ignore[return-value]
    return postgresql.insert(table)
