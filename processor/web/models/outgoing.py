"""Webhooks to the platform: endpoints, and the notices that were sent to them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from processor.domain.outgoing import NoticeKind
from processor.endpoints import NoticeReport
from processor.errors import Unreached
from processor.store.endpoints import EndpointRow, EndpointState
from processor.store.notices_rows import NoticeState
from processor.web.models.kinds import Answer, Asked, AskedInAddress, Id, Source, Url, Word

Types = Annotated[list[Annotated[NoticeKind, Field(strict=False)]], Field(max_length=len(NoticeKind))]
_TYPES = "The types to be told of; none stands for all, those of later versions included."
_URL = "An https address without a password in it that is reached from the Internet."


class EndpointsAsked(AskedInAddress):
    """Which endpoints are wanted."""

    account: Word | None = Field(None, description="For keys that open every account.")


class NewEndpointAsked(Asked):
    """An endpoint to make."""

    url: Url = Field(description=_URL)
    account: Id | None = Field(
        None, description="Null is for all accounts, or for the one account that the key opens."
    )
    types: Types = Field([], description=_TYPES)
    description: Source = ""


class EndpointAsked(Asked):
    """What may be changed of an endpoint. What is not named, or null, stays as it is."""

    url: Url | None = Field(None, description=_URL)
    types: Types | None = Field(None, description=_TYPES)
    description: Source | None = None
    enabled: bool | None = Field(None, description="Enabling an endpoint sends what waited for it.")


class EndpointAnswer(Answer):
    """An endpoint as it stands."""

    id: str
    account: str | None = Field(description="Null: it is told of all accounts.")
    url: str
    types: list[NoticeKind] = Field(description=_TYPES)
    description: str
    state: EndpointState
    reason: str | None = Field(
        description="Why it is disabled: `by_hand`, `gone` (it answered 410), `failing` (it took nothing for "
        "three days)."
    )
    failing_since: datetime | None = Field(description="Since when every attempt has failed.")
    last_at: datetime | None = Field(description="When something was last sent to it.")
    last_status: int | None = Field(description="What it answered; null where it did not answer.")
    last_error: str | None = Field(description="Why the last attempt failed, in words.")
    dropped: int = Field(description="Notices that were not kept, because 10,000 waited.")
    two_secrets_until: datetime | None = Field(
        description="Until then what is sent has two signatures: by the new secret and by the one before."
    )
    created_at: datetime


class EndpointSecretAnswer(EndpointAnswer):
    """An endpoint with its secret, which is shown this once."""

    secret: str = Field(description="`whsec_…`. It checks the signatures; keep it now.")


class EndpointsAnswer(Answer):
    """Endpoints, oldest first."""

    endpoints: list[EndpointAnswer]


class NoticesAsked(AskedInAddress):
    """Which of the notices are wanted."""

    state: NoticeState | None = None
    after: Word | None = Field(None, description="`cursor` of the answer before; it leads to older ones.")
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class NoticeAttemptAnswer(Answer):
    """One attempt to send a notice."""

    n: int
    at: datetime
    seconds: float = Field(description="How long the endpoint took.")
    status: int | None = Field(description="What it answered; null where it did not answer.")
    error: str | None = Field(description="Why it failed, in words; null for a success.")


class NoticeAnswer(Answer):
    """A webhook to the platform."""

    id: str = Field(description="Its `webhook-id`: the same at every attempt.")
    endpoint: str
    type: NoticeKind
    data: dict[str, Any]
    state: NoticeState = Field(description="A dead one is not tried again by itself.")
    created_at: datetime
    due_at: datetime | None = Field(description="When it is tried next.")
    settled_at: datetime | None
    attempts: list[NoticeAttemptAnswer] = Field(description="Oldest first.")


class NoticesAnswer(Answer):
    """Notices, newest first."""

    notices: list[NoticeAnswer]
    cursor: str | None = Field(description="Null at the end.")


def endpoint_answer(row: EndpointRow) -> EndpointAnswer:
    """Return the endpoint as the API shows it."""
    return EndpointAnswer(**_facts(row))


def endpoint_secret_answer(row: EndpointRow, secret: str) -> EndpointSecretAnswer:
    """Return the endpoint with the secret that is shown once."""
    return EndpointSecretAnswer(**_facts(row), secret=secret)


def _facts(row: EndpointRow) -> dict[str, Any]:
    until = row.secrets[1]["until"] if len(row.secrets) > 1 else None
    return {
        "id": row.id,
        "account": row.account_id,
        "url": row.url,
        "types": [NoticeKind(kind) for kind in row.types],
        "description": row.description,
        "state": row.state,
        "reason": row.reason,
        "failing_since": row.failing_since,
        "last_at": row.last_at,
        "last_status": row.last_status,
        "last_error": said(row.last_reason, row.last_status),
        "dropped": row.dropped,
        "two_secrets_until": until and datetime.fromisoformat(until),
        "created_at": row.created_at,
    }


def notice_answer(report: NoticeReport) -> NoticeAnswer:
    """Return the notice as the API shows it."""
    row = report.row
    return NoticeAnswer(
        id=row.ref,
        endpoint=row.endpoint_id,
        type=row.kind,
        data=dict(row.data),
        state=row.state,
        created_at=row.created_at,
        due_at=row.due_at,
        settled_at=row.settled_at,
        attempts=[
            NoticeAttemptAnswer(
                n=one.n,
                at=one.at,
                seconds=round(one.seconds, 3),
                status=one.status,
                error=said(one.reason, one.status),
            )
            for one in report.attempts
        ],
    )


def said(reason: str | None, status: int | None) -> str | None:
    """Return why an attempt failed, in words; None for a success."""
    if reason is None:
        return None
    return Unreached.REASONS.get(reason, f"it answered {status}")
