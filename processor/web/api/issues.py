"""`/v1/issues`: failures with one cause, what to do, and what a person did."""

from __future__ import annotations

from processor import issues, leave_out, report
from processor.web.api.operation import Call, Nothing, Operation, Reply
from processor.web.models.issue import (
    IssueAnswer,
    IssueContactsAsked,
    IssuesAnswer,
    IssuesAsked,
    MuteAsked,
    issue_answer,
    issues_answer,
)
from processor.web.models.member import LeftOutAnswer, MembersAnswer, RetriedAnswer, members_answer

ALL = "/v1/issues"
ONE = f"{ALL}/{{issue}}"


def find(call: Call[IssuesAsked, None]) -> Reply:
    """List issues."""
    asked = call.query
    if asked.account is not None:
        call.caller.enter(asked.account)
    page = report.issues(
        call.kit,
        asked.account or call.caller.account_id,
        connection_id=call.path.get("connection"),
        states=asked.state,
        limit=asked.limit,
        after=asked.after,
    )
    return Reply(issues_answer(page))


def get(call: Call[Nothing, None]) -> Reply:
    """Tell how an issue stands."""
    return _stands(call)


def contacts(call: Call[IssueContactsAsked, None]) -> Reply:
    """List the contacts that fail of it."""
    page = report.members_of_issue(
        call.kit,
        call.path["issue"],
        call.caller.account_id,
        limit=call.query.limit,
        after=call.query.after,
    )
    return Reply(members_answer(page))


def acknowledge(call: Call[Nothing, None]) -> Reply:
    """Say that somebody knows."""
    issues.acknowledge(call.kit, call.path["issue"], call.caller.account_id, call.caller.name)
    return _stands(call)


def mute(call: Call[Nothing, MuteAsked]) -> Reply:
    """Remind nobody for a while."""
    until, count = call.body.until, call.body.contacts
    issues.mute(
        call.kit, call.path["issue"], call.caller.account_id, call.caller.name, until=until, count=count
    )
    return _stands(call)


def unmute(call: Call[Nothing, None]) -> Reply:
    """Have somebody reminded again."""
    issues.unmute(call.kit, call.path["issue"], call.caller.account_id, call.caller.name)
    return _stands(call)


def resolve(call: Call[Nothing, None]) -> Reply:
    """Say that it is solved."""
    issues.resolve(call.kit, call.path["issue"], call.caller.account_id, call.caller.name)
    return _stands(call)


def retry(call: Call[Nothing, None]) -> Reply:
    """Try whoever fails of it again."""
    return Reply(RetriedAnswer(retried=issues.retry(call.kit, call.path["issue"], call.caller.account_id)))


def leave(call: Call[Nothing, None]) -> Reply:
    """Leave out whoever fails of it."""
    count = leave_out.leave_out_of_issue(
        call.kit, call.path["issue"], call.caller.account_id, call.caller.name
    )
    return Reply(LeftOutAnswer(left_out=count))


def _stands(call: Call[Nothing, None] | Call[Nothing, MuteAsked]) -> Reply:
    return Reply(issue_answer(report.issue(call.kit, call.path["issue"], call.caller.account_id)))


OPERATIONS = (
    Operation(
        "GET",
        ALL,
        "listIssues",
        "List issues",
        handler=find,
        query=IssuesAsked,
        answers={200: IssuesAnswer},
        refusals=(404,),
        description="Failures with one cause are one issue, however many contacts it has. It is resolved by "
        "itself as soon as nobody fails of it any more.",
    ),
    Operation(
        "GET",
        "/v1/connections/{connection}/issues",
        "listIssuesOfConnection",
        "List a connection's issues",
        handler=find,
        query=IssuesAsked,
        answers={200: IssuesAnswer},
    ),
    Operation("GET", ONE, "readIssue", "Read an issue", handler=get, answers={200: IssueAnswer}),
    Operation(
        "GET",
        f"{ONE}/contacts",
        "listContactsOfIssue",
        "List the contacts of an issue",
        handler=contacts,
        query=IssueContactsAsked,
        answers={200: MembersAnswer},
    ),
    Operation(
        "POST",
        f"{ONE}/acknowledge",
        "acknowledgeIssue",
        "Say that somebody knows of an issue",
        handler=acknowledge,
        answers={200: IssueAnswer},
        refusals=(409,),
        description="Nobody is reminded of it any more; that it is solved is told. Safe to repeat.",
    ),
    Operation(
        "POST",
        f"{ONE}/mute",
        "muteIssue",
        "Remind nobody of an issue for a while",
        handler=mute,
        body=MuteAsked,
        answers={200: IssueAnswer},
        refusals=(409,),
        description="Until a time, or until more contacts fail of it, whichever comes first.",
    ),
    Operation(
        "POST",
        f"{ONE}/unmute",
        "unmuteIssue",
        "Have somebody reminded of an issue again",
        handler=unmute,
        answers={200: IssueAnswer},
        refusals=(409,),
    ),
    Operation(
        "POST",
        f"{ONE}/resolve",
        "resolveIssue",
        "Say that an issue is solved",
        handler=resolve,
        answers={200: IssueAnswer},
        description="Whoever failed of it is tried again; it is opened again if anybody still fails.",
    ),
    Operation(
        "POST",
        f"{ONE}/retry",
        "retryIssue",
        "Try whoever fails of an issue again",
        handler=retry,
        answers={200: RetriedAnswer},
        description="For when the cause was put right in Mailchimp. A problem of the connection itself goes "
        "on by its own call. Safe to repeat.",
    ),
    Operation(
        "POST",
        f"{ONE}/leave-out",
        "leaveIssueOut",
        "Leave out whoever fails of an issue",
        handler=leave,
        answers={200: LeftOutAnswer},
        refusals=(409,),
        description="Its contacts are left out by choice (`leaveMembersOut`), which solves it. Safe to "
        "repeat.",
    ),
)
