"""Sends events round again: first what it would do, then doing it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from processor.broker import PROCESS
from processor.domain.event import REPLAYABLE
from processor.errors import Invalid
from processor.kit import Kit
from processor.log import say
from processor.store import inbox
from processor.store.inbox import EventFilter, EventRow

logger = logging.getLogger(__name__)

SAMPLE = 5
PIECE = 500
"""Events sent round in one transaction: it holds their rows until it ends."""


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """What a replay would do: how many events of which status, a sample of them, and how many of those
    that were asked for cannot be replayed now, since they are waiting or being worked on already."""

    wanted: EventFilter
    count: int
    by_status: Mapping[str, int]
    sample: list[EventRow]
    not_now: int


@dataclass(slots=True)
class Replayed:
    """What a replay did."""

    count: int = 0
    connections: set[str] = field(default_factory=set)


def plan(kit: Kit, wanted: EventFilter) -> ReplayPlan:
    """Return what replaying these events would do; nothing is changed. Raises Invalid for a filter that
    chooses nothing in particular, StoreDown."""
    if wanted == EventFilter() or wanted == EventFilter(account_id=wanted.account_id):
        raise Invalid("Say which events: ids, or a status, type, time or connection.", "filter")
    statuses = (wanted.statuses or REPLAYABLE) & REPLAYABLE
    able = replace(wanted, statuses=frozenset(statuses))
    with kit.store.read() as c:
        by_status = {s.value: inbox.count(c, replace(wanted, statuses=frozenset({s}))) for s in statuses}
        total = inbox.count(c, wanted)
        sample = inbox.find(c, able, limit=SAMPLE) if statuses else []
    count = sum(by_status.values())
    return ReplayPlan(able, count, {s: n for s, n in by_status.items() if n}, sample, total - count)


def run(kit: Kit, planned: ReplayPlan, *, who: str) -> Replayed:
    """Send the planned events round again, with their attempts counted anew. Returns how many went.

    Safe to repeat: an event that waits already is left alone, and what was carried out before makes an
    empty plan. Raises StoreDown; what went before it stays gone.
    """
    done = Replayed()
    # Bounded by the plan: an event that dies again meanwhile must not be sent round for ever.
    while done.count < planned.count:
        limit = min(PIECE, planned.count - done.count)
        with kit.store.write() as c:
            sent = inbox.requeue(c, planned.wanted, now=kit.now(), who=who, limit=limit)
        if not sent:
            break
        done.count += len(sent)
        connection_ids = {connection_id for _, connection_id in sent}
        done.connections |= connection_ids
        kit.bell.ring(PROCESS, connection_ids)
    say(logger, logging.INFO, "events replayed", count=done.count, who=who)
    return done
