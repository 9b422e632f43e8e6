"""Reads members anew: one call each when there are few, pages of a thousand when there are many.

A webhook is a bell, not a letter (facts.md 1.8), and so is a contact that is due for push: what is
believed is what Mailchimp says now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from processor.converge.sighting import Sighting
from processor.domain.contact import Member, MemberStatus, email_key, subscriber_hash
from processor.mailchimp.client import Mailchimp
from processor.paging import PAGE, Place, read_page

FEW = 20
"""Up to this many members are read one by one; a page costs as much as one of them."""
OVERLAP = timedelta(seconds=60)
"""How far back a page reaches behind the last change that was heard: `since_last_changed` is exclusive,
has one-second steps, and no promise says that changes become visible in their order."""
SHORT_OVERLAP = timedelta(seconds=10)
"""The same behind what this process itself has read to the end."""


Enough = Callable[[], bool]
"""Whether work should come to its end: asked before each call that need not be made now."""


@dataclass(frozen=True, slots=True)
class Question:
    """Which member is asked for. `contact_id` finds one whose address changed since."""

    address: str
    row_id: int | None = None
    contact_id: str | None = None
    member_id: str | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look brought: sightings that answer questions, and others that came along on the pages.
    `watermark` is the newest change on pages that were read to their end; None where none were."""

    sightings: list[Sighting]
    by_the_way: list[Sighting]
    watermark: datetime | None = None


def look(
    mailchimp: Mailchimp,
    audience: str,
    questions: Sequence[Question],
    since: datetime | None,
    enough: Enough,
    *,
    sure: bool = False,
) -> Looked:
    """Read what is asked for. `since` is a time before which nothing that is asked for changed; None, where
    nothing was heard yet, means the whole audience. When it is `enough`, what was not looked up has no
    sighting: those are to be asked for again. `sure` is for members whose rows were read before this look
    began (see `Sighting`). Raises MailchimpError."""
    if len(questions) <= FEW:
        return Looked(look_up_each(mailchimp, audience, questions, enough, sure=sure), [])
    start = since - OVERLAP if since else None
    first = mailchimp.members_page(audience, since=start, count=PAGE)
    if first.total > PAGE * max(1, len(questions) // FEW):
        return Looked(look_up_each(mailchimp, audience, questions, enough, sure=sure), [])
    members = list(changed(mailchimp, audience, start))
    return _answer(mailchimp, audience, questions, members, enough, sure)


def look_up_each(
    mailchimp: Mailchimp, audience: str, questions: Sequence[Question], enough: Enough, *, sure: bool = False
) -> list[Sighting]:
    """Read members one by one, as `look_up` does. When it is `enough` the rest has no sighting. Raises
    MailchimpError."""
    sightings = []
    for question in questions:
        if enough():
            break
        member = _find(mailchimp, audience, question)
        sightings.append(Sighting(question.address, member, question.row_id, sure=sure))
    if any(s.member is None for s in sightings):
        # Once, after all of them: it is only now that "not there" can be told from "no audience there".
        mailchimp.audience(audience)
    return sightings


def _answer(
    mailchimp: Mailchimp,
    audience: str,
    questions: Sequence[Question],
    members: list[Member],
    enough: Enough,
    sure: bool,
) -> Looked:
    by_contact = {m.contact_id: m for m in members if m.contact_id}
    by_address = {email_key(m.email): m for m in members}
    sightings, used, missing = [], set(), []
    for question in questions:
        member = by_contact.get(question.contact_id) if question.contact_id else None
        member = member or by_address.get(email_key(question.address))
        if member is None:
            missing.append(question)
            continue
        used.add(member.id)
        sightings.append(Sighting(question.address, member, question.row_id, sure=sure))
    sightings += look_up_each(mailchimp, audience, missing, enough, sure=sure)
    rest = [Sighting(None, m) for m in members if m.id not in used]
    watermark = max((m.last_changed for m in members if m.last_changed), default=None)
    return Looked(sightings, rest, watermark)


def look_up(mailchimp: Mailchimp, audience: str, question: Question, *, sure: bool = False) -> Sighting:
    """Read one member: under its known id, its address, and under its contact id, so that a member who
    moved is not taken for one who is gone. Raises MailchimpError."""
    return look_up_each(mailchimp, audience, [question], _never, sure=sure)[0]


def _never() -> bool:
    return False


def _find(mailchimp: Mailchimp, audience: str, question: Question) -> Member | None:
    """The member; None where it is not there, or the audience is not."""
    keys = [question.member_id or subscriber_hash(question.address)]
    keys += [subscriber_hash(question.address)] if question.address else []
    keys += [question.contact_id] if question.contact_id else []
    for key in dict.fromkeys(keys):
        member = mailchimp.member(audience, key, unsure=True)
        if member is not None:
            return member
    return None


def changed(mailchimp: Mailchimp, audience: str, since: datetime | None) -> Iterator[Member]:
    """Yield every member that changed after `since` (all, where None), the archived too, oldest change
    first within each of the two passes. Raises MailchimpError."""
    for status in (None, MemberStatus.ARCHIVED):
        for page in pages(mailchimp, audience, since, status):
            yield from page


def pages(
    mailchimp: Mailchimp, audience: str, since: datetime | None, status: MemberStatus | None
) -> Iterator[list[Member]]:
    """Yield pages of members by the time of their last change (see `processor.paging`). Raises
    MailchimpError."""
    place: Place | None = Place(status, since)
    while place is not None:
        read = read_page(mailchimp, audience, place)
        if read.page.members:
            yield read.page.members
        place = read.following


def look_again(
    mailchimp: Mailchimp, audience: str, unsure: Sequence[Sighting], enough: Enough
) -> list[Sighting]:
    """Read those members once more whose view was of the same second as the one known, and different. When
    it is `enough` the rest has no sighting, as with `look`."""
    known = [(s, s.member) for s in unsure if s.member is not None]
    if not known:
        return []
    questions = [Question(s.address or m.email, s.row_id, m.contact_id, m.id) for s, m in known]
    since = min((m.last_changed for _, m in known if m.last_changed), default=None)
    return look(mailchimp, audience, questions, since, enough, sure=True).sightings
