"""Events and their history."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from processor.domain.event import EventStatus
from processor.report import EventReport
from processor.store.inbox import AttemptOutcome, EventFilter, EventRow
from processor.web.models.kinds import Answer, AskedInAddress, Moment, Word


class EventsAsked(AskedInAddress):
    """Which events are wanted; all conditions hold at once. `status`, `type` and `code` may be repeated."""

    status: list[EventStatus] | None = None
    type: list[Word] | None = None
    code: list[Word] | None = Field(None, description="Codes of the catalogue of failures.")
    since: Moment | None = Field(None, description="Received at this time or later.")
    until: Moment | None = Field(None, description="Received before this time.")
    connection: Word | None = None
    account: Word | None = Field(None, description="For keys that open every account.")
    after: Word | None = Field(None, description="`cursor` of the answer before; it leads to older events.")
    limit: Annotated[int, Field(ge=1, le=500)] = 100

    def filter(self, account_id: str | None) -> EventFilter:
        """Return the conditions, inside the account's fence."""
        return EventFilter(
            statuses=frozenset(self.status) if self.status else None,
            types=frozenset(self.type) if self.type else None,
            codes=frozenset(self.code) if self.code else None,
            since=self.since,
            until=self.until,
            connection_id=self.connection,
            account_id=account_id or self.account,
        )


class EventAnswer(Answer):
    """What became of one delivery of Mailchimp's."""

    id: str
    connection: str
    status: EventStatus
    type: str | None = Field(description="Null until it was read.")
    subject: str | None = Field(description="The address that it is about.")
    fired_at: datetime | None
    received_at: datetime
    signed: bool
    attempts: int
    due_at: datetime | None = Field(description="When it is looked at next; null when it is settled.")
    settled_at: datetime | None
    redeliveries: int = Field(description="How often Mailchimp sent the same again.")
    code: str | None = Field(description="Why it failed, by the catalogue.")
    outcome: dict[str, Any] | None = Field(
        description="What was decided; its `why` says why nothing was needed."
    )


class EventsAnswer(Answer):
    """Events, newest first."""

    events: list[EventAnswer]
    cursor: str | None = Field(description="Pass it as `after` for the older ones; null when there are none.")


class AttemptAnswer(Answer):
    """One line of an event's history."""

    n: int
    at: datetime
    by: str | None = Field(description="The worker, or who sent it round again.")
    outcome: AttemptOutcome
    code: str | None
    detail: str | None
    replay: str | None = Field(description="The replay by which it was sent round again.")


class WordsAnswer(Answer):
    """A failure in words."""

    title: str
    happened: str
    todo: str


class EventDetailAnswer(EventAnswer):
    """One event with all that is known of it."""

    content_type: str
    body: str = Field(description="As it arrived; what is no UTF-8 is shown as U+FFFD.")
    detail: str | None = Field(description="Mailchimp's own words.")
    instance: str | None = Field(description="Mailchimp's number for its answer: their support asks for it.")
    words: WordsAnswer | None
    history: list[AttemptAnswer] = Field(description="Oldest first. One that succeeded at once has none.")


def _facts(row: EventRow) -> dict[str, Any]:
    return {
        "id": row.name,
        "connection": row.connection_id,
        "status": row.status,
        "type": row.type,
        "subject": row.subject,
        "fired_at": row.fired_at,
        "received_at": row.received_at,
        "signed": row.signed,
        "attempts": row.attempts,
        "due_at": row.due_at,
        "settled_at": row.settled_at,
        "redeliveries": row.redeliveries,
        "code": row.code,
        "outcome": None if row.outcome is None else dict(row.outcome),
    }


def event_answer(row: EventRow) -> EventAnswer:
    """Return the event as a list shows it."""
    return EventAnswer(**_facts(row))


def event_detail_answer(report: EventReport) -> EventDetailAnswer:
    """Return the event with its body, its history and its failure in words."""
    row, said = report.row, report.words
    return EventDetailAnswer(
        **_facts(row),
        content_type=row.content_type,
        body=(row.body or b"").decode("utf-8", "replace"),
        detail=row.detail,
        instance=row.instance,
        words=WordsAnswer(title=said.title, happened=said.happened, todo=said.todo) if said else None,
        history=[
            AttemptAnswer(
                n=line.n,
                at=line.at,
                by=line.worker,
                outcome=line.outcome,
                code=line.code,
                detail=line.detail,
                replay=line.replay_id,
            )
            for line in report.history
        ],
    )
