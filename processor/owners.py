"""Finds out what became of the member whom we knew at an address where another one is now."""

from __future__ import annotations

from collections.abc import Sequence

from processor.converge import Cause, Outcome, Sighting, Verdict, converge
from processor.kit import Kit
from processor.mailchimp.client import Mailchimp
from processor.store.connections import ConnectionRow


def meet_owners_first(
    kit: Kit, connection: ConnectionRow, mailchimp: Mailchimp, outcomes: Sequence[Outcome], cause: Cause
) -> list[Outcome]:
    """Look the known members up under their contact ids, which outlive a change of address, converge them,
    and then those who were seen at their addresses. Returns the outcomes of the latter.

    Without this the next owner of an address would take over the contact of one who moved on unheard.
    Safe to repeat. Raises MailchimpError, StoreDown.
    """
    newcomers = [o for o in outcomes if o.verdict is Verdict.OTHER and o.row is not None]
    if not newcomers:
        return []
    audience = connection.audience_id or ""
    rows = {o.row.id: o.row for o in newcomers if o.row is not None}
    owners = [
        Sighting(None, mailchimp.member(audience, row.mailchimp_contact_id or ""), row.id, sure=True)
        for row in rows.values()
    ]
    converge(kit, connection, owners, cause)
    return converge(kit, connection, [o.sighting for o in newcomers], cause)
