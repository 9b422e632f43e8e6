"""Builders with defaults: a test names only what it is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from processor.domain.event import Delivery, EventStatus
from processor.store import Store, inbox
from processor.store.inbox import ClaimedEvent, Settled

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def later(seconds: float) -> datetime:
    """The test's clock, so many seconds on."""
    return NOW + timedelta(seconds=seconds)


def delivery(body: bytes | str = b"type=profile", **values: Any) -> Delivery:
    """A delivery to `con_a`."""
    given = {
        "connection_id": "con_a",
        "content_type": "application/x-www-form-urlencoded",
        "received_at": NOW,
        **values,
    }
    return Delivery(body=body if isinstance(body, bytes) else body.encode(), **given)


def kept(store: Store, n: int = 1, **values: Any) -> None:
    """Keep n different deliveries."""
    with store.write() as c:
        inbox.keep(c, [delivery(f"type=profile&n={i}", **values) for i in range(n)])


def claimed(store: Store, **values: Any) -> list[ClaimedEvent]:
    """Claim what is due on `con_a`."""
    given: dict[str, Any] = {"limit": 100, "now": NOW, "lease_seconds": 60, "worker": "w1", **values}
    with store.write() as c:
        return inbox.claim(c, given.pop("connection_id", "con_a"), **given)


def settled(store: Store, event: ClaimedEvent, status: EventStatus, at: datetime = NOW, **values: Any) -> int:
    """Settle one claimed event."""
    if status is EventStatus.RETRYING:
        values.setdefault("due_at", at + timedelta(seconds=10))
    with store.write() as c:
        return inbox.settle(c, [Settled(event.id, event.claim, status, **values)], at)


def status_of(store: Store, event_id: int) -> EventStatus:
    """The status of one event now."""
    with store.read() as c:
        row = inbox.get(c, event_id)
    assert row is not None
    return row.status
