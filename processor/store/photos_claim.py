"""Who works on which photo: claimed for the length of a lease, handed back, or taken back. As for members."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, case, select, update

from processor.domain.plan import MemberState
from processor.store import due
from processor.store.inbox_claim import alone_or_together, new_claim
from processor.store.photos import COLUMNS, PhotoRow, photo
from processor.store.sql import pieces
from processor.store.tables import photos

EXPIRE_LIMIT = 1000
_NOBODY = {"claim": None, "claimed_by": None}


def claim_due(
    c: Connection, connection_id: str, *, limit: int, now: datetime, lease_seconds: float, worker: str
) -> list[PhotoRow]:
    """Claim up to `limit` due photos of a connection for `worker`, oldest due first. No two workers get the
    same one; one that a worker has died with comes alone. The attempt is counted here."""
    found = (
        select(photos.c.id, photos.c.crashes)
        .where(photos.c.connection_id == connection_id, photos.c.due_at <= now, photos.c.claim.is_(None))
        .order_by(photos.c.due_at, photos.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = c.execute(found).all()
    ids = _alone_or_together([(row.id, row.crashes) for row in rows])
    if not ids:
        return []
    taken = c.execute(
        update(photos)
        .where(photos.c.id.in_(ids))
        .values(
            attempts=photos.c.attempts + 1,
            due_at=now + timedelta(seconds=lease_seconds),
            claim=new_claim(),
            claimed_by=worker,
        )
        .returning(*COLUMNS)
    )
    place = {row_id: n for n, row_id in enumerate(ids)}
    return sorted((photo(row) for row in taken), key=lambda row: place[row.id])


def _alone_or_together(found: list[tuple[str, int]]) -> list[str]:
    numbers = alone_or_together([(n, crashes) for n, (_, crashes) in enumerate(found)])
    return [found[n][0] for n in numbers]


def held(c: Connection, photo_id: str, claim: str) -> PhotoRow | None:
    """Return the photo, locked, if it is still held under this claim."""
    query = select(*COLUMNS).where(photos.c.id == photo_id, photos.c.claim == claim)
    row = c.execute(query.with_for_update()).one_or_none()
    return None if row is None else photo(row)


def settle(c: Connection, photo_id: str, claim: str, now: datetime, **columns: Any) -> bool:
    """Write the columns and give the claim up; return whether it was still held. `due_at` is the next time,
    or None."""
    query = update(photos).where(photos.c.id == photo_id, photos.c.claim == claim)
    return c.execute(query.values(**columns, **_NOBODY, crashes=0, updated_at=now)).rowcount == 1


def release(c: Connection, worker: str, now: datetime) -> int:
    """Hand back what `worker` holds, as if it had never been claimed; return how many. Safe to repeat."""
    return _free(c, photos.c.claimed_by == worker, now)


def hand_back(c: Connection, claims: Collection[str], now: datetime) -> int:
    """Hand back what is still held under these claims, as if it had never been claimed; return how many."""
    return _free(c, photos.c.claim.in_(sorted(claims)), now) if claims else 0


def _free(c: Connection, whose: ColumnElement[bool], now: datetime) -> int:
    fewer = case((photos.c.attempts > 0, photos.c.attempts - 1), else_=0)
    mine = select(photos.c.id).where(whose).order_by(photos.c.id)
    freed = 0
    for piece in pieces(c.scalars(mine.with_for_update()).all()):
        query = update(photos).where(photos.c.id.in_(piece))
        freed += c.execute(query.values(attempts=fewer, due_at=now, **_NOBODY)).rowcount
    return freed


def expire(c: Connection, now: datetime, max_crashes: int) -> int:
    """Take back photos whose lease has run out; return how many. Each counts as a crash; one that has brought
    down `max_crashes` workers fails, and is not looked at again before a person asks. Safe to repeat."""
    lost = c.execute(
        select(photos.c.id, photos.c.crashes)
        .where(photos.c.due_at <= now, photos.c.claim.is_not(None))
        .order_by(photos.c.id)
        .limit(EXPIRE_LIMIT)
        .with_for_update(skip_locked=True)
    ).all()
    for buried in (False, True):
        ids = [row.id for row in lost if (row.crashes + 1 >= max_crashes) is buried]
        if ids:
            verdict: dict[str, Any] = {
                "state": MemberState.FAILING,
                "reason": "internal",
                "due_at": None,
                "crashes": 0,
            }
            back = {"due_at": now, "crashes": photos.c.crashes + 1}
            query = update(photos).where(photos.c.id.in_(ids))
            c.execute(query.values(**(verdict if buried else back), **_NOBODY, updated_at=now))
    return len(lost)


def due_connections(c: Connection, now: datetime, limit: int) -> list[str]:
    """Return up to `limit` connections that may work and have a photo due, the longest waiting first."""
    not_in = (*due.RESTING, *due.ENDED)
    return [one for one, _ in due.due_connections(c, photos, now, limit, not_in)]


def waiting(c: Connection, connection_id: str) -> int:
    """Return how many photos of the connection have something to be done for them."""
    query = select(sa.func.count()).where(
        photos.c.connection_id == connection_id, photos.c.due_at.is_not(None)
    )
    return int(c.execute(query).scalar_one())
