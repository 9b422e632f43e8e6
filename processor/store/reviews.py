"""Which connections are to be looked at for issues: one row for each, however many contacts fail.

The row is locked until the writer commits, and a review waits for that lock: so it finds everything that it
was asked for, as a bell's reader does (`notices`).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from processor.domain.outgoing import COALESCE
from processor.store.sql import insert_into
from processor.store.tables import reviews


def mark(c: Connection, connection_ids: Collection[str], now: datetime) -> None:
    """Ask for a review of these connections, in the transaction of what changes who fails there.

    Behind connections and before the feed's counter in the lock order. Safe to repeat.
    """
    for connection_id in sorted(set(connection_ids)):
        query = insert_into(c, reviews).values(connection_id=connection_id, due_at=now + COALESCE)
        sooner = reviews.c.due_at > query.excluded.due_at
        c.execute(
            query.on_conflict_do_update(
                index_elements=[reviews.c.connection_id],
                set_={"due_at": query.excluded.due_at},
                where=sooner,
            )
        )


def lock(c: Connection, connection_id: str) -> bool:
    """Wait for whoever asks for a review now, and keep others from it until the commit; return whether one
    was asked for."""
    query = select(reviews.c.due_at).where(reviews.c.connection_id == connection_id)
    return c.execute(query.with_for_update()).one_or_none() is not None


def put_off(c: Connection, connection_id: str, due_at: datetime | None) -> None:
    """Say when to look the next time; None for when somebody asks. The caller holds it by `lock`."""
    mine = reviews.c.connection_id == connection_id
    if due_at is None:
        c.execute(delete(reviews).where(mine))
    else:
        c.execute(update(reviews).where(mine).values(due_at=due_at))


def due(c: Connection, now: datetime, limit: int) -> list[str]:
    """Return up to `limit` connections whose review is due, the one that waits longest first."""
    query = select(reviews.c.connection_id).where(reviews.c.due_at <= now)
    return list(c.scalars(query.order_by(reviews.c.due_at, reviews.c.connection_id).limit(limit)))
