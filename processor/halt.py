"""Stops a connection's work when only a person can let it go on. What waits is kept."""

from __future__ import annotations

import logging
import time
from datetime import datetime

from processor.domain.connection import LEAVING, LIVE, ConnectionState
from processor.errors import MailchimpError, Reconnect
from processor.kit import Kit
from processor.log import say
from processor.store import Connection, connections, runs
from processor.store.runs import RunKind, RunState

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0

HALTING = frozenset({"reconnect", "audience_gone", "account_disabled"})
"""Failures of the connection itself: every other call of it would fail the same way."""


class Stopped:
    """Whether a connection was stopped since work on it began: paused, halted or removed. Looks at most once
    a second, so that it may be asked before each call. Raises StoreDown."""

    def __init__(self, kit: Kit, connection_id: str) -> None:
        self._kit = kit
        self._connection_id = connection_id
        self._next = time.monotonic() + LOOK_SECONDS
        self._is_stopped = False

    def __call__(self) -> bool:
        """Whether nothing more should begin."""
        if not self._is_stopped and time.monotonic() >= self._next:
            self._next = time.monotonic() + LOOK_SECONDS
            with self._kit.store.read() as c:
                row = connections.get(c, self._connection_id)
            self._is_stopped = row is None or row.state not in LIVE
        return self._is_stopped


def is_halting(error: MailchimpError) -> bool:
    """Whether this refusal means the connection, and not the one thing that was asked for."""
    return isinstance(error, Reconnect) or error.code in HALTING


def halt(kit: Kit, connection_id: str, error: MailchimpError) -> None:
    """Stop the connection and say why: reconnect, or choose another audience. One that is being
    disconnected goes on with that. Safe to repeat."""
    state = ConnectionState.SETUP if error.code == "audience_gone" else ConnectionState.RECONNECT
    with kit.store.write() as c:
        row = connections.lock(c, connection_id)
        if row is None or row.state in LEAVING:
            return
        if (
            error.code == "audience_gone"
        ):  # nothing to go on with: another audience is read from its beginning
            connections.update(c, connection_id, kit.now(), sweep_cursor=None)
            _end_the_first_sync(c, connection_id, kit.now(), error)
        connections.set_state(
            c, connection_id, state, kit.now(), problem_code=error.code, problem_detail=error.detail or None
        )
    say(logger, logging.WARNING, "connection halted", connection=connection_id, code=error.code)


def _end_the_first_sync(c: Connection, connection_id: str, now: datetime, error: MailchimpError) -> None:
    run = runs.unfinished(c, connection_id, RunKind.SYNC)
    if run is not None:
        runs.end(c, run.id, RunState.FAILED, now, code=error.code, detail=error.detail or None)
