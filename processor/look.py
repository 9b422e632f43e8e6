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

FEW = 20
"""Up to this many members are read one by one; a page costs as much as one of them."""
PAGE = 1000
"""The most that Mailchimp gives in one answer (facts.md 4.6)."""
OVERLAP = timedelta(seconds=60)
"""How far back a page reaches behind the last change that was heard: `since_last_changed` is exclusive,
has one-second steps, and no promise says that changes become visible in their order."""


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
        return Looked(_one_by_one(mailchimp, audience, questions, enough, sure), [])
    start = since - OVERLAP if since else None
    first = mailchimp.members_page(audience, since=start, count=PAGE)
    if first.total > PAGE * max(1, len(questions) // FEW):
        return Looked(_one_by_one(mailchimp, audience, questions, enough, sure), [])
    members = list(changed(mailchimp, audience, start))
    return _answer(mailchimp, audience, questions, members, enough, sure)


def _one_by_one(
    mailchimp: Mailchimp, audience: str, questions: Sequence[Question], enough: Enough, sure: bool
) -> list[Sighting]:
    sightings = []
    for question in questions:
        if enough():
            break
        sightings.append(look_up(mailchimp, audience, question, sure=sure))
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
    sightings += _one_by_one(mailchimp, audience, missing, enough, sure)
    rest = [Sighting(None, m) for m in members if m.id not in used]
    watermark = max((m.last_changed for m in members if m.last_changed), default=None)
    return Looked(sightings, rest, watermark)


def look_up(mailchimp: Mailchimp, audience: str, question: Question, *, sure: bool = False) -> Sighting:
    """Read one member: under its known id, its address, and under its contact id, so that a member who
    moved is not taken for one who is gone. Raises MailchimpError."""
    keys = [question.member_id or subscriber_hash(question.address)]
    keys += [subscriber_hash(question.address)] if question.address else []
    keys += [question.contact_id] if question.contact_id else []
    for key in dict.fromkeys(keys):
        member = mailchimp.member(audience, key)
        if member is not None:
            return Sighting(question.address, member, question.row_id, sure=sure)
    return Sighting(question.address, None, question.row_id, sure=sure)


def changed(mailchimp: Mailchimp, audience: str, since: datetime | None) -> Iterator[Member]:
    """Yield every member that changed after `since` (all, where None), the archived too, oldest change
    first within each of the two passes. Raises MailchimpError."""
    for status in (None, MemberStatus.ARCHIVED):
        for page in pages(mailchimp, audience, since, status):
            yield from page


def pages(
    mailchimp: Mailchimp, audience: str, since: datetime | None, status: MemberStatus | None
) -> Iterator[list[Member]]:
    """Yield pages of members by the time of their last change.

    Paged by the watermark: with an offset alone, a member that changes meanwhile would push another one
    over the edge unseen (facts.md 4.6). Within one second, which an import can fill with thousands, an
    offset is all there is.
    """
    offset = 0
    while True:
        page = mailchimp.members_page(audience, since=since, status=status, offset=offset, count=PAGE)
        if page.members:
            yield page.members
        if len(page.members) + page.unreadable < PAGE:
            return
        newest = max((m.last_changed for m in page.members if m.last_changed), default=None)
        # Exclusive at Mailchimp, so one second back keeps the rest of the newest second.
        step = newest - timedelta(seconds=1) if newest else None
        if step is None or (since is not None and step <= since):
            offset += PAGE
        else:
            since, offset = step, 0


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
