"""Conflicts in words: both values, which one was kept, and whether the other one can still be used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from processor.domain.catalogue import Words, words
from processor.domain.contact import Contact
from processor.domain.dispute import DisputeState, state_now
from processor.errors import Invalid
from processor.kit import Kit
from processor.sayings import name_of, plain
from processor.store import conflicts as stored
from processor.store import connections, contacts
from processor.store.conflicts import ConflictRow
from processor.store.connections import ConnectionRow

MOST_OF_CONTACT = 50
SIDES: Mapping[str, str] = {"platform": "the platform", "mailchimp": "Mailchimp"}


@dataclass(frozen=True, slots=True)
class ConflictReport:
    """A conflict as it stands. `email` is the contact's address now."""

    row: ConflictRow
    state: DisputeState
    words: Words
    email: str | None


@dataclass(frozen=True, slots=True)
class ConflictsPage:
    """Conflicts, newest first. `cursor` leads on to older ones; None when there are no more."""

    conflicts: Sequence[ConflictReport]
    cursor: str | None


def conflicts(
    kit: Kit, connection_id: str, account_id: str | None, *, limit: int = 100, after: str | None = None
) -> ConflictsPage:
    """Return one page of a connection's conflicts, newest first. Safe to repeat. Raises NotFound, also for
    another account's connection; Invalid for a cursor that was not ours; StoreDown."""
    before_id = stored.number_of(after) if after else None
    if after and before_id is None:
        raise Invalid(
            "Pass the `cursor` of the answer before, unchanged; leave it out to start over.", "after"
        )
    with kit.store.read() as c:
        connection = connections.owned(c, connection_id, account_id)
        found = stored.of_connection(c, connection_id, limit + 1, before_id)
        page = found[:limit]
        known = contacts.get_many(c, connection.account_id, {row.contact_id for row in page})
    told = [_report(connection, row, known.get(row.contact_id)) for row in page]
    return ConflictsPage(told, page[-1].name if len(found) > limit else None)


def conflict(kit: Kit, connection_id: str, conflict_id: str, account_id: str | None) -> ConflictReport | None:
    """Return one conflict, None where there is none. Raises NotFound for the connection, StoreDown."""
    with kit.store.read() as c:
        connection = connections.owned(c, connection_id, account_id)
        row = stored.get(c, stored.number_of(conflict_id) or 0)
        if row is None or row.connection_id != connection_id:
            return None
        return _report(connection, row, contacts.get(c, connection.account_id, row.contact_id))


def conflicts_of(kit: Kit, account_id: str, contact_id: str) -> list[ConflictReport]:
    """Return a contact's newest conflicts in all audiences. Raises StoreDown."""
    with kit.store.read() as c:
        rows = stored.of_contact(c, account_id, contact_id, MOST_OF_CONTACT)
        known = {row.id: row for row in connections.for_account(c, account_id)} if rows else {}
        contact = contacts.get(c, account_id, contact_id)
    return [_report(known[row.connection_id], row, contact) for row in rows if row.connection_id in known]


def _report(connection: ConnectionRow, row: ConflictRow, contact: Contact | None) -> ConflictReport:
    policy = connection.policy
    state = state_now(row.field, row.kept, row.other, contact, policy, is_followed=row.is_followed)
    email = contact.email if contact else None
    said = words(
        "conflict",
        field=f"“{row.field}”",
        name=name_of(contact) or email or row.contact_id,
        ours=plain(row.ours),
        theirs=plain(row.theirs),
        winner=SIDES.get(row.winner, row.winner),
    )
    return ConflictReport(row, state, said, email)
