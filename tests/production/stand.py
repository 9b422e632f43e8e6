"""A Mailchimp and a database that do as a test says, in its own process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from processor.domain.contact import Member, MemberStatus, subscriber_hash
from processor.errors import StoreDown
from processor.mailchimp.members import MembersPage
from processor.store import Store
from tests.store.build import NOW

AUDIENCE = "a6b5da1054"


class Mailchimp:
    """An audience in which everybody who is asked for is subscribed. Each call takes a while."""

    def __init__(self) -> None:
        self.now = NOW
        self.call_seconds = 0.0
        self.calls = 0
        self.known = [member_number(n) for n in range(100)]

    def _called(self) -> None:
        self.calls += 1
        self.now += timedelta(seconds=self.call_seconds)

    def audience(self, audience: str) -> None:
        """Be there."""

    def member(self, audience: str, key: str, **_: Any) -> Member | None:
        """Return one member."""
        self._called()
        return next((m for m in self.known if key in {m.id, m.contact_id}), None)

    def members_page(self, audience: str, *, status: MemberStatus | None = None, **_: Any) -> MembersPage:
        """Return everybody on one page; nobody is archived."""
        self._called()
        found = [] if status else self.known
        return MembersPage(found, len(found))


class Away(Store):
    """A database that goes away after so many transactions."""

    writes_left: int | None = None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection while there is one."""
        if self.writes_left is not None:
            if self.writes_left == 0:
                raise StoreDown("the database does not answer")
            self.writes_left -= 1
        with super().write() as c:
            yield c


def member_number(n: int) -> Member:
    """Return one of the hundred people of the audience."""
    email = f"p{n}@maple-street.test"
    changed = NOW - timedelta(days=1, seconds=n)
    return Member(subscriber_hash(email), email, MemberStatus.SUBSCRIBED, last_changed=changed)
