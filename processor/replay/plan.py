"""What a replay would do, before it does anything."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from processor.domain.event import REPLAYABLE, EventStatus
from processor.domain.plan import MemberState
from processor.errors import Invalid
from processor.kit import Kit
from processor.store import connections, inbox, members, replays
from processor.store.due import RESTING
from processor.store.inbox import EventFilter, EventRow
from processor.store.members import MemberRow
from processor.store.replays import ReplayKind

SAMPLE = 5
MOST_LOOKED_THROUGH = 20_000
"""Events that are looked through for later ones of the same member: more would keep whoever asks waiting."""


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """What a replay would do: how many events of which status, a sample of them, and how many of those
    that were asked for cannot be replayed now, since they are waiting or being worked on already.

    `superseded` have a later event of the same member, which was looked at since (None: too many to be
    counted); `gone` belong to a connection that is not there any more and will be skipped; `resting` to one
    that waits for a person, and will wait with it. No event above `last_id` is meant.
    """

    wanted: EventFilter
    count: int
    by_status: Mapping[str, int]
    sample: list[EventRow]
    not_now: int
    superseded: int | None = 0
    gone: int = 0
    resting: int = 0
    last_id: int = 0

    kind = ReplayKind.EVENTS


@dataclass(frozen=True, slots=True)
class MembersPlan:
    """How many failing contacts of a connection would be tried again, by the code of their failure."""

    connection_id: str
    codes: frozenset[str] | None
    count: int
    by_code: Mapping[str, int]
    sample: list[MemberRow]
    is_resting: bool

    kind = ReplayKind.MEMBERS


def plan(kit: Kit, wanted: EventFilter) -> ReplayPlan:
    """Return what replaying these events would do; nothing is changed. Raises Invalid for a filter that
    chooses nothing in particular, or a person; StoreDown."""
    if wanted == EventFilter() or wanted == EventFilter(account_id=wanted.account_id):
        raise Invalid("Say which events: ids, or a status, type, time or connection.", "filter")
    if wanted.subject is not None:
        # What is asked for is kept for months, and an erased person's address may not be in it.
        raise Invalid("Events are not replayed by address: name their ids.", "subject")
    statuses = (wanted.statuses or REPLAYABLE) & REPLAYABLE
    able = replace(wanted, statuses=frozenset(statuses))
    with kit.store.read() as c:
        by_status = {s.value: inbox.count(c, replace(wanted, statuses=frozenset({s}))) for s in statuses}
        total = inbox.count(c, wanted)
        sample = inbox.find(c, able, limit=SAMPLE) if statuses else []
        meant = replays.meant(c, able, most=MOST_LOOKED_THROUGH)
    count = sum(by_status.values())
    return ReplayPlan(
        wanted=able,
        count=count,
        by_status={s: n for s, n in by_status.items() if n},
        sample=sample,
        not_now=total - count,
        superseded=meant.superseded,
        gone=meant.gone,
        resting=meant.resting,
        last_id=meant.last_id,
    )


def plan_members(
    kit: Kit, connection_id: str, account_id: str | None, codes: Collection[str] | None = None
) -> MembersPlan:
    """Return which failing contacts of a connection would be tried again: all, or those that failed for one
    of these codes; nothing is changed. Raises NotFound, also for another account's; StoreDown."""
    with kit.store.read() as c:
        row = connections.owned(c, connection_id, account_id)
        found = members.reasons(c, connection_id)
        by_code = {
            reason: number
            for (state, reason), number in found.items()
            if state is MemberState.FAILING and (codes is None or reason in codes)
        }
        reason = next(iter(by_code), None)
        sample = (
            members.find(c, connection_id, states=[MemberState.FAILING], reason=reason, limit=SAMPLE)
            if by_code
            else []
        )
    return MembersPlan(
        connection_id=connection_id,
        codes=frozenset(codes) if codes else None,
        count=sum(by_code.values()),
        by_code=by_code,
        sample=sample,
        is_resting=row.state in RESTING,
    )


def filter_json(wanted: EventFilter) -> dict[str, Any]:
    """Return a filter as a row of `replays` keeps it: what is not said is left out."""
    found: dict[str, Any] = {}
    for name, value in (
        ("ids", wanted.ids),
        ("statuses", sorted(s.value for s in wanted.statuses) if wanted.statuses is not None else None),
        ("types", wanted.types),
        ("codes", wanted.codes),
        ("since", wanted.since),
        ("until", wanted.until),
        ("connection_id", wanted.connection_id),
        ("account_id", wanted.account_id),
    ):
        if value is not None:
            found[name] = sorted(value) if isinstance(value, frozenset | tuple) else value
    return found


def filter_of(kept: Mapping[str, Any]) -> EventFilter:
    """Return the filter that `filter_json` kept."""

    def several(name: str) -> frozenset[str] | None:
        return frozenset(kept[name]) if name in kept else None

    def moment(name: str) -> datetime | None:
        return datetime.fromisoformat(kept[name]) if name in kept else None

    statuses = several("statuses")
    return EventFilter(
        ids=tuple(kept["ids"]) if "ids" in kept else None,
        statuses=frozenset(EventStatus(s) for s in statuses) if statuses is not None else None,
        types=several("types"),
        codes=several("codes"),
        since=moment("since"),
        until=moment("until"),
        connection_id=kept.get("connection_id"),
        account_id=kept.get("account_id"),
    )
