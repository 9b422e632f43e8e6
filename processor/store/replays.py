"""Replays: what a person sends round again, piece by piece, and how far that is.

A row of `replays` is locked before anything else, in a transaction that sends its next piece.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, and_, exists, func, insert, select, update

from processor.domain.event import REPLAYABLE, EventStatus
from processor.errors import NotFound
from processor.store.due import ENDED, RESTING
from processor.store.ids import new_id
from processor.store.inbox_find import conditions
from processor.store.inbox_rows import EventFilter
from processor.store.runs import RunState
from processor.store.tables import attempts, connections, events
from processor.store.tables_ops import replays


class ReplayKind(StrEnum):
    """What is sent round again."""

    EVENTS = "events"
    MEMBERS = "members"
    """Contacts that Mailchimp had refused."""
    NOTICES = "notices"
    """Webhooks to the platform."""


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """A replay as it stands. `total` is how many were meant when it was asked for, `done` how many were sent
    round; the next piece begins behind `after_id`, goes no further than `last_id`, and may be sent at
    `next_at` (None once it has ended). `account_id` is None for one that an operator asked for."""

    id: str
    kind: ReplayKind
    account_id: str | None
    wanted: Mapping[str, Any]
    state: RunState
    per_minute: int
    total: int
    done: int
    after_id: int
    last_id: int
    next_at: datetime | None
    asked_by: str
    created_at: datetime
    finished_at: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Meant:
    """Which events a filter means: how many, up to which number, how many of a connection that is gone (they
    will be skipped) or that waits for a person (they wait with it), and how many have a later event of the
    same member (None where they are too many to be looked through)."""

    count: int
    last_id: int
    gone: int
    resting: int
    superseded: int | None


def begin(
    c: Connection,
    kind: ReplayKind,
    wanted: Mapping[str, Any],
    *,
    account_id: str | None,
    per_minute: int,
    total: int,
    last_id: int,
    asked_by: str,
    now: datetime,
) -> ReplayRow:
    """Write down a replay that has sent nothing yet, and return it."""
    row = ReplayRow(
        id=new_id("rpl"),
        kind=kind,
        account_id=account_id,
        wanted=wanted,
        state=RunState.WAITING,
        per_minute=per_minute,
        total=total,
        done=0,
        after_id=0,
        last_id=last_id,
        next_at=now,
        asked_by=asked_by,
        created_at=now,
        finished_at=None,
        updated_at=now,
    )
    c.execute(insert(replays).values(**{name: getattr(row, name) for name in ReplayRow.__dataclass_fields__}))
    return row


def get(c: Connection, replay_id: str) -> ReplayRow | None:
    """Return the replay, or None."""
    row = c.execute(select(replays).where(replays.c.id == replay_id)).one_or_none()
    return None if row is None else _replay(row)


def lock(c: Connection, replay_id: str) -> ReplayRow | None:
    """Return the replay and keep others from changing it until the commit, or None."""
    row = c.execute(select(replays).where(replays.c.id == replay_id).with_for_update()).one_or_none()
    return None if row is None else _replay(row)


def newest(c: Connection, account_id: str | None, limit: int) -> list[ReplayRow]:
    """Return replays, newest first: an account's, or all."""
    query = select(replays).order_by(replays.c.created_at.desc(), replays.c.id).limit(limit)
    if account_id is not None:
        query = query.where(replays.c.account_id == account_id)
    return [_replay(row) for row in c.execute(query)]


def due(c: Connection, now: datetime, limit: int) -> list[str]:
    """Return the replays whose next piece may be sent now, the one that has waited longest first."""
    query = select(replays.c.id).where(replays.c.next_at <= now)
    return list(c.scalars(query.order_by(replays.c.next_at).limit(limit)))


def sent(
    c: Connection, row: ReplayRow, count: int, *, after_id: int, next_at: datetime | None, now: datetime
) -> ReplayRow:
    """Write down that a piece was sent; one without a next time has come to its end. The caller holds it."""
    state = RunState.RUNNING if next_at else RunState.DONE
    changed = replace(
        row,
        state=state,
        done=row.done + count,
        after_id=after_id,
        next_at=next_at,
        finished_at=None if next_at else now,
        updated_at=now,
    )
    _write(c, changed)
    return changed


def end(c: Connection, row: ReplayRow, how: RunState, now: datetime) -> ReplayRow:
    """End a replay before its time. The caller holds it."""
    changed = replace(row, state=how, next_at=None, finished_at=now, updated_at=now)
    _write(c, changed)
    return changed


def forget_old(c: Connection, before: datetime) -> int:
    """Delete replays that ended before this time; return how many. Safe to repeat."""
    return c.execute(replays.delete().where(replays.c.finished_at < before)).rowcount


def outcomes(c: Connection, replay_id: str) -> dict[EventStatus, int]:
    """Return how many of the events that a replay has sent are in each status now (each is there, with 0
    too). It reads every one of them."""
    query = (
        select(events.c.status, func.count(events.c.id.distinct()))
        .join(attempts, attempts.c.event_id == events.c.id)
        .where(attempts.c.replay_id == replay_id)
        .group_by(events.c.status)
    )
    found = {EventStatus(status): number for status, number in c.execute(query)}
    return {status: found.get(status, 0) for status in EventStatus}


def meant(c: Connection, wanted: EventFilter, *, most: int) -> Meant:
    """Return which events the filter means that may be sent round again; `most` is up to how many are looked
    through for later events of the same member."""
    chosen = (*conditions(wanted), events.c.status.in_(REPLAYABLE))
    of_states = (
        select(connections.c.state, func.count(), func.max(events.c.id))
        .select_from(events.outerjoin(connections, connections.c.id == events.c.connection_id))
        .where(*chosen)
        .group_by(connections.c.state)
    )
    count = last_id = gone = resting = 0
    for state, number, newest_id in c.execute(of_states):
        count += number
        last_id = max(last_id, newest_id)
        gone += number if state is None or state in ENDED else 0
        resting += number if state in RESTING else 0
    superseded = _superseded(c, chosen) if count <= most else None
    return Meant(count, last_id, gone, resting, superseded)


def _superseded(c: Connection, chosen: tuple[Any, ...]) -> int:
    later = events.alias("later")
    has_later = exists().where(
        and_(
            later.c.connection_id == events.c.connection_id,
            later.c.subject == events.c.subject,
            later.c.id > events.c.id,
        )
    )
    query = select(func.count()).select_from(events).where(*chosen, events.c.subject.is_not(None), has_later)
    return c.execute(query).scalar_one()


def has_later(c: Connection, connection_id: str, subject: str | None, event_id: int) -> bool:
    """Whether a later event of the same member has been read."""
    if subject is None:
        return False
    query = select(events.c.id).where(
        events.c.connection_id == connection_id, events.c.subject == subject, events.c.id > event_id
    )
    return c.execute(query.limit(1)).one_or_none() is not None


def _write(c: Connection, row: ReplayRow) -> None:
    changing = ("state", "done", "after_id", "next_at", "finished_at", "updated_at")
    values = {name: getattr(row, name) for name in changing}
    if not c.execute(update(replays).where(replays.c.id == row.id).values(values)).rowcount:
        raise NotFound("no such replay")


def _replay(row: Row[*tuple[Any, ...]]) -> ReplayRow:
    values = dict(row._mapping)
    return ReplayRow(**{**values, "kind": ReplayKind(values["kind"]), "state": RunState(values["state"])})
