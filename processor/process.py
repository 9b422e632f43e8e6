"""Carries out what webhooks announced: claim, understand, look, converge, settle.

The inbox row is the queue. One connection's events are worked on by one worker at a time (a lease), so
that a burst is answered with one look and a contact's events do not overtake each other; connections take
turns, a bounded batch each. What goes wrong is written into the row, where it is found again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from processor import burst, spans
from processor.attempt import current_work
from processor.broker import PROCESS, PUSH, SWEEP
from processor.converge import Cause, Outcome, Sighting, Verdict, converge
from processor.converge.believe import BadNews, believe
from processor.converge.complaints import COMPLAINT, note_complaints
from processor.domain import retry
from processor.domain.connection import LEAVING, LIVE
from processor.domain.contact import MemberStatus, email_key
from processor.domain.event import Delivery, Event, EventStatus, EventType, SkipReason
from processor.domain.triage import reason_to_skip
from processor.echo import echoes
from processor.errors import MailchimpError, NotUnderstood, StoreDown
from processor.halt import halt, is_halting
from processor.kit import Kit
from processor.log import bind, say
from processor.look import Enough, Question, look_again, look_up_each
from processor.mailchimp import webhook
from processor.mailchimp.client import Mailchimp
from processor.meeting import Meet, meet_owners_first
from processor.resting import believe_who_left
from processor.store import Connection, connections, inbox, members
from processor.store.connections import ConnectionRow
from processor.store.inbox import ClaimedEvent, Settled
from processor.turn import turn

logger = logging.getLogger(__name__)

BATCH = 1000
"""Events claimed at once: a page of members; bounded so that other connections get their turn."""

DOUBT = timedelta(seconds=15)
"""How long a look that contradicts bad news is doubted. Mailchimp promises nothing about reads after
writes (facts.md 4.6); after this, a member who is still subscribed has come back."""

LOOK_AGAIN = timedelta(seconds=5)

WAITS_FOR_PUSH = 2
"""How often an event waits for the answer to what is being sent to its member."""

FRESH = timedelta(minutes=10)
"""Deliveries younger than this may be passed over as known already."""

FULL_SWEEPS_APART = timedelta(hours=1)
"""People who are deleted for good are found by comparing everybody; not for each of many at once."""

LEFT = {EventType.UNSUBSCRIBE: MemberStatus.UNSUBSCRIBED, EventType.CLEANED: MemberStatus.CLEANED}


@dataclass(slots=True)
class _Case:
    """One claimed event on its way to being settled."""

    row: ClaimedEvent
    event: Event | None = None
    settled: Settled | None = None

    @property
    def is_open(self) -> bool:
        return self.settled is None

    @property
    def address(self) -> str:
        return email_key(self.event.email) if self.event and self.event.email else ""

    def settle(
        self,
        status: EventStatus,
        *,
        code: str | None = None,
        error: MailchimpError | None = None,
        due_at: datetime | None = None,
        why: str | None = None,
    ) -> None:
        event = self.event
        self.settled = Settled(
            id=self.row.id,
            claim=self.row.claim,
            status=status,
            type=event.type.value if event else None,
            subject=self.address or None,
            fired_at=event.fired_at if event else None,
            code=code,
            detail=(error.detail or error.title) if error else None,
            instance=error.instance if error else None,
            outcome={"why": why} if why else None,
            due_at=due_at,
        )

    def skip(self, reason: SkipReason) -> None:
        self.settle(EventStatus.SKIPPED, why=reason.value)


def process(kit: Kit, connection_id: str) -> int:
    """Work one batch of the connection's due events off. Returns how many were claimed.

    Safe to repeat and to run anywhere at once: only the holder of the connection's turn works. Rings
    again after a batch, so that other connections come in between.
    """
    kit.bell.answered(PROCESS, connection_id)
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
        cases = [_Case(row) for row in rows]
        if connection is None or connection.state in LEAVING:
            for case in cases:
                case.skip(SkipReason.CONNECTION_REMOVED)
        else:
            with spans.job("process events", _keys(rows), {"connection": connection_id}):
                _carry_out_all(kit, connection, cases, lambda: kit.enough(now))
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


def _settle(kit: Kit, cases: Sequence[_Case], began: datetime) -> None:
    """Write down what became of the batch; what was not begun is handed back."""
    work = current_work()
    settled = [replace(case.settled, work=work) for case in cases if case.settled is not None]
    left = {case.row.claim for case in cases if case.is_open}
    if not cases:
        return

    def in_one_transaction(c: Connection) -> None:
        inbox.settle(c, settled, kit.now())
        inbox.hand_back(c, left, kit.now())

    kit.store.write_retrying(in_one_transaction)
    _tell(kit, cases, kit.now() - began)


def _tell(kit: Kit, cases: Sequence[_Case], took: timedelta) -> None:
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


def _carry_out_all(kit: Kit, connection: ConnectionRow, cases: list[_Case], enough: Enough) -> None:
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
            _try_again(kit, cases[0], "internal")
            return
        say(logger, logging.ERROR, "a batch failed; its events are carried out alone", events=len(cases))
        for case in cases:
            if case.is_open and not kit.stopping.is_set():
                _carry_out_all(kit, connection, [case], kit.stopping.is_set)


def _carry_out(kit: Kit, connection: ConnectionRow, cases: Iterable[_Case], enough: Enough) -> None:
    cases = [case for case in cases if case.is_open]
    for case in cases:
        _understand(connection, case)
    _compare_soon(kit, connection, [case for case in cases if case.is_open])
    cases = [case for case in cases if case.is_open]
    if not cases:
        return
    try:
        _look_and_converge(kit, connection, cases, enough)
        note_complaints(kit, connection, _bad_news(kit, [case for case in cases if _is_complaint(case)]))
    except MailchimpError as error:
        _put_off(kit, connection, [case for case in cases if case.is_open], error)


def _understand(connection: ConnectionRow, case: _Case) -> None:
    """Read what the delivery means, and settle it where it asks for nothing."""
    try:
        case.event = webhook.parse(case.row.body, case.row.content_type)
        reason = reason_to_skip(case.event, connection.audience_id)
    except NotUnderstood as error:
        case.settle(EventStatus.DEAD, code=error.code, why=str(error))
        return
    if reason is not None:
        case.skip(reason)


def _compare_soon(kit: Kit, connection: ConnectionRow, cases: Sequence[_Case]) -> None:
    """Somebody was deleted for good, and the delivery does not say who: that shows only when everybody is
    compared, which happens soon, or once the last time is long enough ago."""
    forgotten = [case for case in cases if case.event is not None and webhook.is_forgotten(case.event)]
    last = connection.last_full_sweep_at
    if any(last is not None and case.row.received_at > last for case in forgotten):
        with kit.store.write() as c:
            is_now = connections.want_full_sweep(c, connection.id, kit.now(), FULL_SWEEPS_APART)
        if is_now:
            kit.bell.ring(SWEEP, [connection.id])
    for case in forgotten:
        case.skip(SkipReason.FORGOTTEN)


def _look_and_converge(kit: Kit, connection: ConnectionRow, cases: list[_Case], enough: Enough) -> None:
    mailchimp = kit.mailchimp(connection)
    audience = connection.audience_id or ""
    _name_the_nameless(mailchimp, audience, cases, enough)
    cases = [case for case in cases if case.is_open and case.event and case.event.email]
    cases = _without_echoes(kit, connection, cases)
    cases = _without_those_read_since(kit, connection, cases)
    cause = Cause("webhook", tuple(case.row.id for case in cases))
    meet = partial(converge, kit, connection, cause=cause)
    questions = _questions(kit, connection, {case.address for case in cases})
    many = burst.are_many(kit, connection, questions)
    outcomes = burst.read(kit, mailchimp, connection, questions, meet, enough) if many else []
    read = {o.sighting.address for o in outcomes}
    if many:  # who is on no page has not changed since what was read before
        _without_those_read_since(kit, connection, [case for case in cases if case.address not in read])
    still = {case.address for case in cases if case.is_open} - read
    looked = look_up_each(mailchimp, audience, [q for q in questions if q.address in still], enough)
    outcomes += _met(meet, mailchimp, audience, looked, enough)
    answered = {o.sighting.address for o in outcomes}
    cases = [case for case in cases if case.is_open and case.address in answered]
    by_address = {o.sighting.address: o for o in outcomes if o.sighting.address is not None}
    # Who was not looked at again in time stays open: nobody knows yet which view was the newer one.
    cases = [case for case in cases if by_address[case.address].verdict is not Verdict.AGAIN]
    doubted = [case for case in cases if _is_doubtful(kit, case, by_address[case.address])]
    believed = _believe(kit, connection, doubted)
    for case in cases:
        if case in doubted:
            why = "believed; looked again later" if case.row.id in believed else "looked again later"
            case.settle(EventStatus.RETRYING, due_at=kit.now() + LOOK_AGAIN, why=why)
        else:
            _conclude(case, by_address[case.address])
    if any(o.plan is not None and not o.plan.up.is_empty for o in outcomes):
        kit.bell.ring(PUSH, [connection.id])


def _met(
    meet: Meet, mailchimp: Mailchimp, audience: str, sightings: Sequence[Sighting], enough: Enough
) -> list[Outcome]:
    """Converge what was looked up, and look once more where that did not settle it."""
    outcomes = meet(sightings)
    unsure = [o.sighting for o in outcomes if o.verdict is Verdict.AGAIN]
    outcomes += meet(look_again(mailchimp, audience, unsure, enough))
    return outcomes + meet_owners_first(meet, mailchimp, audience, outcomes)


def _without_those_read_since(kit: Kit, connection: ConnectionRow, cases: list[_Case]) -> list[_Case]:
    """Settle what was kept before everything that had changed was read; return the others. Who left, and
    whoever is to be looked at again, is looked at."""
    before = burst.read_to(kit, connection)
    done = [case for case in cases if case.row.id <= before and _was_answered(kit, case)]
    if not done:
        return cases
    with kit.store.read() as c:
        rows = members.by_views(c, connection.id, email_keys={case.address for case in done})
    known = {row.email_key for row in rows if row.theirs is not None}
    for case in done:
        if case.address in known:
            case.skip(SkipReason.NOTHING_NEW)
    return [case for case in cases if case.is_open]


def _was_answered(kit: Kit, case: _Case) -> bool:
    is_first = case.row.subject is None and kit.now() - case.row.received_at < FRESH
    return is_first and case.event is not None and case.event.type not in LEFT


def _without_echoes(kit: Kit, connection: ConnectionRow, cases: list[_Case]) -> list[_Case]:
    """Settle what tells nothing new, and put off what a push is about to know; return the others."""
    # A person who replays an old delivery wants it looked at, whatever is known.
    cases, old = _parted(cases, lambda case: kit.now() - case.row.received_at < FRESH)
    found = echoes(kit, connection, [case.event for case in cases if case.event])
    for n, case in enumerate(cases):
        if n in found.known:
            case.skip(SkipReason.NOTHING_NEW)
        elif n in found.being_sent and case.row.attempts <= WAITS_FOR_PUSH:
            why = "being sent at this moment; looked at later"
            case.settle(EventStatus.RETRYING, due_at=kit.now() + LOOK_AGAIN, why=why)
    return [case for case in (*cases, *old) if case.is_open]


def _parted(cases: Iterable[_Case], chosen: Callable[[_Case], bool]) -> tuple[list[_Case], list[_Case]]:
    yes, no = list[_Case](), list[_Case]()
    for case in cases:
        (yes if chosen(case) else no).append(case)
    return yes, no


def _questions(kit: Kit, connection: ConnectionRow, addresses: set[str]) -> list[Question]:
    """Ask for each address, and for the member who had it when last seen: who moved on since is not gone."""
    with kit.store.read() as c:
        rows = members.by_views(c, connection.id, email_keys=addresses)
    known = {row.email_key: row.mailchimp_contact_id for row in rows}
    return [Question(address, contact_id=known.get(address)) for address in sorted(addresses)]


def _name_the_nameless(mailchimp: Mailchimp, audience: str, cases: Sequence[_Case], enough: Enough) -> None:
    """Find the address of members that were named by `unique_email_id` only (SMS events)."""
    for case in cases:
        event = case.event
        if event is None or event.email or not event.unique_email_id:
            continue
        if enough():
            return
        member = mailchimp.member_by_unique_email_id(audience, event.unique_email_id)
        if member is None or not member.email:
            case.skip(SkipReason.NO_ADDRESS)
        else:
            case.event = replace(event, email=member.email)


def _conclude(case: _Case, outcome: Outcome) -> None:
    if outcome.verdict is Verdict.CHANGED:
        case.settle(EventStatus.APPLIED)
    elif outcome.verdict is Verdict.UNKNOWN:
        case.skip(SkipReason.NOT_KNOWN_HERE)
    else:
        case.skip(SkipReason.NOTHING_NEW)


# Bad news ----------------------------------------------------------------------------------------------


def _is_doubtful(kit: Kit, case: _Case, outcome: Outcome) -> bool:
    """Whether the look says "subscribed" though the letter says that they left, and the look is not
    provably the newer one."""
    event, member = case.event, outcome.sighting.member
    if event is None or event.type not in LEFT or member is None:
        return False
    if member.status is not MemberStatus.SUBSCRIBED:
        return False
    is_newer = event.fired_at and member.last_changed and member.last_changed > event.fired_at
    return not is_newer and kit.now() - case.row.received_at < DOUBT


def _is_complaint(case: _Case) -> bool:
    return case.event is not None and case.event.reason == COMPLAINT


def _believe(kit: Kit, connection: ConnectionRow, cases: Sequence[_Case]) -> set[int]:
    return believe(kit, connection, _bad_news(kit, cases))


def _bad_news(kit: Kit, cases: Sequence[_Case]) -> list[BadNews]:
    return [
        BadNews(
            case.address,
            LEFT[case.event.type],
            min(case.event.fired_at or case.row.received_at, kit.now()),
            case.event.reason,
            case.row.id,
        )
        for case in cases
        if case.event is not None and case.event.type in LEFT and case.address
    ]


# What did not work --------------------------------------------------------------------------------------


def _put_off(kit: Kit, connection: ConnectionRow, cases: Sequence[_Case], error: MailchimpError) -> None:
    """Mailchimp did not answer: believe who left, and try the look again, or wait for a person."""
    _believe(kit, connection, cases)
    if is_halting(error):
        halt(kit, connection.id, error)
        for case in cases:
            case.settle(EventStatus.RECEIVED, code=error.code, error=error, due_at=kit.now())
        return
    for case in cases:
        _try_again(kit, case, error.code, error)


def _try_again(kit: Kit, case: _Case, code: str, error: MailchimpError | None = None) -> None:
    settings = kit.settings
    decision = retry.decide(
        code,
        case.row.attempts,
        kit.chance(),
        max_attempts=settings.event_attempts,
        base_seconds=settings.retry_base_seconds,
    )
    if isinstance(decision, retry.Again):
        case.settle(EventStatus.RETRYING, code=code, error=error, due_at=kit.now() + decision.after)
    else:
        case.settle(EventStatus.DEAD, code=code, error=error, why=decision.reason)
