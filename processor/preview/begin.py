"""Asks for a preview: makes its run, and wakes a worker."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from processor.broker import PREVIEW
from processor.domain.connection import ConnectionState
from processor.errors import Conflict, Invalid, NotFound
from processor.kit import Kit
from processor.store import Connection, connections, runs
from processor.store.connections import ConnectionRow
from processor.store.runs import RunKind, RunRow

PREVIEWED = frozenset(
    {
        ConnectionState.SETUP,
        ConnectionState.PREVIEWING,
        ConnectionState.IN_SYNC,
        ConnectionState.PAUSED,
    }
)
"""States in which a preview may be made. That of a connection that works already is left as it is."""

_WHY_NOT: Mapping[str, str] = {
    ConnectionState.IMPORTING: "The first sync is running. Its progress says what was done so far.",
    ConnectionState.RECONNECT: "Mailchimp no longer accepts our access. Reconnect first; then ask again.",
    ConnectionState.REMOVING: "This connection is being removed.",
    ConnectionState.REMOVED: "This connection was removed.",
}


def begin(kit: Kit, connection_id: str, asked_by: str) -> RunRow:
    """Ask for a preview; return its run, which a worker carries out. While one is being made, that one.

    `asked_by` says who asked, for people. Safe to repeat. Raises NotFound, Conflict where the connection's
    state does not allow it, Invalid where no audience is chosen, StoreDown.
    """

    def in_one_transaction(c: Connection) -> RunRow:
        now = kit.now()
        connection = _may_begin(connections.lock(c, connection_id), connection_id)
        if connection.state == ConnectionState.SETUP:
            connections.update(c, connection_id, now, state=ConnectionState.PREVIEWING)
        return runs.begin(c, connection_id, RunKind.PREVIEW, asked_by, now)

    run = kit.store.write_retrying(in_one_transaction)
    kit.bell.ring(PREVIEW, [connection_id])
    return run


def _may_begin(connection: ConnectionRow | None, connection_id: str) -> ConnectionRow:
    if connection is None:
        raise NotFound(f"There is no connection “{connection_id}”.")
    if connection.state not in PREVIEWED:
        raise Conflict(_WHY_NOT.get(connection.state, "A preview cannot be made now."))
    if connection.audience_id is None:
        raise Invalid("Choose the audience first; then there is something to preview.", "audience_id")
    if connection.problem_code == "audience_gone":
        raise Conflict("The audience was deleted in Mailchimp. Choose another one first.")
    return connection


def back_to_setup(c: Connection, connection: ConnectionRow | None, now: datetime) -> None:
    """Give a connection that was being previewed its state back. Safe to repeat."""
    if connection is not None and connection.state == ConnectionState.PREVIEWING:
        connections.update(c, connection.id, now, state=ConnectionState.SETUP)
