"""Begins a first sync, once nothing stands against it."""

from __future__ import annotations

import logging

from processor import first_sync, hook, preflight
from processor.broker import SWEEP
from processor.domain.actions import Action
from processor.domain.connection import LEAVING, LIVE, ConnectionState
from processor.errors import Conflict, NotFound
from processor.first_sync import Progress, progress_of
from processor.kit import Kit
from processor.log import say
from processor.store import Connection, connections, runs
from processor.store.connections import ConnectionRow
from processor.store.runs import RunKind, RunRow

logger = logging.getLogger(__name__)

AGREED = {
    "changed_here": (Action.CHANGE_HERE, Action.SUBSCRIBE_HERE, Action.UNSUBSCRIBE_HERE),
    "left_here": (Action.UNSUBSCRIBE_HERE,),
    "left_there": (Action.UNSUBSCRIBE_THERE, Action.ARCHIVE),
}
"""What somebody who saw a preview has agreed to: the brake stops only what goes beyond it."""


def start(kit: Kit, connection_id: str, asked_by: str, skip_preview: bool = False) -> RunRow:
    """Begin the first sync of a connection that is set up; return the run. One that has begun is returned.

    Our webhook is registered before the state changes, so that nothing that happens meanwhile is missed; a
    crash in between leaves a connection that is set up, and the next call finds the webhook. Safe to repeat.
    Raises NotFound, Conflict in words (not set up, something stands against it), MailchimpError, StoreDown.
    """
    with kit.store.read() as c:
        row = found(c, connection_id)
        run = runs.unfinished(c, connection_id, RunKind.SYNC)
    if run is not None and row.state != ConnectionState.SETUP:
        kit.bell.ring(SWEEP, [connection_id])
        return run
    must_be_set_up(row)
    agreed = _look_first(kit, row, skip_preview=skip_preview)
    hook.register(kit, row)
    run = kit.store.write_retrying(lambda c: _begin(kit, c, row, asked_by, agreed))
    kit.bell.ring(SWEEP, [connection_id])
    say(logger, logging.INFO, "first sync begun", connection=connection_id, run=run.id)
    return run


def _look_first(kit: Kit, row: ConnectionRow, *, skip_preview: bool) -> dict[str, int]:
    """Refuse what must not begin; return the numbers of the preview that somebody has agreed to."""
    seen = preflight.young(kit, row)
    if seen is None and not skip_preview:
        raise Conflict(
            "Nothing has been previewed with these settings within a day. Make a preview first, look at it, "
            "then begin; or say that you skip it."
        )
    blocking = [finding for finding in preflight.findings(kit, row) if finding.blocking]
    if blocking:
        told = " ".join(f"{one.happened} {one.todo}" for one in blocking)
        raise Conflict(f"The first sync cannot begin yet. {told}")
    counted = preflight.previewed(seen) if seen else {}
    return {name: sum(counted.get(action, 0) for action in actions) for name, actions in AGREED.items()}


def _begin(kit: Kit, c: Connection, seen: ConnectionRow, asked_by: str, agreed: dict[str, int]) -> RunRow:
    now = kit.now()
    row = connections.lock(c, seen.id)
    if row is None:
        raise NotFound(f"There is no connection “{seen.id}”.")
    if row.state in LIVE:
        return first_sync.begin(c, row.id, asked_by, now, agreed)  # somebody else was first
    must_be_set_up(row)
    if (row.audience_id, row.policy) != (seen.audience_id, seen.policy):
        message = "The settings were changed at this very moment. Look at them once more, then begin."
        raise Conflict(message)
    run = first_sync.begin(c, row.id, asked_by, now, agreed)
    connections.set_state(c, row.id, ConnectionState.IMPORTING, now)
    connections.update(
        c,
        row.id,
        now,
        next_sweep_at=now,
        sweep_cursor=None,
        last_full_sweep_at=None,
        paused_at=None,
        brake=None,
    )
    return run


def progress(kit: Kit, connection_id: str) -> Progress:
    """Return how far the first sync of a connection is, the one that runs or the last one. Raises NotFound,
    StoreDown."""
    with kit.store.read() as c:
        row = found(c, connection_id)
        run = runs.latest(c, connection_id, RunKind.SYNC)
        return progress_of(run, ConnectionState(row.state), kit.now())


def found(c: Connection, connection_id: str) -> ConnectionRow:
    """Return the connection. Raises NotFound for one that is not there or was removed."""
    row = connections.get(c, connection_id)
    if row is None or row.state in LEAVING:
        raise NotFound(f"There is no connection “{connection_id}”.")
    return row


def must_be_set_up(row: ConnectionRow) -> None:
    """Raise Conflict, in words, where a first sync cannot begin in this state."""
    if row.state == ConnectionState.RECONNECT:
        raise Conflict("Mailchimp no longer accepts our access. Reconnect it first, then begin.")
    if row.state == ConnectionState.PREVIEWING:
        raise Conflict("A preview is being prepared. Wait until it is there, then begin.")
    if row.state != ConnectionState.SETUP:
        raise Conflict("The first sync of this connection is done; it is kept in step from now on.")
    if row.audience_id is None:
        raise Conflict("No audience is chosen yet. Choose one, then begin.")
    if row.problem_code == "audience_gone":
        raise Conflict("The audience was deleted in Mailchimp. Choose another one, then begin.")
