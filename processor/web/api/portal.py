"""`/v1/accounts/{account}/portal-links`: the way into the portal, which the platform asks for."""

from __future__ import annotations

from processor import visit
from processor.web.api.operation import Call, Nothing, Operation, Reply
from processor.web.models.portal import PortalLinkAnswer


def make_link(call: Call[Nothing, None]) -> Reply:
    """Make a link that opens the account's portal once."""
    link = visit.make_link(call.kit, call.path["account"])
    return Reply(PortalLinkAnswer(url=link.url, expires_at=link.expires_at), 201)


OPERATIONS = (
    Operation(
        "POST",
        "/v1/accounts/{account}/portal-links",
        "makePortalLink",
        "Make a link into the portal",
        handler=make_link,
        answers={201: PortalLinkAnswer},
        description="Send the customer's browser there, or set it as the address of a frame whose page's "
        "origin is in FRAME_ORIGINS. It works once, for 15 minutes; what it opens stays open for 8 hours.",
    ),
)
