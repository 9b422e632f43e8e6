"""`/v1/replays`: sending events, contacts that Mailchimp refused, and webhooks round again."""

from __future__ import annotations

from processor import replay, report
from processor.replay import Planned, ReplayPlan
from processor.store.replays import ReplayKind
from processor.web.api.operation import Call, Nothing, Operation, Reply
from processor.web.models.replay import (
    ReplayAnswer,
    ReplayAsked,
    ReplayProgressAnswer,
    ReplaysAnswer,
    progress_answer,
    replay_answer,
    replays_answer,
)


def send_again(call: Call[Nothing, ReplayAsked]) -> Reply:
    """Send what is asked for round again, or say what that would do."""
    asked, account_id = call.body, call.caller.account_id
    plan = _plan(call)
    foreseen = replay.foresee(call.kit, plan.sample) if asked.look and isinstance(plan, ReplayPlan) else []
    done = None
    if plan.count and not asked.dry_run:
        done = replay.run(
            call.kit, plan, who=call.caller.name, account_id=account_id, per_minute=asked.per_minute
        )
    return Reply(replay_answer(plan, done, foreseen, dry_run=asked.dry_run))


def _plan(call: Call[Nothing, ReplayAsked]) -> Planned:
    asked, account_id = call.body, call.caller.account_id
    if asked.kind is ReplayKind.MEMBERS:
        codes = {asked.code} if asked.code else None
        return replay.plan_members(call.kit, asked.connection_of_members(), account_id, codes)
    if asked.kind is ReplayKind.NOTICES:
        return replay.plan_notices(call.kit, asked.notices(), account_id)
    if asked.connection is not None:
        report.row_of(call.kit, asked.connection, account_id)
    return replay.plan(call.kit, asked.filter(account_id))


def find(call: Call[Nothing, None]) -> Reply:
    """List the newest replays."""
    return Reply(replays_answer(replay.listed(call.kit, call.caller.account_id)))


def get(call: Call[Nothing, None]) -> Reply:
    """Tell how far one is."""
    return Reply(progress_answer(replay.progress(call.kit, call.path["replay"], call.caller.account_id)))


def cancel(call: Call[Nothing, None]) -> Reply:
    """End one before its time."""
    return Reply(progress_answer(replay.cancel(call.kit, call.path["replay"], call.caller.account_id)))


OPERATIONS = (
    Operation(
        "POST",
        "/v1/replays",
        "replayEvents",
        "Send events, refused contacts, or webhooks round again",
        handler=send_again,
        body=ReplayAsked,
        answers={200: ReplayAnswer},
        refusals=(404,),
        description="What waits or is worked on is left alone. Workers go on with what is many. "
        "Safe to repeat.",
    ),
    Operation(
        "GET", "/v1/replays", "listReplays", "List replays", handler=find, answers={200: ReplaysAnswer}
    ),
    Operation(
        "GET",
        "/v1/replays/{replay}",
        "readReplay",
        "Read how far a replay is",
        handler=get,
        answers={200: ReplayProgressAnswer},
    ),
    Operation(
        "POST",
        "/v1/replays/{replay}/cancel",
        "cancelReplay",
        "End a replay before its time",
        handler=cancel,
        answers={200: ReplayProgressAnswer},
        description="What was sent by then is carried out. Safe to repeat.",
    ),
)
