"""What sweeps healed, as the API shows it."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from processor.domain.drift import Drift
from processor.report import DriftReport
from processor.web.models.kinds import Answer


class SweepAnswer(Answer):
    """One comparison that healed something."""

    id: str
    started_at: datetime
    finished_at: datetime
    full: bool = Field(description="Whether everybody was compared.")
    seen: int = Field(description="How many members it read.")
    healed: dict[Drift, int] = Field(description="How many contacts, by kind.")


class DriftAnswer(Answer):
    """What comparisons found that nothing had told of before, and healed."""

    sentence: str
    days: int = Field(description="For how long it is kept, and counted.")
    counts: dict[Drift, int] = Field(description="How many contacts, by kind; kinds with none are left out.")
    sweeps: list[SweepAnswer] = Field(description="Those that healed something, newest first.")
    cursor: str | None = Field(description="Pass it as `after` for older ones; null when there are no more.")


def drift_answer(found: DriftReport) -> DriftAnswer:
    """Return what was healed as the API shows it."""
    return DriftAnswer(
        sentence=found.sentence,
        days=found.days,
        counts=dict(found.counts),
        sweeps=[
            SweepAnswer(
                id=row.name,
                started_at=row.started_at,
                finished_at=row.finished_at,
                full=row.full,
                seen=row.seen,
                healed={Drift(kind): number for kind, number in row.healed.items()},
            )
            for row in found.sweeps
        ],
        cursor=found.cursor,
    )
