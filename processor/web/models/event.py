"""Events, and sending them round again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from processor.domain.event import EventStatus
from processor.errors import Invalid, NotFound
from processor.replay import Replayed, ReplayPlan
from processor.report import EventReport
from processor.store.inbox import AttemptOutcome, EventFilter, EventRow, event_id
from processor.web.models.kinds import Answer, Asked, AskedInAddress, Moment, Word

MOST_IDS = 1000


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


class ReplayAsked(Asked):
    """Which events to send round again; all conditions hold at once, and at least one is needed."""

    ids: Annotated[list[Word], Field(min_length=1, max_length=MOST_IDS)] | None = None
    status: EventStatus | None = Field(None, strict=False)
    type: Word | None = None
    since: Moment | None = None
    until: Moment | None = None
    connection: Word | None = None
    dry_run: bool = Field(False, description="Only say what would be done.")

    def filter(self, account_id: str | None) -> EventFilter:
        """Return the conditions, inside the account's fence. Raises Invalid for an id that is none."""
        return EventFilter(
            ids=tuple(_id(n, name) for n, name in enumerate(self.ids)) if self.ids else None,
            statuses=frozenset({self.status}) if self.status else None,
            types=frozenset({self.type}) if self.type else None,
            since=self.since,
            until=self.until,
            connection_id=self.connection,
            account_id=account_id,
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


class ReplayAnswer(Answer):
    """What a replay would do, and did."""

    count: int = Field(description="Events that can be sent round again.")
    by_status: dict[EventStatus, int]
    not_now: int = Field(description="Events that were asked for, and wait or are worked on already.")
    sample: list[EventAnswer]
    dry_run: bool
    sent: int = Field(description="Events that were sent round again; 0 for a dry run.")


def _id(position: int, name: str) -> int:
    try:
        return event_id(name)
    except NotFound:
        raise Invalid("This is no event's id; they look like evt_42.", f"ids.{position}") from None


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
                n=line.n, at=line.at, by=line.worker, outcome=line.outcome, code=line.code, detail=line.detail
            )
            for line in report.history
        ],
    )


def replay_answer(plan: ReplayPlan, done: Replayed | None) -> ReplayAnswer:
    """Return the plan, and what was sent where it was carried out."""
    return ReplayAnswer(
        count=plan.count,
        by_status={EventStatus(status): number for status, number in plan.by_status.items()},
        not_now=plan.not_now,
        sample=[event_answer(row) for row in plan.sample],
        dry_run=done is None,
        sent=done.count if done else 0,
    )
