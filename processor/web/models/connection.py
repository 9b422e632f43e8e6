"""Connections, and the links that make them."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from processor.domain.connection import ConnectionState
from processor.domain.field_changes import FieldChange, sentence
from processor.report import ConnectionReport
from processor.web.models.kinds import Answer, Asked, Id
from processor.web.models.settings import SettingsAnswer, settings_answer


class AnotherAsked(Asked):
    """Which access another connection is to use."""

    beside: Id = Field(description="A connection of the account: the new one is of its Mailchimp account.")


class ConnectLinkAnswer(Answer):
    """A link for one browser, once."""

    url: str
    expires_at: datetime


class ProblemOfConnection(Answer):
    """What a connection waits for."""

    code: str
    title: str
    happened: str
    todo: str


class NoticeOfConnection(Answer):
    """What we mended by ourselves: for information, nothing to do."""

    code: str
    at: datetime
    title: str
    happened: str


class NewFieldAnswer(Answer):
    """A field of the audience that is neither mapped nor left out yet."""

    target: str = Field(description="Its merge tag: map it under `fields`, or save a map without it.")
    name: str
    type: str
    required: bool


class FieldNewsAnswer(Answer):
    """What changed of the audience's fields."""

    at: datetime
    what: FieldChange
    field: str = Field(description="The platform's name; Mailchimp's for a field that is not mapped.")
    before: str
    after: str
    sentence: str


class ConnectionAnswer(Answer):
    """A connection: the standing grant at one Mailchimp account for one audience."""

    id: str
    account: str
    state: ConnectionState
    label: str = Field(description="The state in words.")
    line: str = Field(description="What goes on, and who must act, in a sentence.")
    problem: ProblemOfConnection | None
    mailchimp_account: str = Field(description="The Mailchimp account's name.")
    mailchimp_account_id: str = Field(
        description="Mailchimp's number for that account: connections with the same one share its access."
    )
    audience_id: str | None
    audience_name: str | None
    members: dict[str, int] = Field(description="How many contacts are in which state.")
    left_out_by_choice: int = Field(description="How many of the `excluded` somebody chose to leave out.")
    events: dict[str, int] = Field(description="How many events are in which status.")
    waiting: int = Field(description="Changes that wait, in both directions.")
    oldest_waiting_at: datetime | None
    last_full_sweep_at: datetime | None = Field(description="When both sides were last compared in full.")
    notice: NoticeOfConnection | None = Field(description="What we last mended of our webhook.")
    new_fields: list[NewFieldAnswer] = Field(description="New in Mailchimp and not synced yet: map or leave.")
    field_changes: list[FieldNewsAnswer] = Field(
        description="What changed of the audience's fields, newest first; renamed ones are followed."
    )
    drift: str = Field(description="What comparisons healed lately, in a sentence; empty before the first.")
    settings: SettingsAnswer
    created_at: datetime


class ConnectionsAnswer(Answer):
    """The connections of an account, oldest first."""

    connections: list[ConnectionAnswer]


def connection_answer(report: ConnectionReport) -> ConnectionAnswer:
    """Return the connection as the API shows it: nothing sealed, and no way to Mailchimp's API."""
    row, problem = report.row, report.problem
    return ConnectionAnswer(
        id=row.id,
        account=row.account_id,
        state=report.state,
        label=report.label,
        line=report.line,
        problem=ProblemOfConnection(
            code=report.problem_code, title=problem.title, happened=problem.happened, todo=problem.todo
        )
        if problem and report.problem_code
        else None,
        mailchimp_account=row.account_name,
        mailchimp_account_id=row.mailchimp_account,
        audience_id=row.audience_id,
        audience_name=row.audience_name,
        members={state.value: number for state, number in report.members.items()},
        left_out_by_choice=report.left_out,
        events={status.value: number for status, number in report.events.items()},
        waiting=report.waiting,
        oldest_waiting_at=report.oldest_waiting_at,
        last_full_sweep_at=row.last_full_sweep_at,
        notice=_notice(report),
        new_fields=[
            NewFieldAnswer(target=one.tag, name=one.name, type=one.type, required=one.required)
            for one in report.new_fields
        ],
        field_changes=[
            FieldNewsAnswer(
                at=one.at,
                what=one.what,
                field=one.field,
                before=one.before,
                after=one.after,
                sentence=sentence(one),
            )
            for one in report.field_news
        ],
        drift=report.drift,
        settings=settings_answer(row.policy),
        created_at=row.created_at,
    )


def _notice(report: ConnectionReport) -> NoticeOfConnection | None:
    found = report.notice
    if found is None:
        return None
    return NoticeOfConnection(
        code=found.code, at=found.at, title=found.words.title, happened=found.words.happened
    )
