"""Lets a person stop a connection's work for a while, let it go on, and cancel a first sync."""

from __future__ import annotations

import logging

from processor import brake, bulk, first_sync, hook
from processor.broker import PROCESS, PUSH, SWEEP
from processor.domain.connection import LEAVING, LIVE, ConnectionState
from processor.errors import Conflict, MailchimpError, NotFound
from processor.kit import Kit
from processor.log import say
from processor.store import Connection, connections, runs
from processor.store.connections import ConnectionRow
from processor.store.runs import RunKind, RunRow, RunState

logger = logging.getLogger(__name__)


def pause(kit: Kit, connection_id: str) -> ConnectionRow:
    """Stop the connection's work after the calls under way. What waits is kept. Safe to repeat. Raises
    NotFound, Conflict in words where there is nothing to pause, StoreDown."""
    row = kit.store.write_retrying(lambda c: _pause(kit, c, connection_id))
    say(logger, logging.INFO, "paused", connection=connection_id)
    return row


def _pause(kit: Kit, c: Connection, connection_id: str) -> ConnectionRow:
    row = _locked(c, connection_id)
    if row.state == ConnectionState.PAUSED:
        return row
    if row.state == ConnectionState.RECONNECT:
        message = "Nothing runs now: Mailchimp no longer accepts our access. Reconnect it, then pause."
        raise Conflict(message)
    if row.state not in LIVE:
        raise Conflict("Nothing runs yet, so there is nothing to pause.")
    now = kit.now()
    connections.set_state(c, connection_id, ConnectionState.PAUSED, now)
    connections.update(c, connection_id, now, paused_at=now)
    return _again(c, connection_id)


def resume(kit: Kit, connection_id: str, accept: bool = False) -> ConnectionRow:
    """Let a paused connection go on where it stopped, and wake workers. Where the brake has stopped it, only
    with `accept`: then what it stopped at is done. Safe to repeat. Raises NotFound, Conflict in words,
    StoreDown."""
    row = kit.store.write_retrying(lambda c: _resume(kit, c, connection_id, accept=accept))
    for actor in (PROCESS, PUSH, SWEEP):
        kit.bell.ring(actor, [connection_id])
    say(logger, logging.INFO, "resumed", connection=connection_id, accepted=accept)
    return row


def _resume(kit: Kit, c: Connection, connection_id: str, *, accept: bool) -> ConnectionRow:
    row = _locked(c, connection_id)
    if row.state in LIVE:
        return row
    if row.state == ConnectionState.RECONNECT:
        raise Conflict("Mailchimp no longer accepts our access. Reconnect it; then it goes on by itself.")
    if row.state != ConnectionState.PAUSED:
        raise Conflict("This connection is not paused.")
    if row.is_braked and not accept:
        message = (
            f"{row.problem_detail or 'Very many contacts would be changed at once.'} "
            "Say that it may (accept), or leave it paused and look in Mailchimp first."
        )
        raise Conflict(message)
    now = kit.now()
    if row.is_braked:
        connections.update(c, connection_id, now, brake=brake.lift(row.brake or {}, now))
    is_first = runs.unfinished(c, connection_id, RunKind.SYNC) is not None
    state = ConnectionState.IMPORTING if is_first else ConnectionState.IN_SYNC
    connections.set_state(c, connection_id, state, now)
    connections.update(c, connection_id, now, paused_at=None, next_sweep_at=now)
    return _again(c, connection_id)


def cancel(kit: Kit, connection_id: str) -> RunRow:
    """End the first sync that runs; return it. What was done stays, and the connection is set up again: a
    sync that is begun later does nothing twice. What is under way in batches is stopped, and our webhook is
    taken away, where Mailchimp answers; else the next start finds it. Safe to repeat. Raises NotFound,
    Conflict in words where none runs, StoreDown."""
    row, run = kit.store.write_retrying(lambda c: _cancel(kit, c, connection_id))
    try:
        bulk.stop_all(kit, row)
        hook.take_away(kit, row)
    except MailchimpError as error:
        say(logger, logging.WARNING, "batches or our webhook could not be stopped", code=error.code)
    say(logger, logging.INFO, "first sync cancelled", connection=connection_id, run=run.id)
    return run


def _cancel(kit: Kit, c: Connection, connection_id: str) -> tuple[ConnectionRow, RunRow]:
    now = kit.now()
    row = _locked(c, connection_id)
    if not first_sync.stop(c, connection_id, RunState.CANCELLED, now):
        last = runs.latest(c, connection_id, RunKind.SYNC)
        if row.state == ConnectionState.SETUP and last is not None and last.state is RunState.CANCELLED:
            return row, last
        raise Conflict("No first sync runs, so there is nothing to cancel.")
    is_lost = row.state == ConnectionState.RECONNECT
    if not is_lost:
        connections.set_state(c, connection_id, ConnectionState.SETUP, now)
    connections.update(
        c,
        connection_id,
        now,
        next_sweep_at=None,
        sweep_cursor=None,
        last_full_sweep_at=None,
        watermark=None,
        paused_at=None,
        brake=None,
    )
    last = runs.latest(c, connection_id, RunKind.SYNC)
    assert last is not None
    return _again(c, connection_id), last


def _locked(c: Connection, connection_id: str) -> ConnectionRow:
    row = connections.lock(c, connection_id)
    if row is None or row.state in LEAVING:
        raise NotFound(f"There is no connection “{connection_id}”.")
    return row


def _again(c: Connection, connection_id: str) -> ConnectionRow:
    row = connections.get(c, connection_id)
    assert row is not None
    return row
