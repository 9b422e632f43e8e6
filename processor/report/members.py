"""Which contacts are failing, left out or under way on a connection, and why."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from processor import sayings
from processor.domain.catalogue import Words
from processor.domain.contact import Contact
from processor.domain.plan import MemberState
from processor.errors import Invalid
from processor.kit import Kit
from processor.store import connections, contacts, left_out
from processor.store import members as stored
from processor.store.connections import ConnectionRow
from processor.store.left_out import Choice
from processor.store.members import MemberRow

_LONGEST_NUMBER = 18
"""Digits that fit into a row's number."""


@dataclass(frozen=True, slots=True)
class MemberReport:
    """How one contact stands towards the audience, in words.

    `contact_id` is None for a member whom the platform does not have. `detail` and `instance` are
    Mailchimp's own words and number. `next_try_at` is None where only a change, or a person who asks for
    it, brings another try.
    """

    contact_id: str | None
    email: str | None
    state: MemberState
    reason: str | None
    words: Words
    detail: str | None
    instance: str | None
    attempts: int
    next_try_at: datetime | None
    field: str | None = None
    """The platform's field that it is about."""
    left_out: Choice | None = None
    """Who chose to leave them out, and when; None for whoever is not left out by choice."""
    status: str | None = None
    """Mailchimp's word for how they stand there, when they were last seen."""

    @property
    def mailchimp_says(self) -> str | None:
        """Mailchimp's own words, where the sentence does not have them already."""
        told = self.words.happened
        return self.detail if self.detail and self.detail not in told else None


@dataclass(frozen=True, slots=True)
class MembersPage:
    """Members in the order in which they became known. `cursor` leads on; None when there are no more."""

    members: Sequence[MemberReport]
    cursor: str | None


def members(
    kit: Kit,
    connection_id: str,
    account_id: str | None,
    *,
    states: Collection[MemberState] | None = None,
    reason: str | None = None,
    field: str | None = None,
    limit: int = 100,
    after: str | None = None,
) -> MembersPage:
    """Return one page of a connection's members, of all states unless some are named; with `field` only those
    whose reason is about it ("" for about no field).

    Safe to repeat. Raises NotFound for a connection that is not there or another account's, Invalid for a
    cursor that was not ours, StoreDown.
    """
    after_id = _after(after)
    with kit.store.read() as c:
        connection = connections.owned(c, connection_id, account_id)
        found = stored.find(
            c, connection_id, limit=limit + 1, states=states, reason=reason, field=field, after_id=after_id
        )
        page = found[:limit]
        ids = [row.contact_id for row in page if row.contact_id]
        known = contacts.get_many(c, connection.account_id, ids)
        chosen = left_out.of_contacts(c, connection_id, ids)
    now = kit.now()
    told = [
        member_report(connection, row, known.get(row.contact_id or ""), now, chosen.get(row.contact_id or ""))
        for row in page
    ]
    return MembersPage(told, str(page[-1].id) if len(found) > limit else None)


def member_report(
    connection: ConnectionRow,
    row: MemberRow,
    contact: Contact | None,
    now: datetime,
    chosen: Choice | None = None,
) -> MemberReport:
    """Return how a member's row stands, in words."""
    return MemberReport(
        contact_id=row.contact_id,
        email=sayings.address_of(row, contact),
        state=row.state,
        reason=row.reason,
        words=sayings.of_member(connection, row, contact),
        detail=sayings.detail_of(connection, row),
        instance=row.instance,
        attempts=row.attempts,
        # Of one that a worker holds, the row says when the lease ends: it is being tried now.
        next_try_at=row.due_at if row.claim is None else now,
        field=row.field,
        left_out=chosen,
        status=row.status.value if row.status else None,
    )


def _after(cursor: str | None) -> int | None:
    if not cursor:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= _LONGEST_NUMBER):
        raise Invalid(
            "Pass the `cursor` of the answer before, unchanged; leave it out to start over.", "after"
        )
    return int(cursor)
