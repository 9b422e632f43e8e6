"""What arrives: a delivery as bytes, the event it means, and the states it goes through."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class EventType(StrEnum):
    """What Mailchimp's `type` says. A word we do not know becomes UNKNOWN and is recorded, not refused."""

    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    PROFILE = "profile"
    CLEANED = "cleaned"
    UPEMAIL = "upemail"
    CAMPAIGN = "campaign"
    SMS_SUBSCRIBE = "sms_subscribe"
    SMS_UNSUBSCRIBE = "sms_unsubscribe"
    UPSMS = "upsms"
    SMS_CAMPAIGN = "sms_campaign"
    BATCH_COMPLETED = "batch_operation_completed"
    UNKNOWN = "unknown"


class EventStatus(StrEnum):
    """Where an event is on its way; `TRANSITIONS` says which steps exist."""

    RECEIVED = "received"
    PROCESSING = "processing"
    APPLIED = "applied"
    SKIPPED = "skipped"
    RETRYING = "retrying"
    DEAD = "dead"


TRANSITIONS: Mapping[EventStatus, frozenset[EventStatus]] = {
    EventStatus.RECEIVED: frozenset({EventStatus.PROCESSING}),
    EventStatus.PROCESSING: frozenset(
        {
            EventStatus.APPLIED,
            EventStatus.SKIPPED,
            EventStatus.RETRYING,
            EventStatus.DEAD,
            EventStatus.RECEIVED,  # the lease ran out, or the worker handed it back while stopping
        }
    ),
    EventStatus.RETRYING: frozenset({EventStatus.PROCESSING, EventStatus.RECEIVED}),  # replayed early
    EventStatus.APPLIED: frozenset({EventStatus.RECEIVED}),  # replayed by a person
    EventStatus.SKIPPED: frozenset({EventStatus.RECEIVED}),
    EventStatus.DEAD: frozenset({EventStatus.RECEIVED}),
}

UNSETTLED = frozenset({EventStatus.RECEIVED, EventStatus.PROCESSING, EventStatus.RETRYING})
CLAIMABLE = frozenset({EventStatus.RECEIVED, EventStatus.RETRYING})
REPLAYABLE = frozenset({EventStatus.DEAD, EventStatus.APPLIED, EventStatus.SKIPPED, EventStatus.RETRYING})


def may_become(old: EventStatus, new: EventStatus) -> bool:
    """Whether an event may go from one state to another."""
    return new in TRANSITIONS[old]


class SkipReason(StrEnum):
    """Why an event needed nothing. Skipped is not an error."""

    NOTHING_NEW = "nothing_new"
    NOT_ABOUT_CONTACTS = "not_about_contacts"
    OTHER_AUDIENCE = "other_audience"
    NO_ADDRESS = "no_address"
    NOT_KNOWN_HERE = "not_known_here"
    FORGOTTEN = "forgotten"
    CONNECTION_REMOVED = "connection_removed"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One HTTP request as it arrived, authenticated, not yet read."""

    connection_id: str
    body: bytes
    content_type: str
    received_at: datetime
    signed: bool = False

    @property
    def key(self) -> bytes:
        """The idempotency key: a hash of connection and raw body.

        Mailchimp sends no delivery id, and its own advice (type, data.id, fired_at) fits neither
        `upemail`, nor `cleaned`, nor two true changes within a second (facts.md 1.8).
        """
        return hashlib.sha256(self.connection_id.encode() + b"\0" + self.body).digest()


@dataclass(frozen=True, slots=True)
class Event:
    """What a delivery means. Every value is a hint: the member is read anew before anything is believed,
    except bad news. `fired_at` has one-second steps and promises no order (facts.md 1.2, 1.8)."""

    type: EventType
    raw_type: str
    fired_at: datetime | None = None
    list_id: str | None = None
    email: str | None = None
    """The address now: `data[email]`, or `data[new_email]` of an address change."""
    old_email: str | None = None
    unique_email_id: str | None = None
    action: str | None = None
    reason: str | None = None
    batch_id: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_about_a_member(self) -> bool:
        """Whether a member of an audience may have changed."""
        return self.type in _ABOUT_MEMBERS

    @property
    def is_bad_news(self) -> bool:
        """Whether somebody left: believed at once (promise 3)."""
        return self.type in {EventType.UNSUBSCRIBE, EventType.CLEANED}


_ABOUT_MEMBERS = frozenset(
    {
        EventType.SUBSCRIBE,
        EventType.UNSUBSCRIBE,
        EventType.PROFILE,
        EventType.CLEANED,
        EventType.UPEMAIL,
        EventType.SMS_SUBSCRIBE,
        EventType.SMS_UNSUBSCRIBE,
        EventType.UPSMS,
    }
)
