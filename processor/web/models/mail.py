"""Where a customer is told by mail, and what was sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import Field

from processor.store.mails import MailRow, MailState
from processor.web.models.kinds import Address, Answer, Asked, AskedInAddress, Word


class MailAddressAsked(Asked):
    """Where to tell the customer."""

    email: Address | None = Field(description="One address; null for nowhere.")


class MailAddressAnswer(Answer):
    """Where the customer is told."""

    email: str | None


class MailsAsked(AskedInAddress):
    """Which page is wanted."""

    after: Word | None = Field(None, description="`cursor` of the answer before.")


class MailAnswer(Answer):
    """One mail on its way, or settled."""

    id: str = Field(description="Its Message-ID before the @, the same at every attempt.")
    account: str | None = Field(description="Null for the operator's.")
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
