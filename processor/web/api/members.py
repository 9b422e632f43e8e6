"""`/v1/connections/{connection}/members`: which contacts are failing or left out, and trying them again."""

from __future__ import annotations

from processor import report, retry_members
from processor.web.api.operation import Call, Nothing, Operation, Reply
from processor.web.models.member import (
    MembersAnswer,
    MembersAsked,
    RetriedAnswer,
    RetryAsked,
    members_answer,
)

ALL = "/v1/connections/{connection}/members"


def find(call: Call[MembersAsked, None]) -> Reply:
    """List a connection's contacts with their states in words."""
    asked = call.query
    page = report.members(
        call.kit,
        call.path["connection"],
        call.caller.account_id,
        states=asked.state,
        reason=asked.reason,
        limit=asked.limit,
        after=asked.after,
    )
    return Reply(members_answer(page))


def retry(call: Call[Nothing, RetryAsked]) -> Reply:
    """Try failing contacts again."""
    count = retry_members.retry(
        call.kit, call.path["connection"], call.caller.account_id, contact_ids=call.body.contacts
    )
    return Reply(RetriedAnswer(retried=count))


OPERATIONS = (
    Operation(
        "GET",
        ALL,
        "listMembers",
        "List a connection's contacts",
        handler=find,
        query=MembersAsked,
        answers={200: MembersAnswer},
        description="How each stands towards the audience: in which state, why, and what to do, in words.",
    ),
    Operation(
        "POST",
        f"{ALL}/retry",
        "retryMembers",
        "Try failing contacts again",
        handler=retry,
        body=RetryAsked,
        answers={200: RetriedAnswer},
        description="For when the cause was put right in Mailchimp: a corrected contact is tried by itself. "
        "With `{}` all that are failing. Safe to repeat.",
    ),
)
