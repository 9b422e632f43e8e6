"""A complaint is told by the webhook alone: the member that is read after it says only that they left."""

from __future__ import annotations

from collections.abc import Sequence

from processor.converge.believe import BadNews
from processor.domain.contact import Consent, Contact, email_key
from processor.domain.edit import LEFT
from processor.domain.ledger import FROM_THERE, ConsentEntry, Side, Who
from processor.kit import Kit
from processor.store import Connection, consents, contacts, members
from processor.store.connections import ConnectionRow

COMPLAINT = "abuse"
"""The reason by which a webhook names one (facts.md 1.3)."""
RECENT = 20
"""Lines of the ledger among which the same event is looked for."""


def note_complaints(kit: Kit, connection: ConnectionRow, news: Sequence[BadNews]) -> None:
    """Write complaints into the ledger of consents, as the evidence for an opt-out that is known by now.

    Safe to repeat: an event is written down once. Raises StoreDown.
    """
    if not news:
        return

    def in_one_transaction(c: Connection) -> None:
        addresses = sorted({email_key(one.address) for one in news})
        found = contacts.find_by_email_keys(c, connection.account_id, addresses)
        ids = [contact.id for same in found.values() for contact in same]
        words = members.words_of(c, [connection.id], ids)
        for one in news:
            for contact in found.get(email_key(one.address), ()):
                said = [contact.consent, *(word.heard for word in words.get(contact.id, ()))]
                left = next((consent for consent in said if consent.status in LEFT), None)
                if left is not None and not _is_known(c, contact, one):
                    consents.append(c, [_entry(kit, connection, contact, left, one)])

    kit.store.write_retrying(in_one_transaction)


def _is_known(c: Connection, contact: Contact, news: BadNews) -> bool:
    lines = consents.of_contact(c, contact.account_id, [contact.id], RECENT)
    event = f"evt_{news.event_id}"
    return any(
        line.entry.who is Who.COMPLAINT and event in line.entry.cause.get("events", ()) for line in lines
    )


def _entry(
    kit: Kit, connection: ConnectionRow, contact: Contact, left: Consent, news: BadNews
) -> ConsentEntry:
    status = left.status.value
    return ConsentEntry(
        contact.account_id,
        contact.id,
        Side.HERE,
        status,
        status,
        Who.COMPLAINT,
        kit.now(),
        connection_id=connection.id,
        at=news.at,
        source=f"{FROM_THERE}{news.status.value} ({COMPLAINT})",
        address=contact.email,
        cause={"cause": "webhook", "connection": connection.id, "events": [f"evt_{news.event_id}"]},
    )
