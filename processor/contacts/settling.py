"""A person decides a conflict the other way: the value that was not kept is written as a new edit, and goes
wherever edits go."""

from __future__ import annotations

from processor.contacts import put
from processor.domain.connection import LEAVING
from processor.domain.contact import Contact
from processor.domain.dispute import EMAIL, DisputeState, state_now
from processor.domain.edit import ContactPatch
from processor.errors import Conflict, NotFound
from processor.kit import Kit
from processor.store import conflicts, connections, contacts
from processor.store.conflicts import ConflictRow
from processor.store.connections import ConnectionRow


def use_other(kit: Kit, connection_id: str, conflict_id: str, account_id: str | None, by: str) -> ConflictRow:
    """Write the value that was not kept, and return the conflict as it is then.

    Safe to repeat: one whose other value is there already is answered as it is. Raises NotFound, also for
    another account's; Conflict where the field has changed since, so that nothing is written; StoreDown.
    """
    connection, row, contact = _read(kit, connection_id, conflict_id, account_id)
    state = state_now(row.field, row.kept, row.other, contact, connection.policy, is_followed=row.is_followed)
    if state is DisputeState.SUPERSEDED or contact is None:
        raise Conflict(
            "The field has changed since then, or is not kept in step any more, so nothing was written. Edit "
            "the contact instead."
        )
    if state is DisputeState.OPEN:
        done = put(kit, connection.account_id, contact.id, _patch(row, contact), by)
        if done.stale:
            raise Conflict("The contact was changed at this moment, so nothing was written. Look again.")
    with kit.store.write() as c:
        conflicts.mark_used(c, row.id, by, kit.now())
    return _read(kit, connection_id, conflict_id, account_id)[1]


def _read(
    kit: Kit, connection_id: str, conflict_id: str, account_id: str | None
) -> tuple[ConnectionRow, ConflictRow, Contact | None]:
    with kit.store.read() as c:
        connection = connections.get(c, connection_id)
        row = conflicts.get(c, conflicts.number_of(conflict_id) or 0)
        is_theirs = connection is not None and account_id in {None, connection.account_id}
        if connection is None or row is None or not is_theirs or row.connection_id != connection.id:
            raise NotFound(f"There is no conflict “{conflict_id}”.")
        if connection.state in LEAVING:
            raise Conflict("This connection is undone: there is no other side any more.")
        return connection, row, contacts.get(c, connection.account_id, row.contact_id)


def _patch(row: ConflictRow, contact: Contact) -> ContactPatch:
    if row.field == EMAIL:
        return ContactPatch(email=row.other, version=contact.version)
    return ContactPatch(fields={row.field: row.other}, version=contact.version)
