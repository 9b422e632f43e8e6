"""Which contacts are failing, left out or under way on a connection, and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from processor.domain import exclusions
from processor.domain.catalogue import Words, words
from processor.domain.contact import Contact
from processor.domain.plan import MemberState
from processor.errors import Invalid
from processor.kit import Kit
from processor.report.connections import owned
from processor.store import contacts
from processor.store import members as stored
from processor.store.connections import ConnectionRow
from processor.store.members import MemberRow

_IN_SYNC = Words("In step", "Both sides say the same.", "Nothing to do.", None)
_WAITING = Words("On its way", "A change is on its way to Mailchimp.", "Nothing to do.", None)
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
    limit: int = 100,
    after: str | None = None,
) -> MembersPage:
    """Return one page of a connection's members, of all states unless some are named.

    Safe to repeat. Raises NotFound for a connection that is not there or another account's, Invalid for a
    cursor that was not ours, StoreDown.
    """
    after_id = _after(after)
    with kit.store.read() as c:
        connection = owned(c, connection_id, account_id)
        found = stored.find(
            c, connection_id, limit=limit + 1, states=states, reason=reason, after_id=after_id
        )
        page = found[:limit]
        ids = [row.contact_id for row in page if row.contact_id]
        known = contacts.get_many(c, connection.account_id, ids)
    now = kit.now()
    told = [member_report(connection, row, known.get(row.contact_id or ""), now) for row in page]
    return MembersPage(told, str(page[-1].id) if len(found) > limit else None)


def member_report(
    connection: ConnectionRow, row: MemberRow, contact: Contact | None, now: datetime
) -> MemberReport:
    """Return how a member's row stands, in words."""
    email = (contact.email if contact else None) or row.email_key
    return MemberReport(
        contact_id=row.contact_id,
        email=email,
        state=row.state,
        reason=row.reason,
        words=_words(connection, row, contact, email),
        detail=_without_tag(connection, row),
        instance=row.instance,
        attempts=row.attempts,
        # Of one that a worker holds, the row says when the lease ends: it is being tried now.
        next_try_at=row.due_at if row.claim is None else now,
        field=row.field,
    )


def _words(connection: ConnectionRow, row: MemberRow, contact: Contact | None, email: str | None) -> Words:
    name = name_of(contact) or email
    if row.state is MemberState.EXCLUDED:
        return exclusions.words(row.reason)
    if row.state is MemberState.FAILING or row.reason is not None:
        return words(
            row.reason or "internal",
            name=name,
            email=email,
            field=f"“{row.field}”" if row.field else None,
            value=_value(row, contact),
            detail=_without_tag(connection, row),
            instance=row.instance,
            audience=connection.audience_name,
        )
    return _WAITING if row.state is MemberState.WAITING else _IN_SYNC


def _value(row: MemberRow, contact: Contact | None) -> object:
    value = contact.fields.get(row.field) if contact and row.field else None
    return plain(value)


def plain(value: object) -> object:
    """Return a value as sentences have it: an address in one line."""
    if isinstance(value, Mapping):
        return ", ".join(str(part) for part in value.values() if part)
    return value


def _without_tag(connection: ConnectionRow, row: MemberRow) -> str | None:
    """What Mailchimp said of a field, without its own name for it, which the sentence has already."""
    tags = [rule.target for rule in connection.policy.fields if rule.field == row.field]
    before = f"{tags[0]}: " if tags else ""
    return (row.detail or "").removeprefix(before) or None


def name_of(contact: Contact | None) -> str:
    """Return what a contact is called, "" where that is not known."""
    if contact is None:
        return ""
    parts = (contact.fields.get("first_name"), contact.fields.get("last_name"))
    return " ".join(str(part).strip() for part in parts if part).strip()


def _after(cursor: str | None) -> int | None:
    if not cursor:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= _LONGEST_NUMBER):
        raise Invalid(
            "Pass the `cursor` of the answer before, unchanged; leave it out to start over.", "after"
        )
    return int(cursor)
