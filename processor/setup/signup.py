"""The audience's sign-up form: the way back of those whom nobody else may bring back."""

from __future__ import annotations

from processor.errors import Conflict
from processor.kit import Kit
from processor.setup.audience import ready


def signup_form(kit: Kit, connection_id: str) -> str:
    """Return the address of the form with which a person signs up by themselves, as Mailchimp tells it now.

    Safe to repeat. Raises NotFound, Conflict where no audience is chosen or it has no form, Reconnect where
    access was lost, MailchimpError, StoreDown. Source: facts.md 4.8.
    """
    row = ready(kit, connection_id)
    if row.audience_id is None:
        raise Conflict("Choose the audience in Set-up first.")
    found = kit.mailchimp(row).audience(row.audience_id).signup_url
    if not found:
        raise Conflict("Mailchimp names no sign-up form for this audience.")
    return found
