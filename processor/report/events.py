"""Events and their history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from processor.domain.catalogue import Retry, Words, entry, words
from processor.domain.event import EventStatus
from processor.errors import Invalid, NotFound
from processor.kit import Kit
from processor.store import calls, connections, inbox
from processor.store.calls import CallRow
from processor.store.inbox import AttemptRow, EventFilter, EventRow

MOST_CALLS = 100
GAVE_UP = (
    "It was tried several times, and is not tried again by itself. The next full check looks at the contact "
    "anyway; to have it done now, replay it."
)
_FINE = frozenset({EventStatus.APPLIED, EventStatus.SKIPPED})
"""An event in these did not fail: its code, where it has one, says why nothing was needed."""


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events, newest first. `cursor` leads to the older ones; None when there are none."""

    events: Sequence[EventRow]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class EventReport:
    """One event with its body, its history (oldest first), and the catalogue's words for its code."""

    row: EventRow
    history: Sequence[AttemptRow]
    words: Words | None


def events(kit: Kit, wanted: EventFilter, *, after: str | None, limit: int) -> EventPage:
    """Return one page of events. Safe to repeat. Raises Invalid for a cursor that was not ours, StoreDown."""
    after_id = _after(after)
    with kit.store.read() as c:
        found = inbox.find(c, wanted, limit=limit + 1, after_id=after_id)
    page = found[:limit]
    return EventPage(page, page[-1].name if len(found) > limit else None)


def event(kit: Kit, name: str, account_id: str | None) -> EventReport:
    """Return one event by the id that people see. Raises NotFound, also for another account's; StoreDown."""
    with kit.store.read() as c:
        row = inbox.get(c, inbox.event_id(name))
        owner = connections.get(c, row.connection_id) if row else None
        theirs = account_id is None or (owner is not None and owner.account_id == account_id)
        if row is None or not theirs:
            raise NotFound(f"There is no event “{name}”.")
        history = inbox.attempts_of(c, row.id)
    if row.code is None or row.status in _FINE:
        return EventReport(row, history, None)
    facts = {"email": row.subject, "detail": row.detail, "instance": row.instance, "reference": row.name}
    if owner is not None:
        facts["audience"] = owner.audience_name
    said = words(row.code, **facts)
    gave_up = row.status is EventStatus.DEAD and entry(row.code).retry is Retry.BY_ITSELF
    return EventReport(row, history, replace(said, todo=GAVE_UP) if gave_up else said)


def calls_for(kit: Kit, row: EventRow) -> list[CallRow]:
    """Return the calls that were made when the event was last worked on, oldest first: those of its batch, as
    long as they are kept. Raises StoreDown."""
    if row.work is None:
        return []
    with kit.store.read() as c:
        return calls.of_work(c, row.work, MOST_CALLS)


def _after(cursor: str | None) -> int | None:
    if not cursor:
        return None
    try:
        return inbox.event_id(cursor)
    except NotFound:
        raise Invalid(
            "Pass the `cursor` of the answer before, unchanged; leave it out to start over.", "after"
        ) from None
