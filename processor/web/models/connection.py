"""Connections, and the links that make them."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from processor.domain.connection import ConnectionState
from processor.report import ConnectionReport
from processor.web.models.kinds import Answer
from processor.web.models.settings import SettingsAnswer, settings_answer


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


class ConnectionAnswer(Answer):
    """A connection: the standing grant at one Mailchimp account for one audience."""

    id: str
    account: str
    state: ConnectionState
    label: str = Field(description="The state in words.")
    line: str = Field(description="What goes on, and who must act, in a sentence.")
    problem: ProblemOfConnection | None
    mailchimp_account: str = Field(description="The Mailchimp account's name.")
    audience_id: str | None
    audience_name: str | None
    members: dict[str, int] = Field(description="How many contacts are in which state.")
    events: dict[str, int] = Field(description="How many events are in which status.")
    waiting: int = Field(description="Changes that wait, in both directions.")
    oldest_waiting_at: datetime | None
    last_full_sweep_at: datetime | None = Field(description="When both sides were last compared in full.")
    notice: NoticeOfConnection | None = Field(description="What we last mended of our webhook.")
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
        audience_id=row.audience_id,
        audience_name=row.audience_name,
        members={state.value: number for state, number in report.members.items()},
        events={status.value: number for status, number in report.events.items()},
        waiting=report.waiting,
        oldest_waiting_at=report.oldest_waiting_at,
        last_full_sweep_at=row.last_full_sweep_at,
        notice=_notice(report),
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
