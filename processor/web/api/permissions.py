"""`POST /v1/connections/{connection}/permissions`: what a person says of a marketing permission."""

from __future__ import annotations

from processor import permissions, report
from processor.permissions import Said
from processor.web.api.operation import Call, Nothing, Operation, Reply
from processor.web.models.history import StandingAnswer, standing_answer
from processor.web.models.permission import PermissionAsked


def say(call: Call[Nothing, PermissionAsked]) -> Reply:
    """Give or withdraw one permission."""
    body, connection_id = call.body, call.path["connection"]
    said = Said(body.permission, body.enabled, body.at, body.source or None)
    account_id = report.row_of(call.kit, connection_id, call.caller.account_id).account_id
    permissions.say(call.kit, connection_id, account_id, body.contact, said, call.caller.name)
    found = report.standings(call.kit, account_id, body.contact)
    return Reply(standing_answer(next(one for one in found if one.connection.id == connection_id)))


OPERATIONS = (
    Operation(
        "POST",
        "/v1/connections/{connection}/permissions",
        "sayPermission",
        "Give or withdraw a marketing permission",
        handler=say,
        body=PermissionAsked,
        answers={200: StandingAnswer},
        refusals=(409,),
        description="For audiences with Mailchimp's marketing permissions (GDPR). A withdrawal is always "
        "sent; a permission is given only with when and where, to nobody who has left, and not where the "
        "member has changed in Mailchimp since while it waited for long. Answers how the contact stands "
        "there. Safe to repeat.",
    ),
)
