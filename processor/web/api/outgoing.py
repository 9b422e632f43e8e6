"""`/v1/webhook-endpoints` and `/v1/webhook-notices`: telling the platform, and what became of that."""

from __future__ import annotations

from processor import endpoints
from processor.domain.outgoing import KINDS
from processor.web.api.operation import Call, Nothing, Operation, Reply
from processor.web.models.outgoing import (
    EndpointAnswer,
    EndpointAsked,
    EndpointsAnswer,
    EndpointsAsked,
    EndpointSecretAnswer,
    NewEndpointAsked,
    NoticeAnswer,
    NoticesAnswer,
    NoticesAsked,
    endpoint_answer,
    endpoint_secret_answer,
    notice_answer,
)

ALL = "/v1/webhook-endpoints"
ONE = f"{ALL}/{{endpoint}}"
NOTICE = "/v1/webhook-notices/{notice}"


def find(call: Call[EndpointsAsked, None]) -> Reply:
    """List the endpoints that the caller may see."""
    if call.query.account is not None:
        call.caller.enter(call.query.account)
    found = endpoints.find(call.kit, call.query.account or call.caller.account_id)
    return Reply(EndpointsAnswer(endpoints=[endpoint_answer(row) for row in found]))


def create(call: Call[Nothing, NewEndpointAsked]) -> Reply:
    """Make an endpoint, and show its secret."""
    asked = call.body
    if asked.account is not None:
        call.caller.enter(asked.account)
    account_id = asked.account or call.caller.account_id
    row, secret = endpoints.create(
        call.kit, account_id, asked.url, types=asked.types, description=asked.description
    )
    return Reply(endpoint_secret_answer(row, secret), 201)


def get(call: Call[Nothing, None]) -> Reply:
    """Tell how an endpoint stands."""
    return Reply(endpoint_answer(endpoints.get(call.kit, call.path["endpoint"], call.caller.account_id)))


def change(call: Call[Nothing, EndpointAsked]) -> Reply:
    """Change an endpoint."""
    asked = call.body
    row = endpoints.change(
        call.kit,
        call.path["endpoint"],
        call.caller.account_id,
        url=asked.url,
        types=asked.types,
        description=asked.description,
        enabled=asked.enabled,
    )
    return Reply(endpoint_answer(row))


def remove(call: Call[Nothing, None]) -> Reply:
    """Forget an endpoint."""
    endpoints.remove(call.kit, call.path["endpoint"], call.caller.account_id)
    return Reply(status=204)


def rotate(call: Call[Nothing, None]) -> Reply:
    """Give it a new secret, and show that."""
    row, secret = endpoints.rotate(call.kit, call.path["endpoint"], call.caller.account_id)
    return Reply(endpoint_secret_answer(row, secret))


def test(call: Call[Nothing, None]) -> Reply:
    """Send it a test."""
    account_id = call.caller.account_id
    row = endpoints.test(call.kit, call.path["endpoint"], account_id)
    return Reply(notice_answer(endpoints.notice(call.kit, row.ref, account_id)), 202)


def list_notices(call: Call[NoticesAsked, None]) -> Reply:
    """List what was sent to it, or waits."""
    asked = call.query
    found, cursor = endpoints.sent(
        call.kit,
        call.path["endpoint"],
        call.caller.account_id,
        limit=asked.limit,
        after=asked.after,
        state=asked.state,
    )
    return Reply(NoticesAnswer(notices=[notice_answer(one) for one in found], cursor=cursor))


def get_notice(call: Call[Nothing, None]) -> Reply:
    """Tell what became of one notice."""
    return Reply(notice_answer(endpoints.notice(call.kit, call.path["notice"], call.caller.account_id)))


def redeliver(call: Call[Nothing, None]) -> Reply:
    """Send one notice again."""
    found = endpoints.redeliver(call.kit, call.path["notice"], call.caller.account_id)
    return Reply(notice_answer(found), 202)


_KINDS = " ".join(f"`{kind}`: {words}" for kind, words in KINDS.items())

OPERATIONS = (
    Operation(
        "GET",
        ALL,
        "listWebhookEndpoints",
        "List webhook endpoints",
        handler=find,
        query=EndpointsAsked,
        answers={200: EndpointsAnswer},
        refusals=(404,),
    ),
    Operation(
        "POST",
        ALL,
        "makeWebhookEndpoint",
        "Make a webhook endpoint",
        handler=create,
        body=NewEndpointAsked,
        answers={201: EndpointSecretAnswer},
        refusals=(404, 409),
        description="It is sent signed webhooks as the Standard Webhooks specification has them. They are "
        f"thin: they say that there is something to read. {_KINDS}",
    ),
    Operation(
        "GET",
        ONE,
        "readWebhookEndpoint",
        "Read a webhook endpoint",
        handler=get,
        answers={200: EndpointAnswer},
    ),
    Operation(
        "PATCH",
        ONE,
        "changeWebhookEndpoint",
        "Change, disable or enable a webhook endpoint",
        handler=change,
        body=EndpointAsked,
        answers={200: EndpointAnswer},
    ),
    Operation(
        "DELETE",
        ONE,
        "removeWebhookEndpoint",
        "Remove a webhook endpoint",
        handler=remove,
        answers={204: None},
        description="With what waits for it, and the history of what was sent.",
    ),
    Operation(
        "POST",
        f"{ONE}/rotate-secret",
        "rotateWebhookSecret",
        "Change a webhook endpoint's secret",
        handler=rotate,
        answers={200: EndpointSecretAnswer},
        description="For 24 hours what is sent has two signatures, by the new secret and by the one before.",
    ),
    Operation(
        "POST",
        f"{ONE}/test",
        "testWebhookEndpoint",
        "Send a test to a webhook endpoint",
        handler=test,
        answers={202: NoticeAnswer},
        refusals=(409,),
        description="By the way of every notice; read the notice to see what came of it.",
    ),
    Operation(
        "GET",
        f"{ONE}/notices",
        "listWebhookNotices",
        "List what was sent to a webhook endpoint",
        handler=list_notices,
        query=NoticesAsked,
        answers={200: NoticesAnswer},
        description="With every attempt. Kept for 14 days, and the newest 5,000 of each endpoint.",
    ),
    Operation(
        "GET", NOTICE, "readWebhookNotice", "Read a notice", handler=get_notice, answers={200: NoticeAnswer}
    ),
    Operation(
        "POST",
        f"{NOTICE}/redeliver",
        "redeliverWebhookNotice",
        "Send a notice again",
        handler=redeliver,
        answers={202: NoticeAnswer},
        refusals=(409,),
        description="Under the same `webhook-id`, whatever became of it.",
    ),
)
