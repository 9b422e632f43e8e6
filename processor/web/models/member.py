"""Contacts as they stand on one connection: which are failing or left out, and why."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from processor.domain.plan import MemberState
from processor.report import MemberReport, MembersPage
from processor.web.models.event import WordsAnswer
from processor.web.models.kinds import Answer, Asked, AskedInAddress, Id, Word

MOST_CONTACTS = 1000


class MembersAsked(AskedInAddress):
    """Which contacts are wanted; all conditions hold at once. `state` may be repeated."""

    state: list[MemberState] | None = None
    reason: Word | None = Field(
        None, description="A code of the catalogue of failures, or why somebody is left out."
    )
    after: Word | None = Field(None, description="`cursor` of the answer before.")
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class RetryAsked(Asked):
    """Which contacts to try again: these, or, without any, all that are failing."""

    contacts: Annotated[list[Id], Field(min_length=1, max_length=MOST_CONTACTS)] | None = None


class ChosenAsked(Asked):
    """Which contacts are meant."""

    contacts: Annotated[list[Id], Field(min_length=1, max_length=MOST_CONTACTS)]


class LeftOutByChoice(Answer):
    """Who left a contact out, and when."""

    by: str
    at: datetime


class MemberAnswer(Answer):
    """How one contact stands towards the connection's audience."""

    contact: str | None = Field(description="The contact's id; null for a member who is in Mailchimp only.")
    email: str | None
    state: MemberState
    reason: str | None = Field(description="A code of the catalogue of failures, or why they are left out.")
    words: WordsAnswer
    field: str | None = Field(description="The platform's field that it is about, where it is about one.")
    detail: str | None = Field(description="Mailchimp's own words.")
    instance: str | None = Field(description="Mailchimp's number for its answer: their support asks for it.")
    attempts: int
    next_try_at: datetime | None = Field(
        description="Null where only a change of the contact, or a retry, brings another try."
    )
    left_out: LeftOutByChoice | None = Field(description="Null unless somebody chose to leave them out.")


class MembersAnswer(Answer):
    """Contacts of a connection, in the order in which it met them."""

    members: list[MemberAnswer]
    cursor: str | None = Field(description="Pass it as `after` for more; null when there are no more.")


class RetriedAnswer(Answer):
    """What a retry did."""

    retried: int = Field(description="Contacts that were failing and are tried again now.")


class LeftOutAnswer(Answer):
    """What leaving contacts out did."""

    left_out: int = Field(description="Contacts that were not left out before.")


class TakenBackAnswer(Answer):
    """What taking contacts back in did."""

    taken_back: int = Field(description="Contacts that were left out by choice, and are kept in step again.")


def member_answer(found: MemberReport) -> MemberAnswer:
    """Return the contact's standing as the API shows it."""
    said, chosen = found.words, found.left_out
    return MemberAnswer(
        contact=found.contact_id,
        email=found.email,
        state=found.state,
        reason=found.reason,
        words=WordsAnswer(title=said.title, happened=said.happened, todo=said.todo),
        field=found.field,
        detail=found.detail,
        instance=found.instance,
        attempts=found.attempts,
        next_try_at=found.next_try_at,
        left_out=LeftOutByChoice(by=chosen.by, at=chosen.at) if chosen else None,
    )


def members_answer(page: MembersPage) -> MembersAnswer:
    """Return one page."""
    return MembersAnswer(members=[member_answer(found) for found in page.members], cursor=page.cursor)
