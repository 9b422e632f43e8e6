"""Where a sweep is: kept on the connection after every page, so that whoever goes on need not begin anew."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from processor.brake import Tally
from processor.domain.contact import MemberStatus
from processor.domain.policy import Policy
from processor.look import OVERLAP
from processor.paging import Place
from processor.store.connections import ConnectionRow
from processor.store.ids import new_id
from processor.store.types import as_json

FRESH = timedelta(days=1)
"""One that nobody went on with for longer begins anew: too much may have happened to what it read first."""


class Step(StrEnum):
    """What a sweep is at, in this order; the last two only where it compares everybody."""

    ARCHIVED = "archived"
    """First: whoever was archived must be known before anybody is added (promise 3)."""
    MEMBERS = "members"
    GONE = "gone"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a sweep is.

    `n` counts how often it was written: whoever goes on takes it over by writing it, and the one who had it
    before is refused. `behind` is where both passes begin, `since` to `before` where the next page does;
    `after` is the last one that was dealt with in the two later steps. `had_full` and `policy` tell at the
    end whether another full comparison was asked for meanwhile. `of` is how many contacts there were here,
    `total` how many members there are; `healed` counts what was told by nothing before, by kind
    (`domain.drift`); the rest are counts of people.
    """

    id: str
    n: int
    full: bool
    audience: str
    policy: str
    had_full: bool
    step: Step
    started: datetime
    touched: datetime
    behind: datetime | None
    since: datetime | None
    offset: int = 0
    anchor: str | None = None
    before: datetime | None = None
    newest: datetime | None = None
    after: str | None = None
    seen: int = 0
    changed: int = 0
    gone: int = 0
    tally_changed: int = 0
    tally_left: int = 0
    of: int = 0
    total: int = 0
    healed: Mapping[str, int] = field(default_factory=dict)

    @property
    def tally(self) -> Tally:
        """What was changed here so far."""
        return Tally(self.tally_changed, self.tally_left)

    @property
    def place(self) -> Place:
        """Where the next page begins."""
        status = MemberStatus.ARCHIVED if self.step is Step.ARCHIVED else None
        return Place(status, self.since, self.offset, self.anchor, self.before)


def fresh(connection: ConnectionRow, of: int, now: datetime, *, full: bool) -> Cursor:
    """Return where a sweep begins."""
    behind = connection.watermark - OVERLAP if connection.watermark and not full else None
    return Cursor(
        id=new_id("swp"),
        n=0,
        full=full,
        audience=connection.audience_id or "",
        policy=policy_digest(connection.policy),
        had_full=connection.last_full_sweep_at is not None,
        step=Step.ARCHIVED,
        started=now,
        touched=now,
        behind=behind,
        since=behind,
        of=of,
    )


def kept(connection: ConnectionRow, now: datetime, *, full: bool) -> Cursor | None:
    """Return where an unfinished sweep of this connection goes on, or None where one must begin anew."""
    cursor = from_json(connection.sweep_cursor)
    if cursor is None or cursor.audience != connection.audience_id:
        return None
    if now - cursor.touched > FRESH or (full and not cursor.full):
        return None
    return cursor


def policy_digest(policy: Policy) -> str:
    """Return a hash of what was chosen at set-up; what the audience itself says is read anew anyway."""
    chosen = policy.model_dump(mode="json", exclude={"double_opt_in", "brake_share", "brake_from", "left"})
    return hashlib.sha256(as_json(chosen).encode()).hexdigest()[:16]


_TIMES = ("started", "touched", "behind", "since", "before", "newest")


def as_stored(cursor: Cursor) -> dict[str, Any]:
    """Return the cursor as it is stored."""
    times = {name: getattr(cursor, name) for name in _TIMES}
    return {**asdict(cursor), **{name: at.isoformat() if at else None for name, at in times.items()}}


def from_json(stored: Mapping[str, Any] | None) -> Cursor | None:
    """Return what `as_stored` wrote; None for nothing, and for what another version wrote."""
    if stored is None:
        return None
    times = {name: stored.get(name) for name in _TIMES}
    try:
        return Cursor(
            **{
                **stored,
                **{name: datetime.fromisoformat(at) if at else None for name, at in times.items()},
                "step": Step(stored["step"]),
            }
        )
    except (KeyError, TypeError, ValueError):
        return None
