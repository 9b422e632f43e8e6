"""Webhooks to the platform that are sent again: what that would do, and the next piece of it.

The platform knows a `webhook-id` that it has had before, so sending one twice does nothing twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from processor.domain.outgoing import NoticeKind
from processor.errors import NotFound
from processor.kit import Kit
from processor.store import Connection, endpoints, notices_again
from processor.store.notices_again import NoticeFilter
from processor.store.notices_rows import NoticeRow, NoticeState
from processor.store.replays import ReplayKind, ReplayRow

SAMPLE = 5


@dataclass(frozen=True, slots=True)
class NoticesPlan:
    """How many webhooks to an endpoint would be sent again, by what became of them and by kind, and a sample
    of them. None above `last_id` is meant. `is_disabled`: they wait until the endpoint is enabled."""

    wanted: NoticeFilter
    count: int
    by_state: Mapping[NoticeState, int]
    by_kind: Mapping[NoticeKind, int]
    sample: list[NoticeRow]
    is_disabled: bool
    last_id: int

    kind = ReplayKind.NOTICES


def plan_notices(kit: Kit, wanted: NoticeFilter, account_id: str | None) -> NoticesPlan:
    """Return which webhooks to an endpoint would be sent again; nothing is changed. Raises NotFound for an
    endpoint that is not there or another account's; StoreDown."""
    with kit.store.read() as c:
        endpoint = endpoints.get(c, wanted.endpoint_id)
        if endpoint is None or account_id not in {None, endpoint.account_id}:
            raise NotFound(f"There is no endpoint “{wanted.endpoint_id}”.")
        found = notices_again.meant(c, wanted)
        sample = notices_again.sample(c, wanted, SAMPLE)
    return NoticesPlan(
        wanted=wanted,
        count=sum(found.by_state.values()),
        by_state=found.by_state,
        by_kind=found.by_kind,
        sample=sample,
        is_disabled=not endpoint.is_enabled,
        last_id=found.last_id,
    )


def notices_json(wanted: NoticeFilter) -> dict[str, Any]:
    """Return a filter as a row of `replays` keeps it: what is not said is left out."""
    kept: dict[str, Any] = {
        "endpoint_id": wanted.endpoint_id,
        "states": sorted(wanted.states),
        "kinds": sorted(wanted.kinds) if wanted.kinds is not None else None,
        "since": wanted.since,
        "until": wanted.until,
    }
    return {name: value for name, value in kept.items() if value is not None}


def notices_of(kept: Mapping[str, Any]) -> NoticeFilter:
    """Return the filter that `notices_json` kept."""

    def moment(name: str) -> datetime | None:
        return datetime.fromisoformat(kept[name]) if name in kept else None

    return NoticeFilter(
        endpoint_id=kept["endpoint_id"],
        states=frozenset(NoticeState(one) for one in kept["states"]),
        kinds=frozenset(NoticeKind(one) for one in kept["kinds"]) if "kinds" in kept else None,
        since=moment("since"),
        until=moment("until"),
    )


def next_notices(c: Connection, row: ReplayRow, size: int, now: datetime) -> tuple[list[int], bool]:
    """Make the next piece due; return its numbers, and whether it was the last. While the endpoint has very
    many to take already, none is: they would keep out what is new."""
    wanted = notices_of(row.wanted)
    most = min(size, notices_again.room(c, wanted.endpoint_id))
    if not most:
        return [], False
    ids = notices_again.send_again(c, wanted, now, limit=most, after_id=row.after_id, last_id=row.last_id)
    return ids, len(ids) < most
