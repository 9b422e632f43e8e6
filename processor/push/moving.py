"""What becomes of a contact whose new address another member still has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, auto

from processor.domain.catalogue import Retry, entry
from processor.domain.contact import Contact, email_key
from processor.push.done import TAKEN, Done
from processor.store import Connection, contacts, members
from processor.store.connections import ConnectionRow
from processor.store.members import MemberRow

SOON = 2
"""Attempts that are made before a member at whose address nobody is known is taken for a stranger: the one
who was known there has mostly just moved on."""


class Prospect(Enum):
    """How it goes on."""

    FAILS = auto()
    """The address is another contact's, and stays it."""
    WAITS = auto()
    """Whoever has it is about to leave it."""
    PARTS = auto()
    """The member there is no other contact's: left without one, never met, or of a contact who has that
    address no more and cannot leave it either (two who swapped their addresses). The contact parts from its
    member, and meets the one at its address."""


def prospects(
    c: Connection,
    connection: ConnectionRow,
    rows: Sequence[MemberRow],
    done: Mapping[int, Done],
    known: Mapping[str, Contact],
) -> dict[int, Prospect]:
    """Return how it goes on with each of these rows that was refused because its address is taken. `known`
    are their contacts."""
    moving = {
        row.id: (row, email_key(contact.email or ""))
        for row in rows
        if (what := done.get(row.id))
        and what.is_taken
        and row.member_id
        and (contact := known.get(row.contact_id or ""))
    }
    around = _Around(c, connection, done)
    around.look_at({address for _, address in moving.values()})
    return {row_id: _of(around, row, address) for row_id, (row, address) in moving.items()}


def _of(around: _Around, row: MemberRow, address: str) -> Prospect:
    """Go from the member at the new address to the one at its contact's new address, and so on."""
    passed = {row.id}
    while True:
        rival = around.member_at(address)
        owner = around.owner(rival)
        is_first = len(passed) == 1
        if rival is None and is_first and row.attempts < SOON:
            return Prospect.WAITS
        if rival is None or owner is None or not owner.email:
            return Prospect.PARTS if is_first else Prospect.WAITS
        if rival.id == row.id:
            return Prospect.PARTS
        if email_key(owner.email) == rival.email_key:
            return Prospect.FAILS
        if rival.id in passed:
            return Prospect.WAITS  # for others who go round in a circle
        if not around.is_taken(rival):
            return Prospect.WAITS if around.is_on_its_way(rival) else Prospect.FAILS
        passed.add(rival.id)
        address = email_key(owner.email)


class _Around:
    """Who is at an address in this audience, and whose member they are."""

    def __init__(self, c: Connection, connection: ConnectionRow, done: Mapping[int, Done]) -> None:
        self._c, self._connection, self._done = c, connection, done
        self._at: dict[str, MemberRow | None] = {}
        self._owners: dict[str, Contact] = {}

    def look_at(self, addresses: set[str]) -> None:
        """Read them together."""
        found = members.by_views(self._c, self._connection.id, email_keys=addresses) if addresses else []
        self._at |= dict.fromkeys(addresses)
        self._at |= {row.email_key or "": row for row in found}
        ids = [row.contact_id for row in found if row.contact_id]
        self._owners |= contacts.get_many(self._c, self._connection.account_id, ids)

    def member_at(self, address: str) -> MemberRow | None:
        if address not in self._at:
            self.look_at({address})
        return self._at[address]

    def owner(self, row: MemberRow | None) -> Contact | None:
        return self._owners.get(row.contact_id or "") if row else None

    def is_taken(self, row: MemberRow) -> bool:
        """Whether it was refused for the same reason."""
        done = self._done.get(row.id)
        return done.is_taken if done is not None else row.reason == TAKEN

    def is_on_its_way(self, row: MemberRow) -> bool:
        """Whether it has just left the address, or will be sent by itself."""
        done = self._done.get(row.id)
        if done is None:
            return row.due_at is not None or row.claim is not None
        return done.error is None or entry(done.error.code).retry is Retry.BY_ITSELF
