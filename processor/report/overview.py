"""The whole installation at a glance: what moves, what stands still and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from processor.domain.connection import ConnectionState
from processor.domain.event import EventStatus
from processor.domain.plan import MemberState
from processor.kit import Kit
from processor.report.connections import ConnectionReport, report_of
from processor.report.standing import LABELS
from processor.report.why import LOOKED_BACK, MOVING, Facts, why
from processor.store import Connection, calls, connections, inbox, liveness, members
from processor.store import overview as stored

LOOKED_AT = 20
"""Connections that are looked at more closely: those that have waited longest."""


@dataclass(frozen=True, slots=True)
class Still:
    """A connection that does not move, and why."""

    found: ConnectionReport
    since: datetime | None
    why: str


@dataclass(frozen=True, slots=True)
class Overview:
    """How everything stands. `calls` are those of the last quarter of an hour, by class of answer; `still`
    are the connections that do not move, at most `LOOKED_AT` of each kind; `oldest_due_at` is None where
    nothing is due."""

    workers: Sequence[str]
    connections: Mapping[str, int]
    events: Mapping[EventStatus, int]
    members: Mapping[MemberState, int]
    under_way: Mapping[str, int]
    calls: Mapping[str, int]
    oldest_due_at: datetime | None
    still: Sequence[Still]


def overview(kit: Kit) -> Overview:
    """Return how everything stands. Raises StoreDown."""
    now = kit.now()
    with kit.store.read() as c:
        alive = liveness.alive(c, now)
        ids = dict.fromkeys([*stored.with_work(c, now, LOOKED_AT), *stored.resting(c, LOOKED_AT)])
        still = [one for one in (_still(c, i, len(alive), now) for i in ids) if one]
        return Overview(
            workers=alive,
            connections=stored.connections_by_state(c),
            events=inbox.counts(c),
            members=stored.members_by_state(c),
            under_way=stored.under_way(c),
            calls=calls.since(c, now - LOOKED_BACK),
            oldest_due_at=oldest_due(c, now),
            still=still,
        )


def oldest_due(c: Connection, now: datetime) -> datetime | None:
    """Return since when the change that has waited longest is due, in either direction; None for none."""
    found = [at for at in (inbox.oldest_due(c, now), members.oldest_due(c, now)) if at is not None]
    return min(found, default=None)


def _still(c: Connection, connection_id: str, workers: int, now: datetime) -> Still | None:
    row = connections.get(c, connection_id)
    if row is None:
        return None
    found = report_of(c, row, now)
    because = why_still(found, workers, calls.since(c, now - LOOKED_BACK, connection_id), now)
    return Still(found, found.oldest_waiting_at, because) if because else None


def why_still(found: ConnectionReport, workers: int, counts: Mapping[str, int], now: datetime) -> str | None:
    """Return why a connection does not move, None where it does. `counts` are its calls of the last quarter
    of an hour by class of answer."""
    since = found.oldest_waiting_at
    # What was put off is not due: then only its code tells that something waits.
    waited = now - since if since else MOVING if found.waiting and found.held_code else None
    return why(
        Facts(
            workers=workers,
            waiting=found.waiting,
            waited=waited,
            calls=counts,
            stopped=_stopped(found),
            code=found.held_code,
        )
    )


def _stopped(found: ConnectionReport) -> str | None:
    if found.row.state not in {ConnectionState.RECONNECT, ConnectionState.PAUSED}:
        return None
    title = found.problem.title if found.problem else LABELS[ConnectionState(found.row.state)]
    return f"{title}: it waits for the customer."
