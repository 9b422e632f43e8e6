"""Contacts, members and rules with sensible defaults, so that a test names only what it is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from processor.domain.contact import Consent, ConsentStatus, Contact, Member, MemberStatus, subscriber_hash
from processor.domain.policy import FieldKind, FieldRule, Policy

NOON = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)

RULES = (
    FieldRule(field="first_name", target="FNAME"),
    FieldRule(field="points", target="POINTS", type="number"),
    FieldRule(field="joined", target="JOINED", type="date"),
    FieldRule(field="birthday", target="BIRTHDAY", type="birthday"),
    FieldRule(field="phone", target="PHONE", type="phone"),
    FieldRule(field="site", target="SITE", type="url"),
    FieldRule(field="photo", target="PHOTO", type="imageurl"),
    FieldRule(field="zip", target="ZIP", type="zip"),
    FieldRule(field="size", target="SIZE", type="dropdown", choices=("Small", "Large")),
    FieldRule(field="colour", target="COLOUR", type="radio", choices=("red", "green")),
    FieldRule(field="address", target="ADDRESS", type="address"),
    FieldRule(field="interest_tips", target="a1b2c3", kind=FieldKind.INTEREST),
    FieldRule(field="language", target="language", kind=FieldKind.LANGUAGE),
)
POLICY = Policy(fields=RULES)


def at(minutes: float) -> datetime:
    """A moment so many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def yes(minutes: float, source: str = "shop checkout") -> Consent:
    """A consent with evidence."""
    return Consent(ConsentStatus.SUBSCRIBED, at(minutes), source)


def no(minutes: float | None = 0) -> Consent:
    """An opt-out on the platform."""
    return Consent(ConsentStatus.UNSUBSCRIBED, None if minutes is None else at(minutes), "platform")


def contact(
    *,
    email: str | None = "jo@maple-street.test",
    fields: dict[str, Any] | None = None,
    tags: set[str] | None = None,
    consent: Consent | None = None,
    updated: float = 0,
) -> Contact:
    """A contact of the platform."""
    return Contact(
        account_id="shop",
        id="c1",
        email=email,
        fields=fields or {},
        tags=frozenset(tags or ()),
        consent=consent or Consent(),
        version=1,
        updated_at=at(updated),
    )


def member(
    status: MemberStatus = MemberStatus.SUBSCRIBED,
    *,
    email: str = "jo@maple-street.test",
    merge_fields: dict[str, Any] | None = None,
    interests: dict[str, bool] | None = None,
    tags: set[str] | None = None,
    changed: float | None = 0,
    reason: str | None = None,
    tags_complete: bool = True,
) -> Member:
    """A member of the audience. Every merge field of RULES is there, empty unless it is named."""
    blank = {rule.target: "" for rule in RULES if rule.kind is FieldKind.MERGE}
    return Member(
        id=subscriber_hash(email),
        email=email,
        status=status,
        merge_fields={**blank, **(merge_fields or {})},
        interests={"a1b2c3": False, **(interests or {})},
        tags=frozenset(tags or ()),
        contact_id="0" * 32,
        last_changed=None if changed is None else at(changed),
        unsubscribe_reason=reason,
        tags_complete=tags_complete,
    )
