"""Bad news is believed at once: a webhook that says that somebody left is enough, until a look at the
member says otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from processor.converge.sighting import Cause, Sighting
from processor.converge.table import Table
from processor.domain.contact import Consent, ConsentStatus, MemberStatus
from processor.domain.edit import LEFT
from processor.domain.plan import ContactChange
from processor.kit import Kit
from processor.store import Connection
from processor.store.connections import ConnectionRow


@dataclass(frozen=True, slots=True)
class BadNews:
    """Somebody left, as a webhook says: `status` is unsubscribed or cleaned, `at` when it was fired."""

    address: str
    status: MemberStatus
    at: datetime
    reason: str | None
    event_id: int


def believe(kit: Kit, connection: ConnectionRow, news: Sequence[BadNews]) -> set[int]:
    """Take everybody named off the platform's list, and remember that Mailchimp said so. Returns the
    ids of the events that changed something. News older than what was seen since changes nothing.

    Safe to repeat. Raises StoreDown.
    """
    if not news:
        return set()

    def in_one_transaction(c: Connection) -> set[int]:
        cause = Cause("webhook", tuple(n.event_id for n in news))
        table = Table(connection, kit.now(), cause)
        table.lay(c, [Sighting(n.address, None) for n in news])
        believed = {n.event_id for n in news if _take_off(table, n)}
        table.write(c)
        return believed

    return kit.store.write_retrying(in_one_transaction)


def _take_off(table: Table, news: BadNews) -> bool:
    place, row = table.rows.find(("address", news.address))
    if row is not None and row.seen_at is not None and row.seen_at > news.at:
        return False  # a later look knows better
    contact_id = row.contact_id if row else table.claim_contact(news.address)
    contact = table.contact(contact_id)
    if contact is None or (row is None and not table.is_only):
        return False  # nobody has met them in this audience yet: the look decides
    known, base = (row.word, row.base) if row else (None, None)
    consent = table.towards(contact, known, base, row.status if row else None).consent
    if consent.status in LEFT:
        return False
    if consent.has_evidence and consent.at and consent.at > news.at:
        return False  # they came back after it: the look decides
    status = ConsentStatus.CLEANED if news.status is MemberStatus.CLEANED else ConsentStatus.UNSUBSCRIBED
    source = f"mailchimp:{news.status.value}" + (f" ({news.reason})" if news.reason else "")
    change = ContactChange(consent=Consent(status, news.at, source))
    why = {"cause": "webhook", "connection": table.connection.id, "events": [f"evt_{news.event_id}"]}
    _, word = table.hear(contact, consent, known, change, why)
    if row is not None:
        base = replace(row.base, status=news.status, consent_at=news.at) if row.base else None
        table.rows.put(replace(row, base=base, word=word), place=place)
    return True
