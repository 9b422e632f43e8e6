"""`/v1/connections/{connection}/conflicts`: what both sides had changed, and using the other value."""

from __future__ import annotations

from processor import report
from processor.contacts import settling
from processor.errors import NotFound
from processor.web.api.operation import Call, Nothing, Operation, Reply
from processor.web.models.history import (
    ConflictAnswer,
    ConflictsAnswer,
    PageAsked,
    conflict_answer,
    conflicts_answer,
)

ALL = "/v1/connections/{connection}/conflicts"


def find(call: Call[PageAsked, None]) -> Reply:
    """List a connection's conflicts."""
    page = report.conflicts(
        call.kit,
        call.path["connection"],
        call.caller.account_id,
        limit=call.query.limit,
        after=call.query.after,
    )
    return Reply(conflicts_answer(page))


def use_other(call: Call[Nothing, None]) -> Reply:
    """Use the value that was not kept."""
    connection_id, conflict_id, account_id = (
        call.path["connection"],
        call.path["conflict"],
        call.caller.account_id,
    )
    settling.use_other(call.kit, connection_id, conflict_id, account_id, call.caller.name)
    found = report.conflict(call.kit, connection_id, conflict_id, account_id)
    if found is None:
        raise NotFound(f"There is no conflict “{conflict_id}”.")
    return Reply(conflict_answer(found))


OPERATIONS = (
    Operation(
        "GET",
        ALL,
        "listConflicts",
        "List a connection's conflicts",
        handler=find,
        query=PageAsked,
        answers={200: ConflictsAnswer},
        description="Fields that both sides had changed, with both values, newest first.",
    ),
    Operation(
        "POST",
        f"{ALL}/{{conflict}}/use-other",
        "useOtherValue",
        "Use the value that was not kept",
        handler=use_other,
        answers={200: ConflictAnswer},
        refusals=(409,),
        description="Writes it as a new edit of the contact, which goes up like any other. Safe to repeat. "
        "Where the field has changed since, nothing is written: 409.",
    ),
)
