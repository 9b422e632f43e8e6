"""Builders with defaults: a test names only what it is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from processor.domain.contact import Contact
from processor.domain.event import Delivery, EventStatus
from processor.store import Store, accounts, changes, connections, contacts, inbox
from processor.store.changes import Change, Origin
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


GRANT: connections.Grant = {
    "mailchimp_account": "mc_1",
    "account_name": "Maple Street",
    "login_name": "jo",
    "role": "owner",
    "dc": "us1",
    "api_base": "https://us1.api.mailchimp.com/3.0",
    "token_sealed": "sealed",
}


def connected(
    store: Store, connection_id: str = "con_a", account_id: str = "acc_1", state: str = "in_sync"
) -> None:
    """A connection of an account, both made where they are missing."""
    with store.write() as c:
        accounts.ensure(c, account_id, NOW)
        connections.create(c, connection_id, account_id, NOW, state=state, **GRANT)


def contact(contact_id: str = "c1", **values: Any) -> Contact:
    """A contact of `acc_1`."""
    return Contact(
        **{"account_id": "acc_1", "id": contact_id, "email": f"{contact_id}@maple-street.test", **values}
    )


def with_contacts(store: Store, *new: Contact) -> None:
    """Write these contacts."""
    with store.write() as c:
        for account_id in {one.account_id for one in new}:
            accounts.ensure(c, account_id, NOW)
        contacts.insert_many(c, new, NOW)


def change(contact_id: str = "c1", origin: Origin = Origin.PLATFORM, **values: Any) -> Change:
    """A change of one contact."""
    given: dict[str, Any] = {
        "version": 1,
        "what": {"NAME": {"before": None, "after": "Jo"}},
        "why": {"cause": "api"},
        "contact": {"id": contact_id},
        "at": NOW,
        **values,
    }
    return Change(contact_id=contact_id, origin=origin, **given)


def appended(store: Store, *new: Change, account_id: str = "acc_1") -> int:
    """Append changes in a transaction of their own."""
    with store.write() as c:
        return changes.append(c, account_id, new)
