"""`/v1/events` and `/v1/replays`: what arrived, what became of it, and sending it round again."""

from __future__ import annotations

from processor import replay, report
from processor.web.api.operation import Call, Nothing, Operation, Reply
from processor.web.models.event import (
    EventDetailAnswer,
    EventsAnswer,
    EventsAsked,
    ReplayAnswer,
    ReplayAsked,
    event_answer,
    event_detail_answer,
    replay_answer,
)


def find(call: Call[EventsAsked, None]) -> Reply:
    """List events, newest first."""
    asked, account_id = call.query, call.caller.account_id
    if asked.account is not None:
        call.caller.enter(asked.account)
    if asked.connection is not None:
        report.row_of(call.kit, asked.connection, account_id)
    page = report.events(call.kit, asked.filter(account_id), after=asked.after, limit=asked.limit)
    return Reply(EventsAnswer(events=[event_answer(row) for row in page.events], cursor=page.cursor))


def get(call: Call[Nothing, None]) -> Reply:
    """Tell all that is known of one event."""
    return Reply(event_detail_answer(report.event(call.kit, call.path["event"], call.caller.account_id)))


def send_again(call: Call[Nothing, ReplayAsked]) -> Reply:
    """Send events round again, or say what that would do."""
    asked, account_id = call.body, call.caller.account_id
    if asked.connection is not None:
        report.row_of(call.kit, asked.connection, account_id)
    plan = replay.plan(call.kit, asked.filter(account_id))
    done = None if asked.dry_run else replay.run(call.kit, plan, who=call.caller.name)
    return Reply(replay_answer(plan, done))


OPERATIONS = (
    Operation(
        "GET",
        "/v1/events",
        "listEvents",
        "List events",
        handler=find,
        query=EventsAsked,
        answers={200: EventsAnswer},
        refusals=(404,),
    ),
    Operation(
        "GET",
        "/v1/events/{event}",
        "readEvent",
        "Read an event",
        handler=get,
        answers={200: EventDetailAnswer},
        description="With its body as it arrived, its history, and what its failure means.",
    ),
    Operation(
        "POST",
        "/v1/replays",
        "replayEvents",
        "Send events round again",
        handler=send_again,
        body=ReplayAsked,
        answers={200: ReplayAnswer},
        refusals=(404,),
        description="Events that wait or are worked on are left alone. Safe to repeat.",
    ),
)
