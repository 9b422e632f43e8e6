"""Answers many webhooks at once: a few pages of what changed take the place of a look at each member.

What a page holds is brought to agreement as it comes, whoever rang, so that memory stays small and later
deliveries find everything done: those that were kept before the reading began need no look of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from processor.converge import Outcome
from processor.domain.contact import Member, MemberStatus, email_key
from processor.kit import Kit, Reading
from processor.look import OVERLAP, SHORT_OVERLAP, Enough, Question
from processor.mailchimp.client import Mailchimp
from processor.meeting import Meet, meet_page
from processor.paging import PAGE, Place, read_ahead, read_page
from processor.store import connections, inbox
from processor.store.connections import ConnectionRow
from processor.store.inbox import EventFilter
from processor.tagged import with_all_tags

FEW, FEW_MORE = 10, 3
"""Up to so many are looked up each: at first, and while a burst goes on."""
LOOKS_PER_PAGE = 2
"""A page costs as much time as a look, and more of the processor: it is read where it saves this many."""

MANY = 100
"""Deliveries answered by one reading: more are likely to be on their way."""
REST, LONGEST_REST = timedelta(seconds=2), timedelta(seconds=5)
"""How long the ones after them wait for each other after such a reading: as long as it took, within these
bounds. A call takes as long as some hundred deliveries need to come in, and every reading takes two and one
for each thousand who changed in the last seconds: without a rest a long burst costs that again and again."""


def is_resting(kit: Kit, connection_id: str) -> bool:
    """Whether everything that is due came after a reading that answered many, a moment ago. The clock finds
    it when the rest is over. Raises StoreDown."""
    known = kit.readings.get(connection_id)
    if known is None or known.rests_until is None or kit.now() >= known.rests_until:
        return False
    with kit.store.read() as c:
        first = inbox.oldest_due_id(c, connection_id, kit.now())
    return first is not None and first > known.event_id


def are_many(kit: Kit, connection: ConnectionRow, questions: Sequence[Question]) -> bool:
    """Whether pages are likely to save calls. Once they were read, the next ones are short."""
    return len(questions) > (FEW_MORE if _known(kit, connection) else FEW)


def read_to(kit: Kit, connection: ConnectionRow) -> int:
    """Return the number of the event up to which all deliveries of this connection were kept before this
    process last read everything that had changed; 0 for none."""
    known = _known(kit, connection)
    return known.event_id if known else 0


def read(
    kit: Kit,
    mailchimp: Mailchimp,
    connection: ConnectionRow,
    questions: Sequence[Question],
    meet: Meet,
    enough: Enough,
) -> list[Outcome]:
    """Read and converge what changed. Returns an outcome for each question that it answered, under the
    address that was asked for; none where looks are cheaper. When it is `enough`, it ends after the page at
    hand.

    Safe to repeat. Raises MailchimpError, StoreDown.
    """
    began = kit.now()
    with kit.store.read() as c:
        newest_event = inbox.find(c, EventFilter(connection_id=connection.id), limit=1)
    audience, since = connection.audience_id or "", _since(kit, connection)
    most = len(questions) // LOOKS_PER_PAGE * PAGE
    asked, newest = _Asked(questions), since
    for page in _pages(mailchimp, audience, since, most):
        if page is None:
            return asked.answers()
        page = with_all_tags(kit, mailchimp, connection, page, enough)
        asked.take(meet_page(meet, mailchimp, audience, page, enough))
        newest = max([at for at in (newest, *(m.last_changed for m in page)) if at], default=None)
        if enough():
            return asked.answers()
    if newest is not None:
        event_id = newest_event[0].id if newest_event else 0
        rest = min(max(REST, kit.now() - began), LONGEST_REST)
        rests_until = kit.now() + rest if len(questions) >= MANY else None
        kit.readings[connection.id] = Reading(audience, event_id, newest - SHORT_OVERLAP, rests_until)
        with kit.store.write() as c:
            connections.advance_watermark(c, connection.id, newest, kit.now())
    return asked.answers()


def _pages(
    mailchimp: Mailchimp, audience: str, since: datetime | None, most: int
) -> Iterator[Sequence[Member] | None]:
    """Yield the pages of both passes; None, and nothing more, where one has more than `most` members."""
    for status in (None, MemberStatus.ARCHIVED):
        first = read_page(mailchimp, audience, Place(status, since))
        if first.page.total > max(most, PAGE):
            yield None
            return
        yield first.page.members
        if first.following is not None:
            for read in read_ahead(mailchimp, audience, first.following, first.page.members):
                yield read.page.members


class _Asked:
    """The questions, and what the pages said to them."""

    def __init__(self, questions: Sequence[Question]) -> None:
        self._by_address = {email_key(q.address): q for q in questions}
        self._by_contact = {q.contact_id: q for q in questions if q.contact_id}
        self._answers: dict[str, Outcome] = {}

    def take(self, outcomes: Sequence[Outcome]) -> None:
        """Keep what was asked for, under the address that was asked for."""
        for outcome in outcomes:
            member = outcome.sighting.member
            question = self._question(member) if member else None
            if question is not None:
                sighting = replace(outcome.sighting, address=question.address)
                self._answers[question.address] = replace(outcome, sighting=sighting)

    def _question(self, member: Member) -> Question | None:
        return self._by_contact.get(member.contact_id or "") or self._by_address.get(email_key(member.email))

    def answers(self) -> list[Outcome]:
        """What was answered so far."""
        return list(self._answers.values())


def _since(kit: Kit, connection: ConnectionRow) -> datetime | None:
    heard = connection.watermark - OVERLAP if connection.watermark else None
    known = _known(kit, connection)
    if known is None or heard is None:
        return heard
    return max(heard, known.since)


def _known(kit: Kit, connection: ConnectionRow) -> Reading | None:
    known = kit.readings.get(connection.id)
    return known if known is not None and known.audience == connection.audience_id else None
