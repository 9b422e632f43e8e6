"""What a customer chose at set-up: kept as JSON on the connection."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Winner(StrEnum):
    """Who wins when both sides changed one field differently."""

    NEWEST = "newest"
    PLATFORM = "platform"
    MAILCHIMP = "mailchimp"


class WithoutConsent(StrEnum):
    """What becomes of a contact whose consent is not recorded, and whom Mailchimp has never seen."""

    LEAVE_OUT = "leave_out"
    TRANSACTIONAL = "transactional"
    """Add as non-subscribed: known to Mailchimp (and billed), never mailed."""


class FieldKind(StrEnum):
    """Where in a member a field lives."""

    MERGE = "merge"
    INTEREST = "interest"
    LANGUAGE = "language"


class FieldRule(BaseModel):
    """One platform field and the member's field that it is kept in step with.

    `target` is the merge tag, or the interest's id. `type` is Mailchimp's merge field type (facts.md 4.8);
    `choices` are the values that a radio or dropdown allows.
    """

    model_config = ConfigDict(frozen=True)

    field: str
    target: str
    kind: FieldKind = FieldKind.MERGE
    type: str = "text"
    required: bool = False
    choices: tuple[str, ...] = ()
    date_format: str | None = None
    winner: Winner | None = None
    """None takes the policy's own."""


class Policy(BaseModel):
    """The rules of one connection. Defaults are the careful choice."""

    model_config = ConfigDict(frozen=True)

    fields: tuple[FieldRule, ...] = ()
    winner: Winner = Winner.NEWEST
    email_winner: Winner = Winner.NEWEST
    without_consent: WithoutConsent = WithoutConsent.LEAVE_OUT
    double_opt_in: bool = False
    import_members: bool = True
    """Whether members whom the platform does not know become contacts."""
    archive_deleted: bool = True
    """Whether a contact that the platform deletes is archived in Mailchimp."""
    unsubscribe_archived: bool = True
    """Whether somebody archived or deleted in Mailchimp counts as unsubscribed here."""
    sync_tags: bool = True
