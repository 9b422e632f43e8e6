"""`/v1/connections/{connection}/members`: which contacts are failing or left out, trying them again,
and leaving them out by choice."""

from __future__ import annotations

from processor import leave_out, report, retry_members
from processor.web.api.operation import Call, Nothing, Operation, Reply
from processor.web.models.member import (
    ChosenAsked,
    LeftOutAnswer,
    MembersAnswer,
    MembersAsked,
    RetriedAnswer,
    RetryAsked,
    TakenBackAnswer,
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


def leave(call: Call[Nothing, ChosenAsked]) -> Reply:
    """Leave contacts out by choice."""
    count = leave_out.leave_out(
        call.kit, call.path["connection"], call.caller.account_id, call.body.contacts, call.caller.name
    )
    return Reply(LeftOutAnswer(left_out=count))


def take_back(call: Call[Nothing, ChosenAsked]) -> Reply:
    """Take contacts back in."""
    count = leave_out.take_back(call.kit, call.path["connection"], call.caller.account_id, call.body.contacts)
    return Reply(TakenBackAnswer(taken_back=count))


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
    Operation(
        "POST",
        f"{ALL}/leave-out",
        "leaveMembersOut",
        "Leave contacts out",
        handler=leave,
        body=ChosenAsked,
        answers={200: LeftOutAnswer},
        description="They are `excluded` with the reason `by_choice`: nothing is sent for them and nothing "
        "is taken over, except that they unsubscribed. Who is not there is passed over. Safe to repeat.",
    ),
    Operation(
        "POST",
        f"{ALL}/take-back",
        "takeMembersBack",
        "Take contacts back in",
        handler=take_back,
        body=ChosenAsked,
        answers={200: TakenBackAnswer},
        description="Both sides are compared at once, and what changed meanwhile is carried over. Safe to "
        "repeat.",
    ),
)
