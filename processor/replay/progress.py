"""How far a replay is, in numbers and in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from processor.domain.event import UNSETTLED, EventStatus
from processor.store.replays import ReplayKind, ReplayRow
from processor.store.runs import RunState

_BECAME = ((EventStatus.APPLIED, "carried out"), (EventStatus.SKIPPED, "skipped"), (EventStatus.DEAD, "dead"))
NOUNS: Mapping[ReplayKind, str] = {
    ReplayKind.EVENTS: "event",
    ReplayKind.MEMBERS: "contact",
    ReplayKind.NOTICES: "webhook",
}
_ENDED: Mapping[RunState, str] = {RunState.DONE: "All sent", RunState.CANCELLED: "Cancelled"}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a replay is. `outcomes` says of the events that were sent what became of them, by their status
    now; it is empty for contacts and webhooks, which are counted where they stand."""

    row: ReplayRow
    outcomes: Mapping[EventStatus, int]

    @property
    def count(self) -> int:
        """How many were sent round."""
        return self.row.done

    @property
    def is_finished(self) -> bool:
        """Whether it sends nothing more."""
        return self.row.finished_at is not None

    @property
    def waiting(self) -> int:
        """Events that were sent and have not come to their end yet."""
        return sum(self.outcomes.get(status, 0) for status in UNSETTLED)

    @property
    def line(self) -> str:
        """The same in words."""
        row = self.row
        said = f"{_ENDED.get(row.state, 'Sending')} · {row.done:,} of {max(row.total, row.done):,}"
        said = f"{said} {NOUNS[row.kind]}s"
        became = [f"{self.outcomes[s]:,} {what}" for s, what in _BECAME if self.outcomes.get(s)]
        became += [f"{self.waiting:,} waiting"] if self.waiting else []
        return f"{said} · {', '.join(became)}" if became else said
