"""A first sync: how far it is and what it did."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from processor.domain.catalogue import words
from processor.domain.connection import ConnectionState
from processor.first_sync import Progress
from processor.store.runs import RunState
from processor.web.models.kinds import Answer, Asked


class SyncAsked(Asked):
    """Begin a first sync."""

    skip_preview: bool = Field(
        default=False, description="Begin also where nobody has previewed these settings within a day."
    )


class ResumeAsked(Asked):
    """Let a paused connection go on."""

    accept: bool = Field(
        default=False,
        description="Needed where the brake has stopped it (`problem.code` is `brake`): what it stopped at "
        "is then done.",
    )


class NumbersAnswer(Answer):
    """What was done so far, in people."""

    added_here: int
    changed_here: int
    added_there: int
    changed_there: int
    left_alone: int = Field(description="Left out on purpose; counted at the end.")
    failing: int = Field(description="Refused for a cause of their own; counted at the end.")


class HeldAnswer(Answer):
    """Why it does not move at the moment."""

    code: str
    title: str


class SyncAnswer(Answer):
    """How far the first sync of a connection is: the one that runs, or the last one."""

    id: str | None = Field(description="The run; null where none was ever begun.")
    run: RunState | None = Field(description="How far the run is. A paused one goes on being `running`.")
    connection_state: ConnectionState
    phase: str = Field(description="waiting, reading, sending or done.")
    done: int = Field(description="People dealt with in this phase.")
    total: int
    rate_per_second: float | None = Field(description="Over the last minute; null while nobody can tell.")
    left_seconds: float | None = Field(description="About how long this phase goes on.")
    line: str = Field(description="The same in words.")
    held: HeldAnswer | None
    numbers: NumbersAnswer
    started_at: datetime | None
    finished_at: datetime | None


def sync_answer(progress: Progress) -> SyncAnswer:
    """Return the progress as the API shows it."""
    held = progress.held
    return SyncAnswer(
        id=progress.run_id,
        run=progress.run_state,
        connection_state=progress.state,
        phase=progress.phase.value,
        done=progress.done,
        total=progress.total,
        rate_per_second=progress.rate_per_second,
        left_seconds=progress.left.total_seconds() if progress.left is not None else None,
        line=progress.line,
        held=HeldAnswer(code=held, title=words(held).title) if held else None,
        numbers=NumbersAnswer(**{name: progress.numbers.get(name, 0) for name in NumbersAnswer.model_fields}),
        started_at=progress.started_at,
        finished_at=progress.finished_at,
    )
