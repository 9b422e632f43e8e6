"""A sweep that a person asks for."""

from __future__ import annotations

from processor.broker import SWEEP
from processor.domain.connection import LIVE
from processor.errors import Conflict, NotFound
from processor.kit import Kit
from processor.store import Connection, connections


def sweep_soon(kit: Kit, connection_id: str) -> None:
    """Let a worker go round the connection's audience now. Safe to repeat: one that is under way goes on.
    Raises NotFound, Conflict where the connection does not work, StoreDown."""

    def in_one_transaction(c: Connection) -> None:
        row = connections.lock(c, connection_id)
        if row is None:
            raise NotFound(f"There is no connection “{connection_id}”.")
        if row.state not in LIVE:
            raise Conflict("This connection does not work now, so there is nothing to sweep.")
        connections.update(c, connection_id, kit.now(), next_sweep_at=kit.now())

    kit.store.write_retrying(in_one_transaction)
    kit.bell.ring(SWEEP, [connection_id])
