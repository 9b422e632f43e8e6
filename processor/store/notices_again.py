"""Webhooks to the platform that are sent again: which a filter means, and making a piece of them due."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, null, select, update

from processor.domain.outgoing import NoticeKind
from processor.store.notices import MOST_WAITING
from processor.store.notices_rows import COLUMNS, NoticeRow, NoticeState, notice
from processor.store.tables import notices

SETTLED = frozenset({NoticeState.DELIVERED, NoticeState.DEAD})
"""What can be sent again: the rest is on its way."""


@dataclass(frozen=True, slots=True)
class NoticeFilter:
    """Which notices of one endpoint; all conditions hold at once. `since` and `until` are when they were
    written, the second not included."""

    endpoint_id: str
    states: frozenset[NoticeState] = frozenset({NoticeState.DEAD})
    kinds: frozenset[NoticeKind] | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class MeantNotices:
    """How many notices a filter means, by state and by kind, and up to which number."""

    by_state: Mapping[NoticeState, int]
    by_kind: Mapping[NoticeKind, int]
    last_id: int


def meant(c: Connection, wanted: NoticeFilter) -> MeantNotices:
    """Return which notices the filter means that may be sent again."""
    query = select(notices.c.state, notices.c.kind, func.count(), func.max(notices.c.id))
    by_state: dict[NoticeState, int] = {}
    by_kind: dict[NoticeKind, int] = {}
    last_id = 0
    grouped = query.where(*_chosen(wanted)).group_by(notices.c.state, notices.c.kind)
    for state, kind, number, newest in c.execute(grouped):
        by_state[NoticeState(state)] = by_state.get(NoticeState(state), 0) + number
        by_kind[NoticeKind(kind)] = by_kind.get(NoticeKind(kind), 0) + number
        last_id = max(last_id, newest)
    return MeantNotices(by_state, by_kind, last_id)


def sample(c: Connection, wanted: NoticeFilter, limit: int) -> list[NoticeRow]:
    """Return some of them, newest first."""
    query = select(*COLUMNS).where(*_chosen(wanted)).order_by(notices.c.id.desc()).limit(limit)
    return [notice(row) for row in c.execute(query)]


def send_again(
    c: Connection, wanted: NoticeFilter, now: datetime, *, limit: int, after_id: int, last_id: int
) -> list[int]:
    """Make up to `limit` of them due now, under the ids that the platform knows, with their attempts counted
    anew; return their numbers, ascending. For the next ones give the last. Safe to repeat."""
    mine = (*_chosen(wanted), notices.c.id > after_id, notices.c.id <= last_id)
    chosen = select(notices.c.id).where(*mine).order_by(notices.c.id).limit(limit)
    ids = list(c.scalars(chosen.with_for_update()))
    anew: dict[str, Any] = {"state": NoticeState.WAITING, "due_at": now, "attempts": 0}
    query = update(notices).where(notices.c.id.in_(ids))
    c.execute(query.values(**anew, give_up_at=null(), settled_at=null()))
    return ids


def room(c: Connection, endpoint_id: str) -> int:
    """Return how many more may wait for an endpoint before what is sent again would keep out what is new."""
    waiting = select(func.count()).where(notices.c.endpoint_id == endpoint_id, notices.c.due_at.is_not(None))
    return max(0, MOST_WAITING // 2 - c.execute(waiting).scalar_one())


def _chosen(wanted: NoticeFilter) -> list[ColumnElement[bool]]:
    chosen: list[ColumnElement[bool]] = [
        notices.c.endpoint_id == wanted.endpoint_id,
        notices.c.state.in_(sorted(wanted.states & SETTLED)),
        notices.c.claim.is_(None),
    ]
    if wanted.kinds is not None:
        chosen.append(notices.c.kind.in_(sorted(wanted.kinds)))
    if wanted.since is not None:
        chosen.append(notices.c.created_at >= wanted.since)
    if wanted.until is not None:
        chosen.append(notices.c.created_at < wanted.until)
    return chosen
