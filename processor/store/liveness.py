"""Which workers live, and taking over at once what the others held.

A lease on the work alone would have to be longer than the slowest work, and a worker that was killed would
hold up its contacts for as long. So workers say every few seconds that they live, and whoever falls silent
is taken for dead.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, or_, select, update

from processor.domain.event import EventStatus
from processor.store import leases as named
from processor.store import mails, notices_claim
from processor.store.members_claim import BATCH
from processor.store.tables import events, leases, members, photos

ALIVE = "worker:"
ALIVE_SECONDS = 15.0


def say_alive(c: Connection, worker: str, now: datetime) -> None:
    """Say that this worker lives for another fifteen seconds."""
    named.take(c, ALIVE + worker, worker, now, ALIVE_SECONDS)


def alive(c: Connection, now: datetime) -> list[str]:
    """Return the workers that have said so lately."""
    query = select(leases.c.holder).where(leases.c.name.startswith(ALIVE), leases.c.until > now)
    return list(c.scalars(query.order_by(leases.c.holder)))


def take_over(c: Connection, now: datetime) -> int:
    """Let the leases run out of all work that no living worker holds, and forget the dead; return how much
    work that was. `expire` of inbox, members and photos then gives it back. Safe to repeat."""
    living = alive(c, now)
    # Through an id list in the order of the ids: members are always locked in that order.
    freed = 0
    for table, held in (
        (members, members.c.claim.is_not(None)),
        (events, events.c.status == EventStatus.PROCESSING),
        (photos, photos.c.claim.is_not(None)),
    ):
        # What waits for a batch at Mailchimp is held by no worker.
        holders = [*living, BATCH]
        query = select(table.c.id).where(held, table.c.claimed_by.not_in(holders), table.c.due_at > now)
        ids = list(c.scalars(query.order_by(table.c.id).limit(5000).with_for_update(skip_locked=True)))
        for start in range(0, len(ids), 500):
            piece = ids[start : start + 500]
            c.execute(update(table).where(table.c.id.in_(piece)).values(due_at=now))
        freed += len(ids)
    freed += notices_claim.take_over(c, living, now)
    freed += mails.take_over(c, living, now)
    # A minute's grace, since a process that stalls comes back as the worker that it was.
    old = now - timedelta(seconds=60)
    c.execute(delete(leases).where(leases.c.name.startswith(ALIVE), leases.c.until <= old))
    turns = select(leases.c.name, leases.c.holder).where(leases.c.holder.contains("/"))
    dead = [row.name for row in c.execute(turns) if row.holder.rpartition("/")[0] not in living]
    _drop(c, dead)
    return freed


def _drop(c: Connection, names: Collection[str]) -> None:
    if names:
        c.execute(delete(leases).where(leases.c.name.in_(names)))


def leave(c: Connection, worker: str) -> None:
    """Forget this worker and its turns: it has handed back what it held. Safe to repeat."""
    mine = or_(leases.c.holder == worker, leases.c.holder.startswith(worker + "/", autoescape=True))
    c.execute(delete(leases).where(mine))
