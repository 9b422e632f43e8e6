"""Carries out what webhooks announced: claim, understand, look, converge, settle.

The inbox row is the queue. One connection's events are worked on by one worker at a time (a lease), so
that a burst is answered with one look and a contact's events do not overtake each other; connections take
turns, a bounded batch each. What goes wrong is written into the row, where it is found again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from processor import burst, fields, spans
from processor.attempt import current_work
from processor.broker import PROCESS
from processor.converge.complaints import note_complaints
from processor.converge.overtaken import note_overtaken
from processor.domain.connection import LEAVING, LIVE
from processor.domain.event import Delivery, EventStatus, EventType, SkipReason
from processor.errors import MailchimpError, StoreDown
from processor.kit import Kit
from processor.log import bind, say
from processor.look import Enough
from processor.process.answer import look_and_converge
from processor.process.bad_news import bad_news, is_complaint
from processor.process.case import Case
from processor.process.meaning import compare_soon, understand
from processor.process.trouble import put_off, try_again
from processor.resting import believe_who_left
from processor.store import Connection, connections, inbox
from processor.store.connections import ConnectionRow
from processor.store.inbox import ClaimedEvent
from processor.turn import turn

__all__ = ["process"]

logger = logging.getLogger(__name__)

TELLS_FIELDS = frozenset({EventType.SUBSCRIBE, EventType.PROFILE})
"""Their bodies name every merge field (facts.md 1.3)."""

BATCH = 1000
"""Events claimed at once: a page of members; bounded so that other connections get their turn."""


def process(kit: Kit, connection_id: str) -> int:
    """Work one batch of the connection's due events off. Returns how many were claimed.

    Safe to repeat and to run anywhere at once: only the holder of the connection's turn works. Rings
    again after a batch, so that other connections come in between. Between two readings of a burst it rests.
    """
    kit.bell.answered(PROCESS, connection_id)
    if burst.is_resting(kit, connection_id):
        return 0
    with turn(kit, PROCESS, connection_id) as mine, bind(connection=connection_id):
        claimed = _one_batch(kit, connection_id) if mine else 0
    if claimed:
        kit.bell.ring(PROCESS, [connection_id])
    return claimed


def _one_batch(kit: Kit, connection_id: str) -> int:
    now = kit.now()
    rows: list[ClaimedEvent] = []
    try:
        with kit.store.write() as c:
            connection = connections.get(c, connection_id)
            rests = connection is not None and connection.state not in LIVE | LEAVING
            lease = kit.settings.lease_seconds
            if not rests:
                rows = inbox.claim(
                    c, connection_id, limit=BATCH, now=now, lease_seconds=lease, worker=kit.worker
                )
        if rests and connection is not None:  # kept until somebody lets the connection go on
            return believe_who_left(kit, connection)
        cases = [Case(row) for row in rows]
        if connection is None or connection.state in LEAVING:
            for case in cases:
                case.skip(SkipReason.CONNECTION_REMOVED)
        else:
            with spans.job("process events", _keys(rows), {"connection": connection_id}):
                _carry_out_all(kit, connection, cases, lambda: kit.enough(now))
            letters = [case.event for case in cases if case.event and case.was_looked_at]
            note_overtaken(kit, connection, letters)
            fields.heed(kit, connection, [one for one in letters if one.type in TELLS_FIELDS])
        _settle(kit, cases, now)
    except StoreDown:
        kit.left_claims.extend({row.claim for row in rows})
        raise
    return len(cases)


def _keys(rows: Sequence[ClaimedEvent]) -> list[bytes]:
    """By what the deliveries' traces are known; none where nobody listens."""
    if not spans.is_on():
        return []
    return [Delivery(r.connection_id, r.body, r.content_type, r.received_at).key for r in rows]


def _settle(kit: Kit, cases: Sequence[Case], began: datetime) -> None:
    """Write down what became of the batch; what was not begun is handed back."""
    settled = [case.settled for case in cases if case.settled is not None]
    left = {case.row.claim for case in cases if case.is_open}
    if not cases:
        return

    def in_one_transaction(c: Connection) -> None:
        inbox.settle(c, settled, kit.now())
        inbox.hand_back(c, left, kit.now())

    kit.store.write_retrying(in_one_transaction)
    _tell(kit, cases, kit.now() - began)


def _tell(kit: Kit, cases: Sequence[Case], took: timedelta) -> None:
    """Log one line for each event's attempt. Those of a batch share its look, and so its time and calls."""
    if not logger.isEnabledFor(logging.INFO):
        return
    shared = {
        "duration_ms": round(took.total_seconds() * 1000),
        "calls": kit.calls.made(current_work()).calls,
        "together": len(cases),
    }
    for case in cases:
        settled = case.settled
        outcome = settled.status.value if settled else "handed_back"
        facts = {"event": f"evt_{case.row.id}", "attempt": case.row.attempts, "outcome": outcome}
        if settled is not None:
            facts |= {"type": settled.type, "code": settled.code}
            if settled.status is not EventStatus.DEAD:  # of those it may quote what cannot be read
                facts["why"] = (settled.outcome or {}).get("why")
        said = {name: value for name, value in facts.items() if value is not None}
        say(logger, logging.INFO, "event attempt", **said, **shared)


def _carry_out_all(kit: Kit, connection: ConnectionRow, cases: list[Case], enough: Enough) -> None:
    """Carry a batch out; where it fails for no known reason, each event alone, so that one that cannot
    be carried out stops itself only. What was not begun when it was `enough` stays open."""
    try:
        _carry_out(kit, connection, cases, enough)
    except StoreDown:
        raise  # not the events' fault, and each alone would wait for the database anew
    except Exception:
        if len(cases) == 1:
            with bind(event=f"evt_{cases[0].row.id}"):
                logger.exception("an event failed")
            try_again(kit, cases[0], "internal")
            return
        say(logger, logging.ERROR, "a batch failed; its events are carried out alone", events=len(cases))
        for case in cases:
            if case.is_open and not kit.stopping.is_set():
                _carry_out_all(kit, connection, [case], kit.stopping.is_set)


def _carry_out(kit: Kit, connection: ConnectionRow, cases: Iterable[Case], enough: Enough) -> None:
    cases = [case for case in cases if case.is_open]
    for case in cases:
        understand(connection, case)
    compare_soon(kit, connection, [case for case in cases if case.is_open])
    cases = [case for case in cases if case.is_open]
    if not cases:
        return
    try:
        look_and_converge(kit, connection, cases, enough)
        note_complaints(kit, connection, bad_news(kit, [case for case in cases if is_complaint(case)]))
    except MailchimpError as error:
        put_off(kit, connection, [case for case in cases if case.is_open], error)
