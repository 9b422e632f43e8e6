"""Batches at Mailchimp that are under way: where their results are, and which members wait for them.

The members are held under the batch's `claim` (`members.hold`), so that nobody sends them meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, select

from processor.store.tables import batches, connections

DEAF = ("reconnect", "removing", "removed")
"""States of a connection in which Mailchimp is not asked for results."""


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One batch. `batch_id` is Mailchimp's; `operations` says how many calls are in it, `polls` how often
    it was asked for; `what` has, by the member row's number as text, what was sent for it: `fields` (whether
    it was patched) and `tags` (a list of those put on, and one of those taken off). `id` is 0 for one that
    is not written yet."""

    connection_id: str
    batch_id: str
    claim: str
    operations: int
    what: Mapping[str, Any]
    submitted_at: datetime
    next_poll_at: datetime
    polls: int = 0
    id: int = 0


_COLUMNS = [batches.c[field.name] for field in fields(BatchRow)]


def begin(c: Connection, row: BatchRow) -> None:
    """Write a batch down that Mailchimp has just taken."""
    values = {name: getattr(row, name) for name in (f.name for f in fields(BatchRow)) if name != "id"}
    c.execute(sa.insert(batches).values(values))


def of_connection(c: Connection, connection_id: str) -> list[BatchRow]:
    """Return the connection's batches that are under way, in the order in which they were sent."""
    query = select(*_COLUMNS).where(batches.c.connection_id == connection_id)
    return [BatchRow(**row._mapping) for row in c.execute(query.order_by(batches.c.id))]


def lock(c: Connection, batch_row_id: int) -> BatchRow | None:
    """Return the batch and keep others from it until the commit; None where its results were read already.

    After members in the lock order (see `processor.store`)."""
    query = select(*_COLUMNS).where(batches.c.id == batch_row_id)
    row = c.execute(query.with_for_update()).one_or_none()
    return None if row is None else BatchRow(**row._mapping)


def due_connections(c: Connection, now: datetime, limit: int) -> list[str]:
    """Return up to `limit` connections that have a batch to ask for now, the one that waits longest first."""
    first = sa.func.min(batches.c.next_poll_at)
    query = (
        select(batches.c.connection_id)
        .join(connections, connections.c.id == batches.c.connection_id)
        .where(connections.c.state.not_in(DEAF), batches.c.next_poll_at <= now)
        .group_by(batches.c.connection_id)
        .order_by(first, batches.c.connection_id)
        .limit(limit)
    )
    return list(c.scalars(query))


def put_off(c: Connection, batch_row_id: int, next_poll_at: datetime, *, asked: bool = True) -> None:
    """Ask again then; `asked` says whether Mailchimp was asked now. Safe to repeat."""
    query = sa.update(batches).where(batches.c.id == batch_row_id)
    c.execute(query.values(next_poll_at=next_poll_at, polls=batches.c.polls + (1 if asked else 0)))


def forget_all(c: Connection, connection_id: str) -> int:
    """Forget all batches of a connection; return how many there were. Their members are still held: see
    `processor.bulk.stop_all`. Safe to repeat."""
    return c.execute(sa.delete(batches).where(batches.c.connection_id == connection_id)).rowcount


def finish(c: Connection, batch_row_id: int) -> bool:
    """Forget a batch whose results were read; return whether it was still there. Safe to repeat."""
    return c.execute(sa.delete(batches).where(batches.c.id == batch_row_id)).rowcount == 1
