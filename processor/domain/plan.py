"""What reconciling decides: what to write here, what to send there, and what both then agree on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from processor.domain.contact import Base, Consent, MemberStatus


class MemberState(StrEnum):
    """How one contact stands towards one audience. Excluded is not an error."""

    IN_SYNC = "in_sync"
    WAITING = "waiting"
    EXCLUDED = "excluded"
    FAILING = "failing"


class Exclusion(StrEnum):
    """Why a contact is left out on purpose."""

    NO_CONSENT = "no_consent"
    NO_ADDRESS = "no_address"
    UNSUBSCRIBED = "unsubscribed"
    CLEANED = "cleaned"
    ARCHIVED = "archived"
    DELETED_THERE = "deleted_there"
    DELETED_HERE = "deleted_here"
    NOT_IMPORTED = "not_imported"
    ERASED = "erased"
    """Never decided by reconciling: a mark keeps them out until they are deleted in Mailchimp too."""
    MOVED = "moved"
    BY_CHOICE = "by_choice"
    """A person chose it: reconciling decides as for everybody, and `domain.choice` takes all but the leaving
    away."""
    SMS_ONLY = "sms_only"
    """In Mailchimp with a phone number and without an address."""


@dataclass(frozen=True, slots=True)
class ContactChange:
    """What to write to the platform's contact. `fields` holds only what changes; None clears."""

    create: bool = False
    email: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    tags_added: frozenset[str] = frozenset()
    tags_removed: frozenset[str] = frozenset()
    consent: Consent | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (
            self.create or self.email or self.fields or self.tags_added or self.tags_removed or self.consent
        )


@dataclass(frozen=True, slots=True)
class MemberChange:
    """What to send to Mailchimp. `fields` are the platform's names in comparable values; None clears.

    `create` adds a new member in that status. `status` is a consent act on an existing member, and is
    only ever set when it is somebody's own act (promise 3). `email` moves a member to a new address.
    """

    create: MemberStatus | None = None
    status: MemberStatus | None = None
    archive: bool = False
    email: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    tags_added: frozenset[str] = frozenset()
    tags_removed: frozenset[str] = frozenset()
    permissions: Mapping[str, bool] = field(default_factory=dict)
    """Marketing permissions to give (True) or withdraw: acts of the person's (`domain/permission`)."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to send."""
        return not (
            self.create
            or self.status
            or self.archive
            or self.email
            or self.fields
            or self.tags_added
            or self.tags_removed
            or self.permissions
        )

    @property
    def is_urgent(self) -> bool:
        """Whether somebody left: sent before everything else."""
        return self.archive or self.status is MemberStatus.UNSUBSCRIBED


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """Both sides changed one field differently. `winner` is "platform" or "mailchimp"."""

    field: str
    ours: Any
    theirs: Any
    winner: str


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """A value that the audience's field cannot take: said, and left where it is, never cut."""

    field: str
    value: Any
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What reconciling decided for one contact and one member.

    `base` is what both sides agree on once `down` is written; what `up` sends is not in it before the
    answer has been read back. `relink` says that the contact's new address must become a member of its
    own, because Mailchimp moves only subscribed members (facts.md 4.3).
    """

    down: ContactChange
    up: MemberChange
    base: Base | None
    state: MemberState
    reason: str | None = None
    conflicts: tuple[FieldConflict, ...] = ()
    problems: tuple[FieldProblem, ...] = ()
    relink: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether both sides are as they should be."""
        return self.down.is_empty and self.up.is_empty and not self.relink
