"""A preview: what a sync would change on either side, and what stands in its way."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from processor.preflight import Finding
from processor.preview import BalanceLine, PreviewReport, PreviewRow, TroubleLine
from processor.store.runs import RunState
from processor.web.models.event import WordsAnswer
from processor.web.models.kinds import Answer


class DifferenceAnswer(Answer):
    """One value that would change."""

    side: str = Field(description="Where it would change: mailchimp or platform.")
    field: str = Field(description="The platform's name of the field, or email, tags or consent.")
    before: Any
    after: Any


class SampleAnswer(Answer):
    """One person whom a line is about."""

    email: str
    contact: str | None = Field(description="The contact's id; null for a member in Mailchimp only.")
    where: list[str] = Field(description="The sides that know them now.")
    actions: list[str]
    changes: list[DifferenceAnswer]


class LineAnswer(Answer):
    """How many people one thing happens to, and up to five of them."""

    code: str
    title: str
    explained: str
    count: int
    samples: list[SampleAnswer]


class TroubleAnswer(Answer):
    """Something that Mailchimp would not take, and of how many people."""

    code: str = Field(description="A code of the catalogue of failures.")
    field: str | None
    count: int
    title: str
    happened: str
    todo: str
    samples: list[SampleAnswer]


class FindingAnswer(Answer):
    """Something to know or to mend before the sync begins."""

    code: str = Field(description="A code of the catalogue of failures.")
    blocking: bool = Field(description="Whether a sync may not begin before it is mended.")
    title: str
    happened: str
    todo: str
    field: str | None


class PreviewAnswer(Answer):
    """The newest preview. There are numbers once its state is `done`."""

    id: str
    state: RunState
    is_young: bool = Field(
        description="Whether a sync may rely on it: done less than a day ago, for the settings as they are."
    )
    phase: str = Field(description="What is being read, while it runs.")
    done: int
    total: int
    asked_at: datetime
    finished_at: datetime | None
    problem: WordsAnswer | None = Field(description="Why it failed.")
    people: int = Field(description="All who were looked at, on both sides.")
    unchanged: int = Field(description="Those of them who are as they should be.")
    billed: int = Field(description="How many contacts the sync adds to what Mailchimp's plan counts.")
    counted_now: int = Field(description="Subscribed contacts of the Mailchimp account, as it says itself.")
    to_mailchimp: list[LineAnswer]
    to_platform: list[LineAnswer]
    left_alone: list[LineAnswer] = Field(description="To whom nothing happens, by reason.")
    cannot_be_sent: list[TroubleAnswer]
    findings: list[FindingAnswer]


def preview_answer(report: PreviewReport) -> PreviewAnswer:
    """Return the preview as the API shows it."""
    said = report.words
    return PreviewAnswer(
        id=report.run.id,
        state=report.run.state,
        is_young=report.is_young,
        phase=report.phase,
        done=report.done,
        total=report.total,
        asked_at=report.run.created_at,
        finished_at=report.run.finished_at,
        problem=WordsAnswer(title=said.title, happened=said.happened, todo=said.todo) if said else None,
        people=report.people,
        unchanged=report.unchanged,
        billed=report.billed,
        counted_now=report.counted_now,
        to_mailchimp=[_line(line) for line in report.to_mailchimp],
        to_platform=[_line(line) for line in report.to_platform],
        left_alone=[_line(line) for line in report.left_alone],
        cannot_be_sent=[_trouble(line) for line in report.cannot_be_sent],
        findings=[finding_answer(found) for found in report.findings],
    )


def finding_answer(found: Finding) -> FindingAnswer:
    """Return a finding as the API shows it."""
    return FindingAnswer(
        code=found.code,
        blocking=found.blocking,
        title=found.title,
        happened=found.happened,
        todo=found.todo,
        field=found.field,
    )


def _line(line: BalanceLine) -> LineAnswer:
    return LineAnswer(
        code=line.code,
        title=line.title,
        explained=line.explained,
        count=line.count,
        samples=[_sample(row) for row in line.samples],
    )


def _trouble(line: TroubleLine) -> TroubleAnswer:
    return TroubleAnswer(
        code=line.code,
        field=line.field,
        count=line.count,
        title=line.title,
        happened=line.happened,
        todo=line.todo,
        samples=[_sample(row) for row in line.samples],
    )


def _sample(row: PreviewRow) -> SampleAnswer:
    return SampleAnswer(
        email=row.address,
        contact=row.contact_id,
        where=list(row.where),
        actions=[action.value for action in row.actions],
        changes=[
            DifferenceAnswer(side=d.side, field=d.field, before=d.before, after=d.after) for d in row.changes
        ],
    )
