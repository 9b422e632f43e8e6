"""What sweeps healed: by kind, in one sentence, and sweep by sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from processor.domain.drift import Drift
from processor.errors import Invalid
from processor.kit import Kit
from processor.report.connections import counted, drift_sentence
from processor.store import connections, sweeps
from processor.store.sweeps import KEPT, SweepRow


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What was healed in the last `days` days, by kind and in words; then the sweeps that healed something,
    newest first. `cursor` leads on to older ones; None when there are no more."""

    days: int
    counts: Mapping[Drift, int]
    sentence: str
    sweeps: Sequence[SweepRow]
    cursor: str | None


def drift(
    kit: Kit, connection_id: str, account_id: str | None, *, limit: int = 50, after: str | None = None
) -> DriftReport:
    """Return what sweeps of a connection healed, as far as it is kept. Safe to repeat. Raises NotFound, also
    for another account's connection; Invalid for a cursor that was not ours; StoreDown."""
    before_id = sweeps.number_of(after) if after else None
    if after and before_id is None:
        message = "Pass the `cursor` of the answer before, unchanged; leave it out to start over."
        raise Invalid(message, "after")
    with kit.store.read() as c:
        row = connections.owned(c, connection_id, account_id)
        now = kit.now()
        counts, said = counted(c, connection_id, now), drift_sentence(c, row, now)
        found = sweeps.of_connection(c, connection_id, limit + 1, before_id)
    page = found[:limit]
    cursor = page[-1].name if len(found) > limit else None
    return DriftReport(KEPT.days, counts, said, page, cursor)
