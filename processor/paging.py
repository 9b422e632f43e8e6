"""Reads an audience page by page, so that a reader that was interrupted goes on where it was.

Paged by the time of the last change: with an offset alone, a member that changes meanwhile would push another
one over the edge unseen (facts.md 4.6). Within one second, which an import can fill with thousands, an offset
is all there is: each page then begins with the last one of the page before. Where it does not, somebody has
left that second meanwhile, and it is read anew, from its end: nobody comes into it any more, so all who are
still to be read only come nearer.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from processor.domain.contact import Member, MemberStatus
from processor.mailchimp.client import Mailchimp
from processor.mailchimp.members import MembersPage

PAGE = 1000
"""The most that Mailchimp gives in one answer (facts.md 4.6)."""
SECOND = timedelta(seconds=1)
"""The step of Mailchimp's times."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in an audience the next page begins: behind this time, and so many further. `status` None is
    everybody but the archived. Within a crowded second `anchor` is the id of the member whom the page is to
    begin with; `before` is the end of one that is read from its end."""

    status: MemberStatus | None
    since: datetime | None
    offset: int = 0
    anchor: str | None = None
    before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """A page, where it was, and where the next one begins: None after the last."""

    page: MembersPage
    place: Place
    following: Place | None

    @property
    def more(self) -> int:
        """How many more were read with this page; fewer than none where those before are read anew."""
        is_anew = self.place.anchor is not None and self.following is not None and self.following.before
        return -1 - self.place.offset if is_anew else len(self.page.members)


def read_page(mailchimp: Mailchimp, audience: str, place: Place) -> Read:
    """Read one page. Raises MailchimpError."""
    page = mailchimp.members_page(
        audience,
        since=place.since,
        before=place.before,
        status=place.status,
        offset=place.offset,
        count=PAGE,
    )
    following = _following(place, page)
    if _is_anchored(place, page):
        page = replace(page, members=page.members[1:])  # read with the page before
    return Read(page, place, following)


def _following(place: Place, page: MembersPage) -> Place | None:
    if place.before is not None:
        return _further_down(place, place.before, page)
    if place.anchor is not None and place.since is not None and not _is_anchored(place, page):
        return Place(place.status, place.since, _last_offset(page), before=place.since + 2 * SECOND)
    if len(page.members) + page.unreadable < PAGE:
        return None
    newest = max((m.last_changed for m in page.members if m.last_changed), default=None)
    if newest is None:
        return Place(place.status, place.since, place.offset + PAGE)
    # Exclusive at Mailchimp, so one second back keeps the rest of the newest second.
    step = newest - SECOND
    is_stuck = place.since is not None and step <= place.since
    if is_stuck or _is_one_second(page, step):
        return Place(place.status, step, place.offset + PAGE - 1, page.members[-1].id)
    return Place(place.status, step)


def _is_one_second(page: MembersPage, step: datetime) -> bool:
    return not page.unreadable and all(m.last_changed and m.last_changed > step for m in page.members)


def _is_anchored(place: Place, page: MembersPage) -> bool:
    return place.anchor is not None and bool(page.members) and page.members[0].id == place.anchor


def _further_down(place: Place, before: datetime, page: MembersPage) -> Place:
    """The page below this one in a crowded second; below the lowest, whatever comes after that second."""
    if place.offset == 0:
        return Place(place.status, before - SECOND)
    return replace(place, offset=min(place.offset - PAGE, _last_offset(page)))


def _last_offset(page: MembersPage) -> int:
    return max(0, page.total - 1) // PAGE * PAGE


def read_ahead(
    mailchimp: Mailchimp, audience: str, place: Place, before: Sequence[Member] = ()
) -> Iterator[Read]:
    """Yield this page and all after it. Each following page is read while the present one is worked on: one
    ahead, never more. `before` is the page before this one. Whoever stands on two pages one after the other,
    as they were, is on the first of them only. Raises MailchimpError at the page that could not be read."""
    ahead: _Ahead | None = _Ahead(mailchimp, audience, place)
    while ahead is not None:
        read = ahead.wait()
        ahead = _Ahead(mailchimp, audience, read.following) if read.following else None
        members = read.page.members
        yield replace(read, page=replace(read.page, members=_without(before, members)))
        before = members


def _without(before: Sequence[Member], members: list[Member]) -> list[Member]:
    """Pages overlap by a second, which an import fills with hundreds."""
    known = {member.id: member for member in before}
    return [member for member in members if known.get(member.id) != member]


class _Ahead:
    """One page that is being read in a thread of its own.

    A daemon, since the interpreter waits for every other thread when the process ends, and a call that hangs
    would hold a deploy up. A page that nobody waits for any more is read and forgotten.
    """

    def __init__(self, mailchimp: Mailchimp, audience: str, place: Place) -> None:
        self._read: Read | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(
            target=self._run, args=(mailchimp, audience, place), name="read-ahead", daemon=True
        )
        self._thread.start()

    def _run(self, mailchimp: Mailchimp, audience: str, place: Place) -> None:
        try:
            self._read = read_page(mailchimp, audience, place)
        except BaseException as error:  # whoever waits is told
            self._error = error

    def wait(self) -> Read:
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._read is not None
        return self._read
