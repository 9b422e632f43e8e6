"""Looking into the inbox, and sending events round again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select, update

from processor.domain.event import CLAIMABLE, REPLAYABLE, EventStatus
from processor.store import due
from processor.store.inbox_rows import AttemptOutcome, AttemptRow, EventFilter, EventRow
from processor.store.sql import pieces
from processor.store.tables import attempts, connections, events

_LISTED = [events.c[name] for name in EventRow.__dataclass_fields__ if name != "body"]


def get(c: Connection, event_id: int) -> EventRow | None:
    """Return the event with its body, or None."""
    row = c.execute(select(*_LISTED, events.c.body).where(events.c.id == event_id)).one_or_none()
    return None if row is None else _event(row)


def find(
    c: Connection,
    wanted: EventFilter,
    *,
    limit: int,
    after_id: int | None = None,
    newest_first: bool = True,
) -> list[EventRow]:
    """Return up to `limit` events in the order of their ids, without bodies.

    For the next page give the last id of this one as `after_id`; it works in both directions.
    """
    query = select(*_LISTED).where(*conditions(wanted)).limit(limit)
    if after_id is not None:
        query = query.where(events.c.id < after_id if newest_first else events.c.id > after_id)
    order = events.c.id.desc() if newest_first else events.c.id.asc()
    return [_event(row) for row in c.execute(query.order_by(order))]


def count(c: Connection, wanted: EventFilter) -> int:
    """Return how many events there are of this kind."""
    return c.execute(select(func.count()).select_from(events).where(*conditions(wanted))).scalar_one()


def counts(c: Connection, connection_id: str | None = None) -> dict[EventStatus, int]:
    """Return how many events are in each status (each is there, with 0 too)."""
    query = select(events.c.status, func.count()).group_by(events.c.status)
    if connection_id is not None:
        query = query.where(events.c.connection_id == connection_id)
    found = {EventStatus(status): number for status, number in c.execute(query)}
    return {status: found.get(status, 0) for status in EventStatus}


def attempts_of(c: Connection, event_id: int) -> list[AttemptRow]:
    """Return the event's history, oldest first. An event that succeeded at once has none."""
    rows = c.execute(
        select(*(attempts.c[name] for name in AttemptRow.__dataclass_fields__))
        .where(attempts.c.event_id == event_id)
        .order_by(attempts.c.id)
    )
    return [AttemptRow(**{**row._mapping, "outcome": AttemptOutcome(row.outcome)}) for row in rows]


def due_connections(c: Connection, now: datetime, limit: int) -> list[str]:
    """Return the connections that have events to look at now, the one with the oldest first.

    It finds what was never poked and what is due again; call `expire` before, so that what a dead worker
    held is among it. Connections that wait for a person are left out; removed ones are not, so that their
    last events are settled too.
    """
    return [row[0] for row in due.due_connections(c, events, now, limit, due.RESTING)]


def oldest_due(c: Connection, now: datetime) -> datetime | None:
    """Return since when the event that has waited longest is due, or None when none is due.

    Its age is the one figure to alert on. Connections that wait for a person do not count.
    """
    return next((row[1] for row in due.due_connections(c, events, now, 1, due.RESTING)), None)


def oldest_due_id(c: Connection, connection_id: str, now: datetime) -> int | None:
    """Return the lowest number among the connection's events that are due, or None when none is due."""
    query = select(func.min(events.c.id)).where(
        events.c.connection_id == connection_id, events.c.due_at <= now, events.c.status.in_(CLAIMABLE)
    )
    found: int | None = c.scalar(query)
    return found


def requeue(
    c: Connection,
    wanted: EventFilter,
    *,
    now: datetime,
    who: str,
    limit: int,
    after_id: int = 0,
    last_id: int | None = None,
    replay_id: str | None = None,
) -> list[tuple[int, str]]:
    """Send up to `limit` events round again, oldest first; return (event id, connection id) of each.

    Only events that the table of transitions lets a person replay are taken: what is being worked on, or
    has not been looked at yet, is left alone. Each gets a line of history that says who did it and when. For
    the next ones give the last one's number as `after_id`; none above `last_id` is taken.
    """
    within = [events.c.id > after_id, *([] if last_id is None else [events.c.id <= last_id])]
    rows = c.execute(
        select(events.c.id, events.c.connection_id)
        .where(*conditions(wanted), events.c.status.in_(REPLAYABLE), *within)
        .order_by(events.c.id)
        .limit(limit)
        .with_for_update()
    ).all()
    if not rows:
        return []
    for piece in pieces(row.id for row in rows):
        c.execute(update(events).where(events.c.id.in_(piece)).values(_as_new(now)))
    line = {
        "n": 0,
        "at": now,
        "worker": who,
        "outcome": AttemptOutcome.REPLAYED,
        "replay_id": replay_id,
    }
    c.execute(insert(attempts), [{"event_id": row.id, **line} for row in rows])
    return [(row.id, row.connection_id) for row in rows]


def _as_new(now: datetime) -> dict[str, Any]:
    verdict = dict.fromkeys(
        ("code", "detail", "instance", "outcome", "settled_at", "work", "claim", "claimed_by")
    )
    return {"status": EventStatus.RECEIVED, "due_at": now, "attempts": 0, "crashes": 0, **verdict}


def _event(row: Row[*tuple[Any, ...]]) -> EventRow:
    return EventRow(**{**row._mapping, "status": EventStatus(row.status)})


def conditions(wanted: EventFilter) -> list[ColumnElement[bool]]:
    """Return what a filter means, for questions about `events`."""
    chosen: list[ColumnElement[bool]] = []
    for column, values in (
        (events.c.id, wanted.ids),
        (events.c.status, wanted.statuses),
        (events.c.type, wanted.types),
        (events.c.code, wanted.codes),
    ):
        if values is not None:
            chosen.append(column.in_(values))
    for column, value in ((events.c.connection_id, wanted.connection_id), (events.c.subject, wanted.subject)):
        if value is not None:
            chosen.append(column == value)
    if wanted.since is not None:
        chosen.append(events.c.received_at >= wanted.since)
    if wanted.until is not None:
        chosen.append(events.c.received_at < wanted.until)
    if wanted.account_id is not None:
        theirs = select(connections.c.id).where(connections.c.account_id == wanted.account_id)
        chosen.append(events.c.connection_id.in_(theirs))
    return chosen
