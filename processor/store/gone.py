"""What the records of audiences said that are connected no more: the ledger of consents remembers it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, exists, select

from processor.domain.contact import Consent, ConsentStatus, Contact, email_key
from processor.domain.ledger import Side
from processor.store.sql import pieces
from processor.store.tables import consents, receipts

_STATUSES = frozenset(status.value for status in ConsentStatus)


def said_there(
    c: Connection, account_id: str, people: Sequence[Contact], connected: Collection[str]
) -> dict[str, list[Consent]]:
    """Return, by contact id, what each audience that was disconnected last said of these contacts.
    `connected` are the account's connections at work. A bounce counts for the address that it was said of.

    Costs one look where nothing was ever disconnected.
    """
    if not people or not c.execute(select(exists().where(receipts.c.account_id == account_id))).scalar_one():
        return {}
    at = {contact.id: email_key(contact.email or "") for contact in people}
    last: dict[tuple[str, str], Consent] = {}
    for piece in pieces(sorted(at)):
        query = select(consents).where(
            consents.c.account_id == account_id,
            consents.c.contact_id.in_(piece),
            consents.c.side == Side.HERE.value,
            consents.c.about.is_(None),
            consents.c.connection_id.is_not(None),
            consents.c.connection_id.not_in(sorted(connected)),
            consents.c.after.in_(_STATUSES),
        )
        for row in c.execute(query.order_by(consents.c.id)):
            consent = Consent(ConsentStatus(row.after), row.at, row.source)
            is_elsewhere = email_key(row.address or "") != at[row.contact_id]
            if consent.status is not ConsentStatus.CLEANED or not is_elsewhere:
                last[row.contact_id, row.connection_id] = consent
    found: dict[str, list[Consent]] = {}
    for (contact_id, _), consent in last.items():
        found.setdefault(contact_id, []).append(consent)
    return found
