"""Who works on what: events are claimed for the length of a lease, handed back, or taken back."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Row, case, insert, select, update

from processor.domain.event import CLAIMABLE, EventStatus
from processor.store import reviews
from processor.store.inbox_rows import AttemptOutcome, ClaimedEvent
from processor.store.sql import pieces
from processor.store.tables import attempts, events

EXPIRE_LIMIT = 1000
"""Leases taken back in one transaction; the next tick takes more."""

SUSPECTS = 50
"""Claimed together after a worker has died with them once: enough that a page of members answers all."""

_NOBODY = {"claim": None, "claimed_by": None}


def claim(
    c: Connection, connection_id: str, *, limit: int, now: datetime, lease_seconds: float, worker: str
) -> list[ClaimedEvent]:
    """Claim up to `limit` due events of a connection for `worker`, oldest due first.

    No two workers get the same one, and rows that another is just claiming are passed over, not waited
    for. Events that a worker has died with come in small groups, and alone after that
    (`alone_or_together`): their neighbours must not fall with a poisoned one again and again. The attempt
    is counted here and not at the end, so that one that kills its process is counted too.
    """
    due = (
        select(events.c.id, events.c.crashes)
        .where(
            events.c.connection_id == connection_id,
            events.c.due_at <= now,
            events.c.status.in_(CLAIMABLE),
        )
        .order_by(events.c.due_at, events.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = c.execute(due).all()
    ids = alone_or_together([(row.id, row.crashes) for row in found])
    if not ids:
        return []
    taken = c.execute(
        update(events)
        .where(events.c.id.in_(ids))
        .values(
            status=EventStatus.PROCESSING,
            attempts=events.c.attempts + 1,
            due_at=now + timedelta(seconds=lease_seconds),
            claim=new_claim(),
            claimed_by=worker,
        )
        .returning(*(events.c[name] for name in ClaimedEvent.__dataclass_fields__))
    )
    place = {event_id: n for n, event_id in enumerate(ids)}
    return sorted((ClaimedEvent(*row) for row in taken), key=lambda event: place[event.id])


def alone_or_together(candidates: Sequence[tuple[int, int]]) -> list[int]:
    """Return which of the (id, crashes) may be claimed at once: those that have crashed as often as the
    first. All of them where that is never, at most SUSPECTS where it is once, one where it is more often.

    Most workers that die with a batch are killed from outside, and one by one the two thousand of a batch
    would cost minutes and thousands of calls; one that is poisoned is found in three steps all the same.
    """
    if not candidates:
        return []
    level = candidates[0][1]
    most = len(candidates) if level == 0 else SUSPECTS if level == 1 else 1
    return [row_id for row_id, crashes in candidates if crashes == level][:most]


def new_claim() -> str:
    """Return a token that no other claim has."""
    return secrets.token_hex(8)


def release(c: Connection, worker: str, now: datetime) -> int:
    """Hand back what `worker` holds, as if it had never been claimed, due at once; return how many.

    For a worker that is stopping. Safe to repeat.
    """
    return _free(c, events.c.claimed_by == worker, now)


def hand_back(c: Connection, claims: Collection[str], now: datetime) -> int:
    """Hand back what is still held under these claims, as if it had never been claimed, due at once; return
    how many. Safe to repeat: what was settled or taken over meanwhile is left alone."""
    return _free(c, events.c.claim.in_(claims), now) if claims else 0


def _free(c: Connection, whose: ColumnElement[bool], now: datetime) -> int:
    held = (
        select(events.c.id)
        .where(events.c.status == EventStatus.PROCESSING, events.c.due_at.is_not(None), whose)
        .order_by(events.c.id)
        .with_for_update()
    )
    back = {
        "status": EventStatus.RECEIVED,
        "attempts": case((events.c.attempts > 0, events.c.attempts - 1), else_=0),
        "due_at": now,
    }
    released = 0
    for piece in pieces(c.scalars(held).all()):
        query = update(events).where(events.c.id.in_(piece))
        released += c.execute(query.values(**back, **_NOBODY)).rowcount
    return released


def expire(c: Connection, now: datetime, max_crashes: int) -> list[str]:
    """Take back events whose lease has run out; return the connections that have work again.

    Each counts as a crash. One that has brought down `max_crashes` workers is dead, with the code
    `internal`. Safe to repeat, and to run in several processes at once.
    """
    lost = c.execute(
        select(events.c.id, events.c.connection_id, events.c.crashes, events.c.attempts, events.c.claimed_by)
        .where(events.c.due_at <= now, events.c.status == EventStatus.PROCESSING)
        .order_by(events.c.id)
        .limit(EXPIRE_LIMIT)
        .with_for_update(skip_locked=True)
    ).all()
    buried = [row for row in lost if row.crashes + 1 >= max_crashes]
    given_back = [row for row in lost if row.crashes + 1 < max_crashes]
    crashed = {"crashes": events.c.crashes + 1, **_NOBODY}
    if given_back:
        c.execute(
            update(events)
            .where(events.c.id.in_([row.id for row in given_back]))
            .values(status=EventStatus.RECEIVED, due_at=now, **crashed)
        )
    if buried:
        c.execute(
            update(events)
            .where(events.c.id.in_([row.id for row in buried]))
            .values(status=EventStatus.DEAD, due_at=None, settled_at=now, code="internal", **crashed)
        )
    if lost:
        c.execute(insert(attempts), [_crash(row, now) for row in lost])
    reviews.mark(c, {row.connection_id for row in buried}, now)
    return sorted({row.connection_id for row in given_back})


def _crash(row: Row[int, str, int, int, str | None], now: datetime) -> dict[str, object]:
    return {
        "event_id": row.id,
        "n": row.attempts,
        "at": now,
        "worker": row.claimed_by,
        "outcome": AttemptOutcome.CRASHED,
        "code": "internal",
    }
