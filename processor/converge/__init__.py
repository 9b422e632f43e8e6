"""Brings what was seen of members and what the platform holds to agreement, in one short transaction.

Every way in uses it: webhooks, sweeps, first syncs, and the answers to our own writes. It makes no call:
members were read before, and what must go up is left due for `push`. Contacts, then members are locked in
the order of their ids (see `processor.store`), so two workers with the same contact wait for each other
and the second reconciles with what the first wrote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from processor.converge.meet import meet
from processor.converge.sighting import Cause, Outcome, Sighting, Verdict
from processor.converge.table import Table
from processor.kit import Kit
from processor.store import Connection
from processor.store.connections import ConnectionRow

__all__ = ["Cause", "Outcome", "Sighting", "Verdict", "converge"]


def converge(
    kit: Kit,
    connection: ConnectionRow,
    sightings: Sequence[Sighting],
    cause: Cause,
    *,
    claims: Mapping[int, str] | None = None,
) -> list[Outcome]:
    """Reconcile every sighting and write what follows. Returns one Outcome for each, in their order.

    `claims` are the rows that the asking push holds, with their claims: they are not made due again for
    what it is about to send itself. Safe to repeat: an equal sighting makes an empty plan. Raises StoreDown.
    """
    if not sightings:
        return []

    def in_one_transaction(c: Connection) -> list[Outcome]:
        table = Table(connection, kit.now(), cause)
        table.lay(c, sightings)
        outcomes = [meet(table, sighting, claims or {}) for sighting in sightings]
        table.write(c)
        return outcomes

    return kit.store.write_retrying(in_one_transaction)
