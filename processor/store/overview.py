"""The whole installation in numbers: what there is, what waits, what is under way. Reads only."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from processor.domain.connection import ConnectionState
from processor.domain.plan import MemberState
from processor.store import due
from processor.store.runs import RunKind
from processor.store.tables import batches, connections, events, members, runs
from processor.store.tables_ops import replays

LONGEST_WAIT = timedelta(days=1)
"""Further away than anything is put off to."""
NOT_LIVE = (*due.RESTING, *due.ENDED)


def connections_by_state(c: Connection) -> dict[str, int]:
    """Return how many connections are stored in each state; states that nobody is in are there, with 0."""
    query = select(connections.c.state, func.count()).group_by(connections.c.state)
    found: dict[str, int] = {row[0]: row[1] for row in c.execute(query)}
    stored: dict[str, int] = {state.value: 0 for state in ConnectionState if state.value in _STORED}
    return {**stored, **found}


def members_by_state(c: Connection) -> dict[MemberState, int]:
    """Return how many members of all audiences are in each state. It reads an index of all of them."""
    query = select(members.c.state, func.count()).group_by(members.c.state)
    found = {MemberState(state): number for state, number in c.execute(query)}
    return {state: found.get(state, 0) for state in MemberState}


def under_way(c: Connection) -> dict[str, int]:
    """Return how many previews, first syncs, batches and replays have not ended."""
    query = select(runs.c.kind, func.count()).where(runs.c.finished_at.is_(None)).group_by(runs.c.kind)
    found: dict[str, int] = {row[0]: row[1] for row in c.execute(query)}
    return {
        **{kind.value: found.get(kind.value, 0) for kind in RunKind},
        "batch": c.execute(select(func.count()).select_from(batches)).scalar_one(),
        "replay": c.execute(
            select(func.count()).select_from(replays).where(replays.c.next_at.is_not(None))
        ).scalar_one(),
    }


def with_work(c: Connection, now: datetime, limit: int) -> list[str]:
    """Return the live connections that have something to do, now or after a wait, the one with the oldest
    first."""
    soon = now + LONGEST_WAIT
    first: dict[str, datetime] = {}
    found = due.due_connections(c, events, soon, limit, due.RESTING)
    for connection_id, at in found + due.due_connections(c, members, soon, limit, NOT_LIVE):
        first[connection_id] = min(at, first.get(connection_id, at))
    return sorted(first, key=lambda one: (first[one], one))[:limit]


def resting(c: Connection, limit: int) -> list[str]:
    """Return connections that were stopped and wait for a person, the one that was stopped first at first."""
    stopped = (ConnectionState.RECONNECT.value, ConnectionState.PAUSED.value)
    query = select(connections.c.id).where(connections.c.state.in_(stopped))
    return list(c.scalars(query.order_by(connections.c.updated_at, connections.c.id).limit(limit)))


_STORED = frozenset({*due.RESTING, *due.ENDED, "importing", "in_sync"})
