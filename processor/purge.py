"""Throws away history that nobody is to need any more: by age, and beyond a number of rows; in small pieces.

What is not settled stays whatever its age, and so does the ledger of consents, which only an erasure takes
away. A number of rows never takes what is younger than UNREAD: a platform that reads nothing for a week
misses nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from processor.config import Settings
from processor.kit import Kit
from processor.log import say
from processor.store import Connection, leases, purges
from processor.store.purges import Bounds, Piece, PurgeRow

logger = logging.getLogger(__name__)

PURGE, PURGE_SECONDS = "purge", 30.0
EVERY = timedelta(hours=6)
"""How long a kind rests after a round."""
AT_ONCE_SECONDS = 0.2
"""How long one tick does this at most."""
PIECE = 500
"""Rows that are looked at in one transaction: some milliseconds, so that nobody waits for it."""
UNREAD = timedelta(days=8)


class Kind(StrEnum):
    """What is thrown away when it is old."""

    CHANGES = "changes"
    DELIVERIES = "deliveries"
    PUSHES = "pushes"
    CONFLICTS = "conflicts"
    RUNS = "runs"
    RECEIPTS = "receipts"


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a round would throw away of one kind, and how the last one went."""

    kind: Kind
    rows: int
    keep_days: int
    most_rows: int | None
    last: PurgeRow | None


def some(kit: Kit) -> int:
    """Throw a little away of whatever kind is due; return how many rows. One worker at a time, by a lease.

    Safe to repeat and to run everywhere at once. Raises StoreDown.
    """
    gone, until = 0, time.monotonic() + AT_ONCE_SECONDS
    while time.monotonic() < until and not kit.stopping.is_set():
        with kit.store.read() as c:
            kind = _due(purges.state(c), kit.now())
        if kind is None:
            break
        gone += _step(kit, kind)
    return gone


def everything(kit: Kit) -> dict[Kind, int]:
    """Throw away all that is old, kind by kind, each to its end; return how many rows of each. In pieces:
    where this is cut off, the clock goes on. Raises StoreDown."""
    gone = dict.fromkeys(Kind, 0)
    for kind in Kind:
        is_over = False
        while not is_over:
            gone[kind] += _step(kit, kind)
            with kit.store.read() as c:
                row = purges.state(c).get(kind.value)
            is_over = row is not None and row.finished_at is not None
    return gone


def foresee(kit: Kit) -> list[Foreseen]:
    """Return what would be thrown away now, and change nothing. Raises StoreDown."""
    now = kit.now()
    with kit.store.read() as c:
        known = purges.state(c)
        return [
            Foreseen(
                kind,
                purges.foreseen(c, kind.value, bounds_of(kit.settings, kind, now)),
                _kept(kit.settings)[kind][0],
                _kept(kit.settings)[kind][1],
                known.get(kind.value),
            )
            for kind in Kind
        ]


def bounds_of(settings: Settings, kind: Kind, now: datetime) -> Bounds:
    """Return what is old of a kind."""
    days, most = _kept(settings)[kind]
    return Bounds(
        before=now - timedelta(days=days),
        floor=now - UNREAD,
        most=most if most is not None else 2**62,
        dead_before=now - timedelta(days=max(days, settings.keep_changes_days)),
    )


def _kept(settings: Settings) -> Mapping[Kind, tuple[int, int | None]]:
    """For how many days, and how many rows at most."""
    history = settings.keep_changes_days
    return {
        Kind.CHANGES: (history, settings.most_changes),
        Kind.DELIVERIES: (settings.keep_deliveries_days, settings.most_deliveries),
        Kind.PUSHES: (history, settings.most_pushes),
        Kind.CONFLICTS: (history, settings.most_conflicts),
        Kind.RUNS: (settings.keep_runs_days, None),
        Kind.RECEIPTS: (settings.keep_receipts_days, None),
    }


def _due(known: Mapping[str, PurgeRow], now: datetime) -> Kind | None:
    """The kind under way, else the first that has rested long enough."""
    rows = [(kind, known.get(kind.value)) for kind in Kind]
    under_way = (kind for kind, row in rows if row is not None and row.finished_at is None)
    rested = (
        kind for kind, row in rows if row is None or (row.finished_at and now - row.finished_at >= EVERY)
    )
    return next(under_way, None) or next(rested, None)


def _step(kit: Kit, kind: Kind) -> int:
    """One piece, in a transaction of its own. The lease is held for as long, so that others wait for it."""

    def in_one_transaction(c: Connection) -> int:
        now = kit.now()
        if not leases.take(c, PURGE, kit.worker, now, PURGE_SECONDS):
            return 0
        row = purges.state(c).get(kind.value)
        is_new = row is None or row.finished_at is not None
        cursor = None if is_new or row is None else row.cursor
        piece = _piece(c, kind, bounds_of(kit.settings, kind, now), cursor)
        purges.note(c, kind.value, piece, now, is_new=is_new)
        leases.give_up(c, PURGE, kit.worker)
        return piece.removed

    gone = kit.store.write_retrying(in_one_transaction)
    if gone:
        say(logger, logging.INFO, "old history thrown away", kind=kind.value, rows=gone)
    return gone


def _piece(c: Connection, kind: Kind, bounds: Bounds, cursor: str | None) -> Piece:
    if kind is Kind.CHANGES:
        return purges.changes_piece(c, bounds, cursor, PIECE)
    if kind is Kind.RUNS:
        return purges.runs_piece(c, bounds, PIECE)
    if kind is Kind.RECEIPTS:
        return purges.receipts_piece(c, bounds, PIECE)
    return purges.numbered_piece(c, kind.value, bounds, cursor, PIECE)
