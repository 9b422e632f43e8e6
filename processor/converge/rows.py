"""The rows of members that a set of sightings may concern, found by any of their names."""

from __future__ import annotations

from collections.abc import Sequence

from processor.domain.contact import MemberStatus
from processor.domain.plan import Exclusion
from processor.store import (
    members,
)
from processor.store.members import MemberRow

AUDIENCE_CONSENT = "audience_consent"
"""In the feed: what one audience's record says of a person, who has others beside it."""


class Rows:
    """Member rows, found by id, by Mailchimp's contact id, by subscriber hash, by address."""

    def __init__(self) -> None:
        self._by_place: dict[int, MemberRow] = {}
        self._place: dict[tuple[str, object], int] = {}
        self._dirty: set[int] = set()
        self._stored: dict[int, MemberRow] = {}
        self._dropped: list[int] = []
        self._expected: dict[str, int] = {}

    def expect(self, address: str, row: MemberRow) -> None:
        """Keep a contact's row that no member was seen for yet: one with this address is its member."""
        self._expected[address] = self.put(row, dirty=False)

    def expected(self, address: str) -> tuple[int | None, MemberRow | None]:
        """Return the row that waits for a member with this address, and its place."""
        place = self._expected.get(address)
        row = None if place is None else self._by_place.get(place)
        return (place, row) if row is not None and _is_nobodys(row) else (None, None)

    def put(self, row: MemberRow, *, dirty: bool = True, place: int | None = None) -> int:
        """Keep a row. A new one (id 0) gets a place of its own; `place` replaces one that has it already."""
        if place is None:
            place = self._place.get(("id", row.id)) if row.id else None
        if place is None:
            place = len(self._by_place) + len(self._dropped)
        self._by_place[place] = row
        if dirty:
            self._dirty.add(place)
        else:
            self._stored[row.id] = row
        for name in _names(row):
            self._place[name] = place
        return place

    def find(self, *names: tuple[str, object]) -> tuple[int | None, MemberRow | None]:
        """Return the first row that goes by one of the names, and its place."""
        for name in names:
            place = self._place.get(name)
            # A name is left behind when a row moves to another address: it must still be the row's own.
            if place is not None and name in _names(self._by_place[place]):
                return place, self._by_place[place]
        return None, None

    def drop(self, place: int) -> None:
        """Take a row away."""
        row = self._by_place.pop(place)
        self._dirty.discard(place)
        self._place = {name: where for name, where in self._place.items() if where != place}
        if row.id:
            self._dropped.append(row.id)

    def dropped(self) -> list[int]:
        """The ids of the rows that were taken away."""
        return sorted(self._dropped)

    def new(self) -> list[MemberRow]:
        """The rows that the database does not hold yet."""
        return [row for row in self._by_place.values() if not row.id]

    def changed(self) -> list[MemberRow]:
        """The rows that the database holds otherwise, in the order of their ids."""
        return [row for row in self._written() if row != self._stored.get(row.id)]

    def met(self) -> set[str | None]:
        """The contacts of whom something was agreed, or said."""
        rows = self._by_place.values()
        return {row.contact_id for row in rows if row.word or (row.base and row.base.status)}

    def freed(self) -> set[str]:
        """The addresses that members have left, by moving on, by being deleted, or with their contacts."""
        before, now = self._stored.values(), self._by_place.values()
        return {row.email_key for row in before if _keeps_address(row) and row.email_key} - {
            row.email_key for row in now if _keeps_address(row)
        }

    def differing(self, changed: Sequence[MemberRow]) -> set[str]:
        """In which columns these differ from what the database holds: in few, mostly, and each one costs."""
        found, others = set[str](), set(members.DATA)
        for row in changed:
            old = self._stored.get(row.id)
            found |= {name for name in others if old is None or getattr(row, name) != getattr(old, name)}
            others -= found
        return found

    def cause_changed(self) -> bool:
        """Whether anybody begins or ceases to fail, or fails of something else."""
        before = (self._stored.get(row.id) for row in self._written())
        known = any(
            (old.cause if old else None) != row.cause
            for old, row in zip(before, self._written(), strict=True)
        )
        return known or any(row.cause for row in self.new())

    def _written(self) -> list[MemberRow]:
        rows = (self._by_place[place] for place in self._dirty)
        return sorted((row for row in rows if row.id), key=lambda row: row.id)


def _is_nobodys(row: MemberRow) -> bool:
    """Whether no member was seen for this row yet."""
    return row.member_id is None and row.mailchimp_contact_id is None


def _keeps_address(row: MemberRow) -> bool:
    return row.status is not MemberStatus.DELETED and row.reason != Exclusion.DELETED_HERE


def _names(row: MemberRow) -> list[tuple[str, object]]:
    names = [("id", row.id or None), ("contact", row.mailchimp_contact_id), ("hash", row.member_id)]
    return [name for name in (*names, ("address", row.email_key)) if name[1]]
