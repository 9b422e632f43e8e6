"""What goes into the inbox and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from processor.domain.event import EventStatus
from processor.errors import NotFound

_PREFIX = "evt_"


def event_name(event_id: int) -> str:
    """Return the id as people see it: `evt_42`."""
    return f"{_PREFIX}{event_id}"


def event_id(name: str) -> int:
    """Return the number in `evt_42` (or in a bare `42`). Raises NotFound for anything else."""
    digits = name.removeprefix(_PREFIX)
    if not (digits.isascii() and digits.isdigit() and len(digits) < 19):
        raise NotFound(f"no event has the id {name[:40]!r}")
    return int(digits)


class AttemptOutcome(StrEnum):
    """How one attempt ended, as an event's history tells it."""

    APPLIED = "applied"
    SKIPPED = "skipped"
    RETRYING = "retrying"
    DEAD = "dead"
    CRASHED = "crashed"
    """The lease ran out: the worker died, or was cut off."""
    REPLAYED = "replayed"
    """Not an attempt: a person sent it round again; `worker` says who."""


@dataclass(frozen=True, slots=True)
class ClaimedEvent:
    """An event that this worker holds until its lease runs out. `attempts` counts this one already; `subject`
    is None for one that nobody has looked at before, and not for one that a person replays."""

    id: int
    connection_id: str
    body: bytes = field(repr=False)
    content_type: str
    received_at: datetime
    signed: bool
    attempts: int
    crashes: int
    claim: str
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a claimed event. `due_at` is when it is tried again, for `retrying` only; `work` is the
    name under which the calls that were made for it are kept."""

    id: int
    claim: str
    status: EventStatus
    type: str | None = None
    subject: str | None = None
    fired_at: datetime | None = None
    code: str | None = None
    detail: str | None = None
    instance: str | None = None
    outcome: Mapping[str, Any] | None = None
    due_at: datetime | None = None
    work: str | None = None


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event as it stands. `body` is None in lists, and there in `inbox.get`."""

    id: int
    connection_id: str
    content_type: str
    signed: bool
    received_at: datetime
    status: EventStatus
    type: str | None
    subject: str | None
    fired_at: datetime | None
    attempts: int
    crashes: int
    due_at: datetime | None
    claimed_by: str | None
    code: str | None
    detail: str | None
    instance: str | None
    outcome: Mapping[str, Any] | None
    settled_at: datetime | None
    redeliveries: int
    work: str | None = None
    """The piece of work that settled it last: its calls are kept under this name, for a while."""
    body: bytes | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """The id as people see it."""
        return event_name(self.id)


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One line of an event's history, oldest first by `id`."""

    id: int
    event_id: int
    n: int
    at: datetime
    worker: str | None
    outcome: AttemptOutcome
    code: str | None
    detail: str | None
    instance: str | None
    replay_id: str | None = None


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are meant; all conditions hold at once, and an empty collection means none of them.

    `since` (inclusive) and `until` (exclusive) look at `received_at`. `account_id` is the tenant's fence:
    every question that comes from a tenant sets it.
    """

    ids: tuple[int, ...] | None = None
    statuses: frozenset[EventStatus] | None = None
    types: frozenset[str] | None = None
    codes: frozenset[str] | None = None
    since: datetime | None = None
    until: datetime | None = None
    connection_id: str | None = None
    account_id: str | None = None
    subject: str | None = None
