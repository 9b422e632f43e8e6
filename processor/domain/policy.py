"""What a customer chose at set-up: kept as JSON on the connection."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


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
    STATED = "stated"
    """Add those whom the platform holds as subscribed, on the customer's recorded word that they agreed."""


class ConsentStatement(BaseModel):
    """The customer's word, given at set-up, that contacts who are subscribed on the platform have agreed to
    be written to: when, who said so, and the words that they put their name to."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    by: str
    text: str


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
    merge_id: int | None = None
    """The merge field's number, which it keeps whatever its tag is; None for what is no merge field, and for
    rules that were made before it was kept."""
    made: int = 0
    """The `map_version` with which the platform's field was mapped to this one: what was agreed under an
    older version was agreed of another field."""


class Policy(BaseModel):
    """The rules of one connection. Defaults are the careful choice."""

    model_config = ConfigDict(frozen=True)

    fields: tuple[FieldRule, ...] = ()
    gone: tuple[FieldRule, ...] = ()
    """Rules whose field was deleted in Mailchimp: nothing is read or sent for them until they are mapped
    anew."""
    left: tuple[str, ...] = ()
    """Fields that somebody has seen and left out, by what stays of them (`field_changes.key_of`)."""
    map_version: int = 0
    """Goes up when a platform's field is mapped to another one."""
    winner: Winner = Winner.NEWEST
    email_winner: Winner = Winner.NEWEST
    without_consent: WithoutConsent = WithoutConsent.LEAVE_OUT
    statement: ConsentStatement | None = None
    """The evidence for `WithoutConsent.STATED`; without it that counts as LEAVE_OUT."""
    double_opt_in: bool = False
    import_members: bool = True
    """Whether members whom the platform does not know become contacts."""
    archive_deleted: bool = True
    """Whether a contact that the platform deletes is archived in Mailchimp."""
    unsubscribe_archived: bool = True
    """Whether somebody archived or deleted in Mailchimp counts as unsubscribed here."""
    sync_tags: bool = True
    brake_share: float = Field(default=0.1, ge=0, le=1)
    """The share of contacts that one sweep or sync may unsubscribe or change before it stops and asks."""
    brake_from: int = Field(default=100, ge=0)
    """Fewer contacts than this never stop it."""
