"""Issues: failures with one cause, and what a person does with one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from processor.domain.catalogue import Who, entry
from processor.domain.issue import IssueKind, IssueState
from processor.report import IssueReport, IssuesPage
from processor.web.models.event import WordsAnswer
from processor.web.models.kinds import Answer, Asked, AskedInAddress, Id, Moment, Word


class IssuesAsked(AskedInAddress):
    """Which issues are wanted; all conditions hold at once. `state` may be repeated."""

    state: list[IssueState] | None = None
    account: Id | None = None
    after: Word | None = Field(None, description="`cursor` of the answer before.")
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class IssueContactsAsked(AskedInAddress):
    """Which page of an issue's contacts is wanted."""

    after: Word | None = Field(None, description="`cursor` of the answer before.")
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class MuteAsked(Asked):
    """Until when nobody is reminded; whichever comes first."""

    until: Moment | None = Field(None, description="Until this time.")
    contacts: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Until more contacts than so many fail of it."
    )


class IssueAnswer(Answer):
    """One issue: failures with one cause, on one connection."""

    id: str
    account: str
    connection: str
    kind: IssueKind = Field(
        description="Contacts, the connection itself, deliveries of Mailchimp's, or a "
        "mapped field that it no longer has."
    )
    code: str = Field(description="A code of the catalogue of failures.")
    field: str | None = Field(description="The platform's field that it is about, where it is about one.")
    state: IssueState
    who: Who = Field(description="Who can act.")
    words: WordsAnswer
    button: str | None = Field(description="What the one button of its card says.")
    failing: int = Field(description="Those whose retries have ended.")
    trying: int = Field(description="Those that are being tried again.")
    example: str | None = Field(description="The address of one of its contacts.")
    first_at: datetime = Field(description="When it was first seen.")
    opened_at: datetime = Field(description="When it was opened this time.")
    last_at: datetime = Field(description="When it last grew.")
    resolved_at: datetime | None
    muted_until: datetime | None
    muted_contacts: int | None = Field(description="It is heard of again when more than so many fail of it.")
    changed_by: str | None = Field(description="Who acknowledged, muted or resolved it.")


class IssuesAnswer(Answer):
    """Issues, newest first."""

    issues: list[IssueAnswer]
    cursor: str | None = Field(description="Pass it as `after` for more; null when there are no more.")


def issue_answer(found: IssueReport) -> IssueAnswer:
    """Return the issue as the API shows it."""
    one, said = found.issue, found.said
    return IssueAnswer(
        id=one.ref,
        account=one.account_id,
        connection=one.connection_id,
        kind=one.kind,
        code=one.code,
        field=one.about or None,
        state=one.state,
        who=entry(one.code).who,
        words=WordsAnswer(title=said.words.title, happened=said.words.happened, todo=said.words.todo),
        button=said.words.button,
        failing=one.failing,
        trying=one.trying,
        example=said.example,
        first_at=one.first_at,
        opened_at=one.opened_at,
        last_at=one.last_at,
        resolved_at=one.resolved_at,
        muted_until=one.muted_until,
        muted_contacts=one.muted_count,
        changed_by=one.changed_by,
    )


def issues_answer(page: IssuesPage) -> IssuesAnswer:
    """Return one page."""
    return IssuesAnswer(issues=[issue_answer(one) for one in page.issues], cursor=page.cursor)
