"""Brings what was seen of members and what the platform holds to agreement, in one short transaction.

Every way in uses it: webhooks, sweeps, first syncs, and the answers to our own writes. It makes no call:
members were read before, and what must go up is left due for `push`. Contacts, then members are locked in
the order of their ids (see `processor.store`), so two workers with the same contact wait for each other
and the second reconciles with what the first wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from processor.converge.meet import meet
from processor.converge.sighting import Cause, Outcome, Sighting, Verdict
from processor.converge.table import Table
from processor.errors import Conflict
from processor.kit import Kit
from processor.store import Connection
from processor.store.connections import ConnectionRow

__all__ = ["Cause", "Guard", "Outcome", "Sighting", "Stopped", "Verdict", "converge", "foresee"]

Guard = Callable[[Sequence[Outcome]], None]
"""Is shown what would be written; raises a Stopped where it must not be."""
TRIES = 5
FORESEEING = Cause("preview")


class Stopped(Exception):
    """A guard did not let it happen: nothing was written."""


def converge(
    kit: Kit,
    connection: ConnectionRow,
    sightings: Sequence[Sighting],
    cause: Cause,
    *,
    claims: Mapping[int, str] | None = None,
    guard: Guard | None = None,
) -> list[Outcome]:
    """Reconcile every sighting and write what follows. Returns one Outcome for each, in their order.

    `claims` are the rows that the asking push holds, with their claims: they are not made due again for
    what it is about to send itself. `guard` is shown the outcomes before anything is written, and what it
    raises leaves everything as it was. Safe to repeat: an equal sighting makes an empty plan. Raises
    StoreDown.
    """
    if not sightings:
        return []

    def in_one_transaction(c: Connection) -> list[Outcome]:
        table = Table(connection, kit.now(), cause)
        table.lay(c, sightings)
        outcomes = [meet(table, sighting, claims or {}) for sighting in sightings]
        if guard is not None:
            guard(outcomes)
        table.write(c)
        return outcomes

    return kit.store.write_retrying(in_one_transaction)


def foresee(kit: Kit, connection: ConnectionRow, sightings: Sequence[Sighting]) -> list[Outcome]:
    """Return what `converge` would make of these sightings now, and write nothing. Raises StoreDown."""
    if not sightings:
        return []
    for attempt in range(1, TRIES + 1):
        table = Table(connection, kit.now(), FORESEEING)
        try:
            with kit.store.read() as c:
                table.lay(c, sightings, hold=False)
        except Conflict:  # somebody wrote in between
            if attempt == TRIES:
                raise
            continue
        return [meet(table, sighting, {}) for sighting in sightings]
    raise AssertionError("unreachable")
