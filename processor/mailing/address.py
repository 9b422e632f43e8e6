"""Where a customer is told of issues."""

from __future__ import annotations

from processor.config import is_mail_address
from processor.errors import Invalid
from processor.kit import Kit
from processor.store import accounts, links
from processor.store.links import LinkKind


def address_of(kit: Kit, account_id: str) -> str | None:
    """Return where the account's customer is told of issues, or None. Raises StoreDown."""
    with kit.store.read() as c:
        return accounts.notify_email(c, account_id)


def set_address(kit: Kit, account_id: str, address: str | None) -> str | None:
    """Write where the customer is told from now on; None for nowhere. Returns it as it is kept. An account
    that is not known yet is made; links in mails to the address before open nothing any more.

    Safe to repeat. Raises Invalid for what is no address, StoreDown.
    """
    cleaned = address.strip() if address else None
    if cleaned and (not is_mail_address(cleaned) or "<" in cleaned or "," in cleaned):
        raise Invalid("This is no mail address.", "email")
    with kit.store.write() as c:
        accounts.ensure(c, account_id, kit.now())
        if accounts.notify_email(c, account_id) != cleaned:
            links.forget_kind(c, account_id, LinkKind.MAIL)
        accounts.set_notify_email(c, account_id, cleaned or None)
    return cleaned or None
