"""A person as the platform holds them, and the same person as an audience holds them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class ConsentStatus(StrEnum):
    """What a person has said about being written to, as the platform holds it."""

    NONE = "none"
    """Never asked, or not known."""
    PENDING = "pending"
    """Asked, and has not confirmed yet."""
    SUBSCRIBED = "subscribed"
    UNSUBSCRIBED = "unsubscribed"
    CLEANED = "cleaned"
    """The address bounces: nobody may write to it."""


class MemberStatus(StrEnum):
    """Mailchimp's words for the same (facts.md 4.4)."""

    SUBSCRIBED = "subscribed"
    UNSUBSCRIBED = "unsubscribed"
    CLEANED = "cleaned"
    PENDING = "pending"
    TRANSACTIONAL = "transactional"
    ARCHIVED = "archived"
    DELETED = "deleted"
    """Ours, never sent: a member that both sides knew is not there any more."""


@dataclass(frozen=True, slots=True)
class Consent:
    """A status with its evidence: when it was given, and where (`source`, free text of the platform,
    or `mailchimp:<what>` where Mailchimp's record is the evidence)."""

    status: ConsentStatus = ConsentStatus.NONE
    at: datetime | None = None
    source: str | None = None

    @property
    def has_evidence(self) -> bool:
        """Whether it is known when and where it was given."""
        return self.at is not None and bool(self.source)


@dataclass(frozen=True, slots=True)
class Contact:
    """A person as the platform holds them. `fields` are the platform's names; an absent name is unknown,
    None or "" is empty. `version` goes up by one with every change."""

    account_id: str
    id: str
    email: str | None
    fields: Mapping[str, Any] = field(default_factory=dict)
    tags: frozenset[str] = frozenset()
    consent: Consent = field(default_factory=Consent)
    version: int = 0
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Permission:
    """A marketing permission as Mailchimp shows it of one member: its text, and whether it was given."""

    text: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class Member:
    """The same person as an audience holds them, read from Mailchimp.

    `id` is the subscriber hash of the answer; `contact_id` stays over an address change while `id` and
    `unique_email_id` do not (facts.md 4.1). `last_changed` has one-second steps.
    """

    id: str
    email: str
    status: MemberStatus
    merge_fields: Mapping[str, Any] = field(default_factory=dict)
    interests: Mapping[str, bool] = field(default_factory=dict)
    tags: frozenset[str] = frozenset()
    contact_id: str | None = None
    unique_email_id: str | None = None
    web_id: int | None = None
    language: str | None = None
    last_changed: datetime | None = None
    unsubscribe_reason: str | None = None
    permissions: Mapping[str, Permission] = field(default_factory=dict)
    """By their ids; empty where the audience has no marketing permissions."""
    sms_phone: str | None = None
    sms_status: str | None = None
    """Mailchimp's word for how they stand towards SMS; None where no phone is known."""
    sms_changed_at: datetime | None = None
    tags_complete: bool = True
    """False when there are more tags than Mailchimp shows in one answer (50, facts.md 4.2)."""
    tags_count: int = 0
    """How many there are, as Mailchimp counts them; 0 where it does not say."""


@dataclass(frozen=True, slots=True)
class Base:
    """What both sides last agreed on, in the platform's field names and in comparable values."""

    email: str | None
    status: MemberStatus | None
    fields: Mapping[str, Any] = field(default_factory=dict)
    tags: frozenset[str] = frozenset()
    consent_at: datetime | None = None
    """The `at` of the platform's consent that was agreed: a later one is a new act."""
    parted: bool = False
    """Whether `status` is that of a member whom the contact has parted from, at another address: nobody was
    met at the contact's own address yet."""
    map_version: int = 0
    """The `Policy.map_version` under which `fields` were agreed."""


def email_key(email: str) -> str:
    """The form in which two spellings of one address are equal, as Mailchimp sees it: lower case."""
    return email.strip().lower()


def subscriber_hash(email: str) -> str:
    """The MD5 by which Mailchimp addresses a member (facts.md 4.1); not used for secrecy."""
    return hashlib.md5(email_key(email).encode(), usedforsecurity=False).hexdigest()
