"""Marketing permissions and SMS, as Mailchimp shows them of one contact in one audience."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from processor.domain.contact import Member
from processor.web.models.kinds import Answer, Asked, Id, Moment, Source


class PermissionAsked(Asked):
    """What somebody said of one permission. To give it, say when and where they did."""

    contact: Id
    permission: Id = Field(description="Mailchimp's id of the permission: the contact's `standing` names it.")
    enabled: bool
    at: Moment | None = None
    source: Source | None = None


class PermissionAnswer(Answer):
    """A marketing permission of the audience, and whether the contact gave it."""

    id: str
    text: str
    enabled: bool = Field(description="As Mailchimp last showed it.")
    waiting: bool = Field(description="Whether the opposite is on its way to Mailchimp.")


class SmsAnswer(Answer):
    """How the contact stands towards SMS: read from Mailchimp, which lets nobody change it by its API."""

    phone: str | None
    status: str | None = Field(description="Mailchimp's word; null where no phone is known.")
    changed_at: datetime | None


def permissions_answer(theirs: Member | None, waiting: frozenset[str]) -> list[PermissionAnswer]:
    """Return the permissions as the API shows them; none for an audience without any."""
    return [
        PermissionAnswer(id=one, text=said.text, enabled=said.enabled, waiting=one in waiting)
        for one, said in (theirs.permissions if theirs else {}).items()
    ]


def sms_answer(theirs: Member | None) -> SmsAnswer | None:
    """Return how somebody stands towards SMS; None where nobody is in the audience."""
    if theirs is None:
        return None
    return SmsAnswer(phone=theirs.sms_phone, status=theirs.sms_status, changed_at=theirs.sms_changed_at)
