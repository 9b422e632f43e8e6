"""Sending events, contacts that Mailchimp refused, and webhooks to the platform, round again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from processor.domain.event import EventStatus
from processor.domain.outgoing import NoticeKind
from processor.errors import Invalid, NotFound
from processor.replay import (
    MOST_PER_MINUTE,
    Foreseen,
    MembersPlan,
    NoticesPlan,
    Planned,
    Progress,
    ReplayPlan,
)
from processor.store.inbox import EventFilter, event_id
from processor.store.notices_again import NoticeFilter
from processor.store.notices_rows import NoticeState
from processor.store.replays import ReplayKind, ReplayRow
from processor.store.runs import RunState
from processor.web.models.event import EventAnswer, event_answer
from processor.web.models.kinds import Answer, Asked, Moment, Word

MOST_IDS = 1000


class ReplayAsked(Asked):
    """What to send round again; all conditions hold at once, and at least one is needed."""

    kind: ReplayKind = Field(
        ReplayKind.EVENTS,
        strict=False,
        description="`events`: deliveries of Mailchimp's. `members`: contacts that Mailchimp refused, of one "
        "connection, by `code` or all. `notices`: webhooks to one `endpoint`, the dead ones or those that "
        "arrived (`state`), by `type`, `since` and `until`; they keep their `webhook-id`.",
    )
    ids: Annotated[list[Word], Field(min_length=1, max_length=MOST_IDS)] | None = None
    status: EventStatus | None = Field(None, strict=False)
    type: Word | None = None
    code: Word | None = Field(None, description="A code of the catalogue of failures.")
    since: Moment | None = None
    until: Moment | None = None
    connection: Word | None = None
    endpoint: Word | None = Field(None, description="The webhook endpoint, for `notices`.")
    state: Literal["dead", "delivered"] | None = Field(
        None, description="What became of the `notices`; the dead ones where nothing is said."
    )
    per_minute: int | None = Field(
        None,
        ge=1,
        le=MOST_PER_MINUTE,
        description="How many are sent a minute. Without it the first 500 go at once, the others at 6,000.",
    )
    dry_run: bool = Field(False, description="Only say what would be done.")
    look: bool = Field(
        False, description="Look the sample's members up in Mailchimp, and say what would change now."
    )

    def filter(self, account_id: str | None) -> EventFilter:
        """Return the conditions, inside the account's fence. Raises Invalid for an id that is none."""
        return EventFilter(
            ids=tuple(_id(n, name) for n, name in enumerate(self.ids)) if self.ids else None,
            statuses=frozenset({self.status}) if self.status else None,
            types=frozenset({self.type}) if self.type else None,
            codes=frozenset({self.code}) if self.code else None,
            since=self.since,
            until=self.until,
            connection_id=self.connection,
            account_id=account_id,
        )

    def connection_of_members(self) -> str:
        """Return the connection whose contacts are meant. Raises Invalid where none is named, or something
        that says nothing about contacts."""
        if self.connection is None:
            raise Invalid("Name the connection whose contacts are to be tried again.", "connection")
        for name in ("ids", "status", "type", "since", "until"):
            if getattr(self, name) is not None:
                raise Invalid("This chooses events; contacts are chosen by connection and code.", name)
        return self.connection

    def notices(self) -> NoticeFilter:
        """Return which webhooks are meant. Raises Invalid where no endpoint is named, for a type that there
        is not, or for something that says nothing about webhooks."""
        if self.endpoint is None:
            raise Invalid("Name the endpoint whose webhooks are to be sent again.", "endpoint")
        for name in ("ids", "status", "code", "connection"):
            if getattr(self, name) is not None:
                raise Invalid("This chooses events or contacts, not webhooks.", name)
        if self.type is not None and self.type not in set(NoticeKind):
            raise Invalid(f"There is no type “{self.type}”.", "type")
        return NoticeFilter(
            self.endpoint,
            states=frozenset({NoticeState(self.state or "dead")}),
            kinds=frozenset({NoticeKind(self.type)}) if self.type else None,
            since=self.since,
            until=self.until,
        )


class ForeseenAnswer(Answer):
    """What would come of one event now."""

    id: str
    says: str
    superseded: bool = Field(description="Whether a later event of the same member was read since.")


