"""Which audiences there are to choose from."""

from __future__ import annotations

from collections.abc import Mapping

from processor.domain.connection import ConnectionState
from processor.kit import Kit
from processor.mailchimp.audiences import Audience
from processor.setup.audience import ready
from processor.setup.drafted import AudienceOffer
from processor.store import Connection, connections
from processor.store.connections import ConnectionRow


def offers(kit: Kit, connection_id: str) -> list[AudienceOffer]:
    """Return the audiences that the connected login may see, in Mailchimp's order. Safe to repeat.

    Raises NotFound, Reconnect where access was lost, MailchimpError, StoreDown.
    """
    row = ready(kit, connection_id)
    found = kit.mailchimp(row).audiences()
    with kit.store.read() as c:
        taken = taken_by(c, row)
    return [offer(one, taken) for one in found]


def offer(audience: Audience, taken: Mapping[str, str]) -> AudienceOffer:
    """Return an audience as it is offered."""
    return AudienceOffer(
        id=audience.id,
        name=audience.name,
        member_count=audience.member_count,
        double_opt_in=audience.double_opt_in,
        gdpr=audience.marketing_permissions,
        taken_by=taken.get(audience.id),
    )


def taken_by(c: Connection, row: ConnectionRow) -> dict[str, str]:
    """Return the audiences that other connections of the account keep in step, with their connections."""
    return {
        other.audience_id: other.id
        for other in connections.for_account(c, row.account_id)
        if other.id != row.id
        and other.audience_id is not None
        and other.mailchimp_account == row.mailchimp_account
        and other.state != ConnectionState.REMOVED
    }
