"""What we have sent and not heard of yet: known when it comes back, whenever that is. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from processor.domain.contact import Base, Contact, Member, MemberStatus, email_key
from processor.domain.mapping import read
from processor.domain.plan import MemberChange
from processor.domain.policy import Policy

REMEMBERED = timedelta(days=1)
"""After this a value that equals what was sent once is somebody else's."""


@dataclass(frozen=True, slots=True)
class OnItsWay:
    """Values that were sent to a member, under the platform's names, and tags put on and taken off. `claim`
    is the batch's that carries them, None for a call of its own; `at` is when it was sent."""

    at: datetime
    fields: Mapping[str, Any] = field(default_factory=dict)
    tags_added: frozenset[str] = frozenset()
    tags_removed: frozenset[str] = frozenset()
    claim: str | None = None
    email: str | None = None
    """The address that a member was moved to, or added with."""
    created: MemberStatus | None = None
    """The status that a new member was added in, on the consent of `consent_at`."""
    consent_at: datetime | None = None


def on_its_way(up: MemberChange, contact: Contact | None, at: datetime, claim: str | None = None) -> OnItsWay:
    """Return what is on its way once this is sent for the contact as it is now."""
    return OnItsWay(
        at,
        dict(up.fields),
        up.tags_added,
        up.tags_removed,
        claim,
        email=contact.email if up.create and contact else up.email,
        created=up.create,
        consent_at=contact.consent.at if up.create and contact else None,
    )


def heard_of(
    base: Base | None, way: OnItsWay | None, theirs: Member | None, policy: Policy, now: datetime
) -> Base | None:
    """Return the base with everything in it that was on its way and is there now: both sides had it.

    Without this our own value that comes back after the contact was edited again counts as somebody's
    edit in Mailchimp, and may win over the later one.
    """
    if way is None or theirs is None or now - way.at > REMEMBERED:
        return base
    if base is None and way.created is theirs.status:
        # Added by us: whatever became of the contact since, even its deletion, is news to that.
        base = Base(email=None, status=way.created, consent_at=way.consent_at)
    if base is None:
        return None
    if way.email is not None and email_key(way.email) == email_key(theirs.email):
        base = replace(base, email=theirs.email)
    there = read(theirs, policy)
    unknown = object()
    arrived = {name: sent for name, sent in way.fields.items() if there.get(name, unknown) == sent}
    tags = (base.tags | (way.tags_added & theirs.tags)) - (way.tags_removed - theirs.tags)
    if not arrived and tags == base.tags:
        return base
    return replace(base, fields={**base.fields, **arrived}, tags=tags)


def is_heard_of(way: OnItsWay, theirs: Member, policy: Policy) -> bool:
    """Whether all of it is there: it need not be remembered any more."""
    there = read(theirs, policy)
    return (
        all(name in there and there[name] == sent for name, sent in way.fields.items())
        and way.tags_added <= theirs.tags
        and not way.tags_removed & theirs.tags
        and (way.email is None or email_key(way.email) == email_key(theirs.email))
    )
