"""Writes a conflict down that no look can show: an edit in Mailchimp that our own write took the place of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from processor.domain.contact import email_key
from processor.domain.event import Event
from processor.domain.overtaken import Told, differing, is_overtaken
from processor.domain.policy import Winner
from processor.kit import Kit
from processor.store import Connection, changes, conflicts, members, pushes
from processor.store.changes import Change, Origin
from processor.store.conflicts import ConflictRow
from processor.store.connections import ConnectionRow
from processor.store.members import MemberRow
from processor.store.pushes import PushOutcome

RECENT = 50
"""Lines of a contact's history among which a value is looked for."""


def note_overtaken(kit: Kit, connection: ConnectionRow, letters: Sequence[Event]) -> int:
    """Write down what these letters say was written in Mailchimp and our own write took the place of, unseen;
    return how many. Only for letters whose members were looked at, or are known, by now.

    Safe to repeat: what was written down is known from then on. Raises StoreDown.
    """
    written = [letter for letter in letters if letter.email and letter.fired_at]
    if not written:
        return 0
    with kit.store.read() as c:
        rows = _sent_to_since(c, connection, written)
        found = [
            one
            for letter in letters
            if (row := rows.get(email_key(letter.email or ""))) is not None and row.contact_id
            for one in _overtaken(c, kit, connection, row, letter)
        ]
    if found:
        kit.store.write_retrying(lambda c: conflicts.note(c, found))
    return len(found)


def _sent_to_since(
    c: Connection, connection: ConnectionRow, letters: Sequence[Event]
) -> dict[str | None, MemberRow]:
    """Return those of the letters' members by address to whom anything was sent since the first letter was
    written: few, while a burst comes from Mailchimp."""
    addresses = {email_key(letter.email or "") for letter in letters}
    since = min(letter.fired_at for letter in letters if letter.fired_at)
    owners = members.contacts_at(c, connection.id, addresses)
    sent = pushes.sent_since(c, connection.account_id, owners.values(), since)
    theirs = [address for address, contact_id in owners.items() if contact_id in sent]
    return {row.email_key: row for row in members.by_views(c, connection.id, email_keys=theirs)}


def _overtaken(
    c: Connection, kit: Kit, connection: ConnectionRow, row: MemberRow, letter: Event
) -> Iterator[ConflictRow]:
    differ = differing(letter, row.theirs, connection.policy)
    if not differ or letter.fired_at is None or row.contact_id is None:
        return
    history = _History(c, connection, row.contact_id)
    for name, (said, now) in differ.items():
        if is_overtaken(said, now, letter.fired_at, history.of(name)):
            yield ConflictRow(
                connection.account_id,
                connection.id,
                row.contact_id,
                name,
                now,
                said,
                Winner.PLATFORM.value,
                kit.now(),
            )


class _History:
    """What the contact's newest lines say, by field."""

    def __init__(self, c: Connection, connection: ConnectionRow, contact_id: str) -> None:
        account_id = connection.account_id
        self._changes = changes.of_contact(c, account_id, contact_id, RECENT)
        self._pushes = pushes.of_contact(c, account_id, [contact_id], RECENT)
        self._conflicts = conflicts.of_contact(c, account_id, contact_id, RECENT)

    def of(self, name: str) -> list[Told]:
        lines: list[Told] = []
        for change in (row.change for row in self._changes):
            if pair := change.what.get(f"fields.{name}"):
                heard_at = _changed_at(change) if change.origin is Origin.MAILCHIMP else None
                lines.append(Told(change.at, _values(pair), heard_at=heard_at))
        for push in self._pushes:
            if pair := push.what.get(f"fields.{name}"):
                taken = push.outcome is not PushOutcome.REFUSED
                lines.append(Told(push.at, _values(pair), sent=pair["after"] if taken else None))
        lines += [Told(x.at, (x.ours, x.theirs)) for x in self._conflicts if x.field == name]
        return lines


def _changed_at(change: Change) -> datetime | None:
    """By Mailchimp's clock, as a letter's time is: when we wrote it down says little about when we looked."""
    said = change.why.get("changed_at")
    return datetime.fromisoformat(said) if isinstance(said, str) else None


def _values(pair: dict[str, Any]) -> tuple[Any, ...]:
    return pair["before"], pair["after"]
