"""`/v1/connections/{connection}/drift`: what comparisons healed."""

from __future__ import annotations

from processor import report
from processor.web.api.operation import Call, Operation, Reply
from processor.web.models.drift import DriftAnswer, drift_answer
from processor.web.models.history import PageAsked


def find(call: Call[PageAsked, None]) -> Reply:
    """Tell what comparisons of a connection healed."""
    found = report.drift(
        call.kit,
        call.path["connection"],
        call.caller.account_id,
        limit=call.query.limit,
        after=call.query.after,
    )
    return Reply(drift_answer(found))


OPERATIONS = (
    Operation(
        "GET",
        "/v1/connections/{connection}/drift",
        "readDrift",
        "Read what comparisons healed",
        handler=find,
        query=PageAsked,
        answers={200: DriftAnswer},
        description="What sweeps found that no webhook had told of by then, by kind: changed, other tags "
        "(for which Mailchimp sends no webhook), new, archived, deleted for good, and our webhook set "
        "up again. The first sync is not among them.",
    ),
)