class ReplayAnswer(Answer):
    """What a replay would do, and did."""

    id: str | None = Field(description="The replay, for asking how far it is; null where none was begun.")
    kind: ReplayKind
    count: int = Field(description="What can be sent round again.")
    by_status: dict[EventStatus, int]
    by_code: dict[str, int] = Field(description="Contacts by the code of their failure.")
    by_state: dict[str, int] = Field(description="Webhooks by what became of them.")
    by_type: dict[str, int] = Field(description="Webhooks by their type.")
    not_now: int = Field(description="Events that were asked for, and wait or are worked on already.")
    superseded: int | None = Field(
        description="Of these, events with a later one of the same member; null where they are too many to "
        "be counted."
    )
    gone: int = Field(description="Of these, events whose connection is gone: they will be skipped.")
    resting: int = Field(
        description="Of these, those whose connection waits for a person, or whose endpoint is disabled: "
        "they wait too."
    )
    sample: list[EventAnswer]
    foreseen: list[ForeseenAnswer] = Field(description="Of the sample, where `look` was asked for.")
    dry_run: bool
    sent: int = Field(description="What was sent round again by now; 0 for a dry run.")


class ReplayProgressAnswer(Answer):
    """How far a replay is."""

    id: str
    kind: ReplayKind
    state: RunState
    total: int = Field(description="How many were meant when it was asked for.")
    sent: int
    outcomes: dict[EventStatus, int] = Field(
        description="What became of the events that were sent, by their status now."
    )
    per_minute: int
    line: str = Field(description="The same in words.")
    asked_by: str
    created_at: datetime
    finished_at: datetime | None


class ReplaySummary(Answer):
    """A replay in a list."""

    id: str
    kind: ReplayKind
    state: RunState
    total: int
    sent: int
    asked_by: str
    created_at: datetime
    finished_at: datetime | None


class ReplaysAnswer(Answer):
    """The newest replays, newest first."""

    replays: list[ReplaySummary]


def _id(position: int, name: str) -> int:
    try:
        return event_id(name)
    except NotFound:
        raise Invalid("This is no event's id; they look like evt_42.", f"ids.{position}") from None


def replay_answer(
    plan: Planned, done: Progress | None, foreseen: Sequence[Foreseen], *, dry_run: bool
) -> ReplayAnswer:
    """Return the plan, and what was sent where it was carried out."""
    events = plan if isinstance(plan, ReplayPlan) else None
    contacts = plan if isinstance(plan, MembersPlan) else None
    webhooks = plan if isinstance(plan, NoticesPlan) else None
    is_resting = (contacts and contacts.is_resting) or (webhooks and webhooks.is_disabled)
    resting = events.resting if events else plan.count if is_resting else 0
    return ReplayAnswer(
        id=done.row.id if done else None,
        kind=plan.kind,
        count=plan.count,
        by_status={EventStatus(status): n for status, n in events.by_status.items()} if events else {},
        by_code=dict(contacts.by_code) if contacts else {},
        by_state={state.value: n for state, n in webhooks.by_state.items()} if webhooks else {},
        by_type={kind.value: n for kind, n in webhooks.by_kind.items()} if webhooks else {},
        not_now=events.not_now if events else 0,
        superseded=events.superseded if events else 0,
        gone=events.gone if events else 0,
        resting=resting,
        sample=[event_answer(row) for row in events.sample] if events else [],
        foreseen=[
            ForeseenAnswer(id=one.event.name, says=one.says, superseded=one.is_superseded) for one in foreseen
        ],
        dry_run=dry_run,
        sent=done.count if done else 0,
    )


def progress_answer(found: Progress) -> ReplayProgressAnswer:
    """Return how far it is as the API shows it."""
    row = found.row
    return ReplayProgressAnswer(
        id=row.id,
        kind=row.kind,
        state=row.state,
        total=row.total,
        sent=row.done,
        outcomes=dict(found.outcomes),
        per_minute=row.per_minute,
        line=found.line,
        asked_by=row.asked_by,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )


def replays_answer(rows: Sequence[ReplayRow]) -> ReplaysAnswer:
    """Return the list."""
    return ReplaysAnswer(
        replays=[
            ReplaySummary(
                id=row.id,
                kind=row.kind,
                state=row.state,
                total=row.total,
                sent=row.done,
                asked_by=row.asked_by,
                created_at=row.created_at,
                finished_at=row.finished_at,
            )
            for row in rows
        ]
    )
