"""Looks at the members whom events are about, brings both sides to agreement, and settles the events."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from processor import burst
from processor.broker import PUSH
from processor.converge import Cause, Outcome, Sighting, Verdict, converge
from processor.domain.event import EventStatus, SkipReason
from processor.kit import Kit
from processor.look import Enough, Question, look_again, look_up_each
from processor.mailchimp.client import Mailchimp
from processor.meeting import Meet, meet_owners_first
from processor.process.bad_news import believe_cases, is_complaint, is_doubtful
from processor.process.case import LOOK_AGAIN, Case
from processor.process.known import without_echoes, without_those_read_since
from processor.process.meaning import name_the_nameless
from processor.store import members
from processor.store.connections import ConnectionRow


def look_and_converge(kit: Kit, connection: ConnectionRow, cases: list[Case], enough: Enough) -> None:
    """Answer the open cases. Whom there was no time for stays open. Safe to repeat. Raises MailchimpError,
    StoreDown."""
    mailchimp = kit.mailchimp(connection)
    audience = connection.audience_id or ""
    name_the_nameless(mailchimp, audience, cases, enough)
    cases = [case for case in cases if case.is_open and case.event and case.event.email]
    cases = without_those_read_since(kit, connection, cases)
    cases = without_echoes(kit, connection, cases)
    # No look shows that somebody complained who had left before, and an older yes may be on its way.
    told = believe_cases(kit, connection, [case for case in cases if is_complaint(case)])
    cause = Cause("webhook", tuple(case.row.id for case in cases))
    meet = partial(converge, kit, connection, cause=cause)
    questions = _questions(kit, connection, {case.address for case in cases})
    many = burst.are_many(kit, connection, questions)
    outcomes = burst.read(kit, mailchimp, connection, questions, meet, enough) if many else []
    read = {o.sighting.address for o in outcomes}
    if many:  # who is on no page has not changed since what was read before
        without_those_read_since(kit, connection, [case for case in cases if case.address not in read])
    still = {case.address for case in cases if case.is_open} - read
    looked = look_up_each(mailchimp, audience, [q for q in questions if q.address in still], enough)
    outcomes += _met(meet, mailchimp, audience, looked, enough)
    answered = {o.sighting.address for o in outcomes}
    cases = [case for case in cases if case.is_open and case.address in answered]
    by_address = {o.sighting.address: o for o in outcomes if o.sighting.address is not None}
    # Who was not looked at again in time stays open: nobody knows yet which view was the newer one.
    cases = [case for case in cases if by_address[case.address].verdict is not Verdict.AGAIN]
    doubted = [case for case in cases if is_doubtful(kit, case, by_address[case.address])]
    believed = believe_cases(kit, connection, doubted)
    for case in cases:
        if case in doubted:
            why = "believed; looked again later" if case.row.id in believed else "looked again later"
            case.settle(EventStatus.RETRYING, due_at=kit.now() + LOOK_AGAIN, why=why)
        elif case.row.id in told:
            case.settle(EventStatus.APPLIED)
        else:
            conclude(case, by_address[case.address])
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


def _questions(kit: Kit, connection: ConnectionRow, addresses: set[str]) -> list[Question]:
    """Ask for each address, and for the member who had it when last seen: who moved on since is not gone."""
    with kit.store.read() as c:
        known = members.glance(c, connection.id, addresses)
    ids = {address: seen.mailchimp_contact_id for address, seen in known.items()}
    return [Question(address, contact_id=ids.get(address)) for address in sorted(addresses)]


def conclude(case: Case, outcome: Outcome) -> None:
    if outcome.verdict is Verdict.CHANGED:
        case.settle(EventStatus.APPLIED)
    elif outcome.verdict is Verdict.UNKNOWN:
        case.skip(SkipReason.NOT_KNOWN_HERE)
    else:
        case.skip(SkipReason.NOTHING_NEW)
