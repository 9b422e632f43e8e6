"""Whether there is a preview that a sync may rely on: less than a day old, for the settings as they are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta

from processor.domain.actions import ADDS, BILLED
from processor.kit import Kit
from processor.preflight.finding import Foreseen
from processor.store import Connection, runs
from processor.store.connections import ConnectionRow
from processor.store.runs import RunKind, RunRow, RunState
from processor.store.types import as_json

YOUNG = timedelta(hours=24)

_NOT_COUNTED = {"brake_share", "brake_from", "double_opt_in", "statement"}
"""What of a policy does not make another preview: when to brake, and what Mailchimp itself is asked for
anew. Of the statement of consent it matters that there is one."""


def digest(connection: ConnectionRow) -> str:
    """Return a hash of everything chosen at set-up that decides what a sync would do."""
    policy = connection.policy.model_dump(mode="json", exclude=_NOT_COUNTED)
    chosen = [connection.audience_id, policy, connection.policy.statement is not None]
    return hashlib.sha256(as_json(chosen).encode()).hexdigest()[:32]


def young(kit: Kit, connection: ConnectionRow) -> RunRow | None:
    """Return the newest finished preview if it is less than a day old and was made for the audience and
    the settings as they are now, else None. Raises StoreDown."""
    with kit.store.read() as c:
        return young_in(c, connection, kit.now())


def young_in(c: Connection, connection: ConnectionRow, now: datetime) -> RunRow | None:
    """The same as `young`, in the caller's transaction."""
    run = runs.latest(c, connection.id, RunKind.PREVIEW, {RunState.DONE})
    return run if run is not None and is_young(run, connection, now) else None


def is_young(run: RunRow, connection: ConnectionRow, now: datetime) -> bool:
    """Whether this finished preview is one that a sync may rely on."""
    fresh = run.finished_at is not None and now - run.finished_at < YOUNG
    return fresh and run.state is RunState.DONE and run.what.get("digest") == digest(connection)


def previewed(run: RunRow) -> Mapping[str, int]:
    """Return how many people a finished preview foresaw for each action (`domain.actions.Action` by value);
    an action that nobody needs is absent."""
    counted: Mapping[str, int] = run.what.get("actions", {})
    return counted


def foreseen(run: RunRow | None) -> Foreseen | None:
    """Return what of a finished preview the findings depend on; None without one."""
    if run is None:
        return None
    counted = previewed(run)
    refused = sum(n for code, _, n in run.what.get("problems", ()) if code == "field_required")
    return Foreseen(
        adding=sum(counted.get(action, 0) for action in ADDS) + refused,
        billed=sum(counted.get(action, 0) for action in BILLED),
    )
