"""Reads an audience page by page, so that a reader that was interrupted goes on where it was.

Paged by the time of the last change: with an offset alone, a member that changes meanwhile would push another
one over the edge unseen (facts.md 4.6). Within one second, which an import can fill with thousands, an offset
is all there is.
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


@dataclass(frozen=True, slots=True)
class Place:
    """Where in an audience the next page begins: behind this time, and so many further. `status` None is
    everybody but the archived."""

    status: MemberStatus | None
    since: datetime | None
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Read:
    """A page, where it was, and where the next one begins: None after the last."""

    page: MembersPage
    place: Place
    following: Place | None


def read_page(mailchimp: Mailchimp, audience: str, place: Place) -> Read:
    """Read one page. Raises MailchimpError."""
    page = mailchimp.members_page(
        audience, since=place.since, status=place.status, offset=place.offset, count=PAGE
    )
    return Read(page, place, _following(place, page))


def _following(place: Place, page: MembersPage) -> Place | None:
    if len(page.members) + page.unreadable < PAGE:
        return None
    newest = max((m.last_changed for m in page.members if m.last_changed), default=None)
    # Exclusive at Mailchimp, so one second back keeps the rest of the newest second.
    step = newest - timedelta(seconds=1) if newest else None
    if step is None or (place.since is not None and step <= place.since):
        return Place(place.status, place.since, place.offset + PAGE)
    if not page.unreadable and all(m.last_changed and m.last_changed > step for m in page.members):
        return Place(place.status, step, PAGE)  # all of one second: nobody need be read twice
    return Place(place.status, step)


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
