"""Tells which webhooks need no look: our own changes that come back, and what is on its way to be known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from processor.domain.contact import email_key
from processor.domain.echo import is_known
from processor.domain.event import Event, EventType
from processor.domain.policy import FieldKind
from processor.kit import Kit
from processor.store import contacts, members
from processor.store.connections import ConnectionRow
from processor.store.members import LastView

_MAY_WAIT = frozenset({EventType.SUBSCRIBE, EventType.PROFILE})


@dataclass(frozen=True, slots=True)
class Echoes:
    """Positions in the list of events that were asked about: those that tell nothing new, and those whose
    member is being sent at this moment, so that the answer to that is nearly there."""

    known: frozenset[int]
    being_sent: frozenset[int]


def echoes(kit: Kit, connection: ConnectionRow, events: Sequence[Event]) -> Echoes:
    """Return which of these events need no look, or not yet. Reads the database only; safe to repeat.
    Raises StoreDown."""
    addresses = {email_key(event.email) for event in events if event.email}
    rows = _rows(kit, connection, addresses)
    has_interests = any(rule.kind is FieldKind.INTEREST for rule in connection.policy.fields)
    known, being_sent = set(), set()
    for n, event in enumerate(events):
        row = rows.get(email_key(event.email or ""))
        if row is None:
            continue
        if is_known(event, row.theirs, has_interests=has_interests):
            known.add(n)
        elif event.type in _MAY_WAIT and row.claim is not None:
            being_sent.add(n)
    return Echoes(frozenset(known), frozenset(being_sent))


def _rows(kit: Kit, connection: ConnectionRow, addresses: set[str]) -> Mapping[str, LastView]:
    """The last views by address: of members who were seen, and of contacts who are on their way up."""
    with kit.store.read() as c:
        seen = members.last_views(c, connection.id, addresses)
        missing = sorted(addresses - seen.keys())
        by_address = contacts.find_by_email_keys(c, connection.account_id, missing)
        owner = {contact.id: address for address, same in by_address.items() for contact in same[:1]}
        going_up = members.by_contact_ids(c, connection.id, list(owner))
    return seen | {owner[i]: LastView(row.theirs, row.claim) for i, row in going_up.items()}
