"""Issues: failures with one cause, on one connection, as one thing that somebody can deal with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from processor.domain.catalogue import OUTAGES, Who, entry

REMINDERS = (timedelta(days=1), timedelta(days=3), timedelta(days=7))
"""How long after it was opened somebody is reminded of what is still open; weekly after that."""
WEEK = timedelta(days=7)
RESOLVED_KEPT = timedelta(days=30)
MOST_OF_A_CONNECTION = 200
"""Causes that are kept of one connection, those of the most contacts first: a ceiling, far above the codes
and fields that there are."""


class IssueState(StrEnum):
    """How far an issue is. Whatever its state, it is resolved by itself when nobody fails of it any more."""

    OPEN = "open"
    REOPENED = "reopened"
    """Open again, after it had been resolved."""
    ACKNOWLEDGED = "acknowledged"
    """Somebody knows: nobody is reminded."""
    MUTED = "muted"
    """Nobody is reminded before a time, or before more contacts fail of it."""
    RESOLVED = "resolved"


class IssueKind(StrEnum):
    """What it is that fails."""

    CONTACTS = "contacts"
    CONNECTION = "connection"
    DELIVERIES = "deliveries"
    """Deliveries of Mailchimp's that could not be carried out."""
    FIELD = "field"
    """A field of the map that Mailchimp does not have any more: it concerns everybody, and nobody fails."""


class News(StrEnum):
    """What is told of an issue."""

    OPENED = "opened"
    REOPENED = "reopened"
    REMINDER = "reminder"
    RESOLVED = "resolved"


WAITING_FOR_SOMEBODY = frozenset({IssueState.OPEN, IssueState.REOPENED})
UNRESOLVED = frozenset(IssueState) - {IssueState.RESOLVED}


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause as it is found now: `failing` are those whose retries have ended, `trying` those under way
    again. `about` is the platform's field, or ""."""

    kind: IssueKind
    code: str
    about: str
    failing: int
    trying: int = 0

    @property
    def key(self) -> tuple[IssueKind, str, str]:
        """What makes two failures one issue."""
        return self.kind, self.code, self.about


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue as it is kept. `first_at` is when it was first seen at all, `opened_at` when it was opened
    this time, `last_at` when it last grew; `told_at` when it was last handed to a mail; `changed_by` who
    acknowledged, muted or resolved it."""

    ref: str
    connection_id: str
    account_id: str
    kind: IssueKind
    code: str
    about: str
    state: IssueState
    failing: int
    trying: int
    first_at: datetime
    opened_at: datetime
    last_at: datetime
    resolved_at: datetime | None = None
    muted_until: datetime | None = None
    muted_count: int | None = None
    changed_by: str | None = None
    told_at: datetime | None = None
    next_reminder_at: datetime | None = None
    reminders: int = 0
    id: int = 0

    @property
    def key(self) -> tuple[IssueKind, str, str]:
        """What makes two failures one issue."""
        return self.kind, self.code, self.about

    @property
    def count(self) -> int:
        """How many are concerned, those under way again too."""
        return self.failing + self.trying


def is_customers(code: str) -> bool:
    """Whether the customer is told of it by mail. What only the operator or we can mend, and Mailchimp's
    outages, are told to the operator."""
    return entry(code).who not in {Who.OPERATOR, Who.US} and code not in OUTAGES


def opened(ref: str, connection_id: str, account_id: str, cause: Cause, now: datetime) -> Issue:
    """Return the issue of a cause that was not known before."""
    return Issue(
        ref=ref,
        connection_id=connection_id,
        account_id=account_id,
        kind=cause.kind,
        code=cause.code,
        about=cause.about,
        state=IssueState.OPEN,
        failing=cause.failing,
        trying=cause.trying,
        first_at=now,
        opened_at=now,
        last_at=now,
        next_reminder_at=now + REMINDERS[0],
    )


def step(issue: Issue, cause: Cause | None, now: datetime) -> tuple[Issue, News | None]:
    """Return the issue as it stands after a look, and what is to be told. `cause` None is for one that
    nobody fails of. What is only tried again neither opens nor resolves anything. Safe to repeat."""
    failing, trying = (cause.failing, cause.trying) if cause else (0, 0)
    grew = failing > issue.failing
    seen = replace(issue, failing=failing, trying=trying, last_at=now if grew else issue.last_at)
    if not failing and not trying:
        return _resolved(seen, now)
    if not failing:
        return seen, None
    if seen.state is IssueState.RESOLVED:
        return _again(seen, now), News.REOPENED
    if seen.state is IssueState.MUTED and _is_unmuted(seen, now):
        heard = replace(seen, state=IssueState.OPEN, muted_until=None, muted_count=None)
        return _reminded(heard, now), News.REMINDER
    if seen.state in WAITING_FOR_SOMEBODY and seen.next_reminder_at and seen.next_reminder_at <= now:
        return _reminded(seen, now), News.REMINDER
    return seen, None


def _resolved(issue: Issue, now: datetime) -> tuple[Issue, News | None]:
    if issue.state is IssueState.RESOLVED:
        return issue, None
    done = replace(issue, state=IssueState.RESOLVED, resolved_at=now, next_reminder_at=None, changed_by=None)
    return replace(done, muted_until=None, muted_count=None), News.RESOLVED


def _again(issue: Issue, now: datetime) -> Issue:
    return replace(
        issue,
        state=IssueState.REOPENED,
        opened_at=now,
        last_at=now,
        resolved_at=None,
        changed_by=None,
        next_reminder_at=now + REMINDERS[0],
        reminders=0,
    )


def _is_unmuted(issue: Issue, now: datetime) -> bool:
    if issue.muted_count is not None and issue.failing > issue.muted_count:
        return True
    return issue.muted_until is not None and issue.muted_until <= now


def _reminded(issue: Issue, now: datetime) -> Issue:
    sent = issue.reminders + 1
    after = REMINDERS[sent] if sent < len(REMINDERS) else WEEK * (sent - len(REMINDERS) + 2)
    # After a long silence of ours one reminder is enough, not one for each that was missed.
    at = max(issue.opened_at + after, now + REMINDERS[0])
    return replace(issue, reminders=sent, next_reminder_at=at)


def acknowledged(issue: Issue, by: str) -> Issue:
    """Return it as one that somebody knows of. Safe to repeat."""
    return replace(issue, state=IssueState.ACKNOWLEDGED, changed_by=by, muted_until=None, muted_count=None)


def muted(issue: Issue, by: str, until: datetime | None, count: int | None) -> Issue:
    """Return it as one of which nobody is reminded before that time, or before more than so many fail."""
    return replace(issue, state=IssueState.MUTED, changed_by=by, muted_until=until, muted_count=count)


def open_again(issue: Issue, by: str, now: datetime) -> Issue:
    """Return one that was known or muted as one of which somebody is reminded again, from tomorrow on."""
    unmuted = replace(issue, state=IssueState.OPEN, changed_by=by, muted_until=None, muted_count=None)
    return replace(unmuted, next_reminder_at=now + REMINDERS[0])


def said_resolved(issue: Issue, by: str, now: datetime) -> Issue:
    """Return it as one that somebody says is resolved; it is opened again if anybody fails once more."""
    done, _ = _resolved(issue, now)
    return replace(done, changed_by=by, failing=0, trying=issue.count)


LABELS: Mapping[IssueState, str] = {
    IssueState.OPEN: "Open",
    IssueState.REOPENED: "Open again",
    IssueState.ACKNOWLEDGED: "Known",
    IssueState.MUTED: "Muted",
    IssueState.RESOLVED: "Solved",
}
