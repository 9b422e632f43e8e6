"""What set-up has to show before anything is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from processor.domain.policy import FieldKind, FieldRule, Policy


@dataclass(frozen=True, slots=True)
class AudienceOffer:
    """An audience to choose. `member_count` counts the subscribed ones, as Mailchimp does; `gdpr` says that
    it has marketing permissions; `taken_by` is the account's other connection that has it already."""

    id: str
    name: str
    member_count: int
    double_opt_in: bool
    gdpr: bool
    taken_by: str | None = None


@dataclass(frozen=True, slots=True)
class FieldDraft:
    """One field of the audience. `default` is the platform's name that we would choose, None where we would
    not map it; `mapped` is the one that is chosen now, and `is_new` says that the field appeared in Mailchimp
    since then."""

    target: str
    kind: FieldKind
    name: str
    type: str
    required: bool
    choices: tuple[str, ...]
    default: str | None
    mapped: str | None = None
    is_new: bool = False
    ours: Any = None
    """The shown person's value on the platform under the name that is mapped, else the default."""
    theirs: Any = None
    """The shown person's value in Mailchimp."""


@dataclass(frozen=True, slots=True)
class PlatformField:
    """A field that the platform uses: for how many of the contacts that were looked at, and one value."""

    name: str
    contacts: int
    example: Any


@dataclass(frozen=True, slots=True)
class Person:
    """One real contact, as the platform has them, and in Mailchimp where they are there: values by target.
    `status` is Mailchimp's word for how they stand there; None where they are not there."""

    contact_id: str
    email: str
    ours: Mapping[str, Any]
    theirs: Mapping[str, Any] | None
    status: str | None


@dataclass(frozen=True, slots=True)
class Draft:
    """All of it. `gone` are rules whose field was removed or renamed in Mailchimp; `looked_at` is how many
    contacts `platform_fields` were counted over; `person` is None while the platform has nobody."""

    audience: AudienceOffer
    fields: Sequence[FieldDraft]
    platform_fields: Sequence[PlatformField]
    looked_at: int
    person: Person | None
    gone: Sequence[FieldRule]
    policy: Policy
