"""Finding work that is due, by connection, for the tables that keep it in `connection_id` and `due_at`."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, Table, func, literal, or_, select

from processor.store.tables import connections

RESTING = ("setup", "previewing", "paused", "reconnect")
"""States of a connection in which its work waits for a person."""
ENDED = ("removing", "removed")
"""States in which a connection has no work of its own any more."""


def due_connections(
    c: Connection, table: Table, now: datetime, limit: int, not_in: Collection[str]
) -> list[tuple[str, datetime]]:
    """Return (connection id, its oldest `due_at`) of what is due, oldest first.

    It hops from connection to connection along the partial index, so it costs by the number of
    connections with work, however long their backlogs are. Connections in a state of `not_in` are left
    out; one whose row is gone is not.
    """
    ids = (select(func.min(table.c.connection_id).label("id")).where(table.c.due_at.is_not(None))).cte(
        "ids", recursive=True
    )
    following = (
        select(func.min(table.c.connection_id))
        .where(table.c.connection_id > ids.c.id, table.c.due_at.is_not(None))
        .scalar_subquery()
    )
    ids = ids.union_all(select(following).where(ids.c.id.is_not(None)))
    oldest = (
        select(func.min(table.c.due_at))
        .where(table.c.connection_id == ids.c.id, table.c.due_at.is_not(None))
        .scalar_subquery()
    )
    first = select(ids.c.id, oldest.label("due_at")).where(ids.c.id.is_not(None)).subquery()
    found = (
        select(first.c.id, first.c.due_at)
        .outerjoin(connections, connections.c.id == first.c.id)
        .where(
            first.c.due_at <= literal(now, table.c.due_at.type),
            or_(connections.c.state.is_(None), connections.c.state.not_in(not_in)),
        )
        .order_by(first.c.due_at, first.c.id)
        .limit(limit)
    )
    return [(row.id, row.due_at) for row in c.execute(found)]
