"""Events that need no look: what they announce is known, or about to be."""

from __future__ import annotations

from datetime import timedelta

from processor import burst
from processor.domain.event import EventStatus, SkipReason
from processor.echo import echoes
from processor.kit import Kit
from processor.process.case import LEFT, LOOK_AGAIN, Case, parted
from processor.store import members
from processor.store.connections import ConnectionRow

FRESH = timedelta(minutes=10)
"""Deliveries younger than this may be passed over as known already."""


WAITS_FOR_PUSH = 2
"""How often an event waits for the answer to what is being sent to its member."""


def without_those_read_since(kit: Kit, connection: ConnectionRow, cases: list[Case]) -> list[Case]:
    """Settle what was kept before everything that had changed was read; return the others. Who left, and
    whoever is to be looked at again, is looked at. Whoever a push holds waits for what it did: it may have
    taken the place of an edit that nobody saw."""
    before = burst.read_to(kit, connection)
    done = [case for case in cases if case.row.id <= before and _was_answered(kit, case)]
    if not done:
        return cases
    with kit.store.read() as c:
        known = members.glance(c, connection.id, {case.address for case in done})
    for case in done:
        seen = known.get(case.address)
        if seen is not None and seen.has_view and not seen.is_held:
            case.skip(SkipReason.NOTHING_NEW)
    return [case for case in cases if case.is_open]


def _was_answered(kit: Kit, case: Case) -> bool:
    is_first = case.row.subject is None and kit.now() - case.row.received_at < FRESH
    return is_first and case.event is not None and case.event.type not in LEFT


def without_echoes(kit: Kit, connection: ConnectionRow, cases: list[Case]) -> list[Case]:
    """Settle what tells nothing new, and put off what a push is about to know; return the others."""
    # A person who replays an old delivery wants it looked at, whatever is known.
    cases, old = parted(cases, lambda case: kit.now() - case.row.received_at < FRESH)
    found = echoes(kit, connection, [case.event for case in cases if case.event])
    for n, case in enumerate(cases):
        if n in found.known:
            case.skip(SkipReason.NOTHING_NEW)
        elif n in found.being_sent and case.row.attempts <= WAITS_FOR_PUSH:
            why = "being sent at this moment; looked at later"
            case.settle(EventStatus.RETRYING, due_at=kit.now() + LOOK_AGAIN, why=why)
    return [case for case in (*cases, *old) if case.is_open]
