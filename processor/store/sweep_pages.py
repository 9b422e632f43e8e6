"""Whom a sweep has met: a row for each page that it read, in place of a write to each member."""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Collection, Iterator
from heapq import merge

from sqlalchemy import Connection, delete, insert, select

from processor.store.tables import sweep_pages

_NUMBERS = "q"


def note(c: Connection, connection_id: str, sweep: str, member_row_ids: Collection[int]) -> None:
    """Write down whom a page has met, in the transaction that writes down how far the sweep is."""
    met = zlib.compress(array(_NUMBERS, sorted(member_row_ids)).tobytes(), 1)
    c.execute(insert(sweep_pages).values(connection_id=connection_id, sweep=sweep, met=met))


def met(c: Connection, connection_id: str, sweep: str) -> Iterator[int]:
    """Return the numbers of all members that this sweep has met, ascending; one may come several times. What
    is kept in memory is eight bytes for each."""
    query = select(sweep_pages.c.met)
    query = query.where(sweep_pages.c.connection_id == connection_id, sweep_pages.c.sweep == sweep)
    pages = []
    for (packed,) in c.execute(query.order_by(sweep_pages.c.id)):
        pages.append(page := array(_NUMBERS))
        page.frombytes(zlib.decompress(packed))
    return merge(*pages)


def forget(c: Connection, connection_id: str, but: str | None = None) -> None:
    """Forget whom the connection's sweeps have met, but for this one. Safe to repeat."""
    query = delete(sweep_pages).where(sweep_pages.c.connection_id == connection_id)
    c.execute(query if but is None else query.where(sweep_pages.c.sweep != but))
