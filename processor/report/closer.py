"""One connection as an operator looks at it: its standing, its webhook, its calls, why it stands still."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from processor.calls import failing
from processor.kit import Kit
from processor.report.connections import ConnectionReport, report_of
from processor.report.overview import why_still
from processor.report.why import LOOKED_BACK
from processor.store import batches, calls, connections, hooks, liveness
from processor.store.calls import CallRow
from processor.store.hooks import HookState

MOST_CALLS = 20


@dataclass(frozen=True, slots=True)
class Hook:
    """Our webhook in the audience: its state, since when it is there, and when it was called last."""

    state: HookState
    created_at: datetime
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Closer:
    """`why` is None where it moves. `counts` are the calls of the last quarter of an hour by class of answer,
    `failed` of `made` in one; `newest` are the last calls, newest first."""

    report: ConnectionReport
    why: str | None
    hooks: Sequence[Hook]
    batches: int
    counts: Mapping[str, int]
    failed: int
    made: int
    newest: Sequence[CallRow]


def closer(kit: Kit, connection_id: str) -> Closer:
    """Return one connection at close range. Raises NotFound, StoreDown."""
    now = kit.now()
    with kit.store.read() as c:
        row = connections.owned(c, connection_id, None)
        found = report_of(c, row, now)
        counts = calls.since(c, now - LOOKED_BACK, connection_id)
        failed, made = failing(counts)
        return Closer(
            report=found,
            why=why_still(found, len(liveness.alive(c, now)), counts, now),
            hooks=[
                Hook(hook.state, hook.created_at, hook.last_seen_at)
                for hook in hooks.for_connection(c, connection_id)
            ],
            batches=len(batches.of_connection(c, connection_id)),
            counts=counts,
            failed=failed,
            made=made,
            newest=calls.newest(c, connection_id, MOST_CALLS),
        )
