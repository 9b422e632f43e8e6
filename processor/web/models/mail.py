"""Where a customer is told by mail, and what was sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import Field

from processor.mailing.address import MOST_READERS
from processor.store.mails import MailRow, MailState
from processor.web.models.kinds import Address, Answer, Asked, AskedInAddress, Word


class MailAddressAsked(Asked):
    """Where to tell the customer."""

    email: Address | None = Field(description="One address; null for nowhere.")


class MailAddressAnswer(Answer):
    """Where the customer is told."""

    email: str | None


class ReadersAsked(Asked):
    """Who is to be told of a connection."""

    emails: Annotated[list[Address], Field(max_length=MOST_READERS)] = Field(
        description="An empty list for whoever is told of the account."
    )


class ReadersAnswer(Answer):
    """Who is told of a connection."""

    emails: list[str] = Field(description="The connection's own readers.")
    told: list[str] = Field(description="Who is told: these, or without any the account's address.")


class MailsAsked(AskedInAddress):
    """Which page is wanted."""

    after: Word | None = Field(None, description="`cursor` of the answer before.")


class MailAnswer(Answer):
    """One mail on its way, or settled."""

    id: str = Field(description="Its Message-ID before the @, the same at every attempt.")
    account: str | None = Field(description="Null for the operator's.")
    channel: str | None = Field(description="The operator's channel; null for what goes by mail.")
    subject: str | None = Field(description="Null while news are still gathered.")
    issues: list[str]
    state: MailState
    attempts: int
    error: str | None = Field(description="Why the last attempt failed, in the mail server's words.")
    next_try_at: datetime | None
    created_at: datetime
    settled_at: datetime | None


class MailsAnswer(Answer):
    """Mails, newest first."""

    mails: list[MailAnswer]
    cursor: str | None = Field(description="Pass it as `after` for more; null when there are no more.")


def mail_answer(row: MailRow) -> MailAnswer:
    """Return the mail as the API shows it."""
    return MailAnswer(
        id=row.ref,
        account=row.account_id,
        channel=row.channel,
        subject=row.subject,
        issues=list(dict.fromkeys(one["issue"] for one in row.items)),
        state=row.state,
        attempts=row.attempts,
        error=row.reason,
        next_try_at=row.due_at,
        created_at=row.created_at,
        settled_at=row.settled_at,
    )


def mails_answer(found: Sequence[MailRow], cursor: str | None) -> MailsAnswer:
    """Return one page."""
    return MailsAnswer(mails=[mail_answer(row) for row in found], cursor=cursor)
