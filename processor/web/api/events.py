"""`/v1/events`: what arrived, and what became of it."""

from __future__ import annotations

from processor import report
from processor.web.api.operation import Call, Nothing, Operation, Reply
from processor.web.models.event import (
    EventDetailAnswer,
    EventsAnswer,
    EventsAsked,
    event_answer,
    event_detail_answer,
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
)
