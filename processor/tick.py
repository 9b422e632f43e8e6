"""What the clock does each time: says that this worker lives, and finds work that nobody was poked for.

Every worker process ticks; one of them at a time looks for work, by a lease. This is what makes Redis
forgettable: whatever was kept but never poked, is due again, or was held by a worker that died, is found
here.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from processor import first_sync, purge
from processor.attempt import forget_old, write_down
from processor.broker import (
    COLLECT,
    DELIVER,
    ERASE,
    MAIL,
    PHOTOS,
    PREVIEW,
    PROCESS,
    PUSH,
    REPLAY,
    REVIEW,
    SWEEP,
    UNINSTALL,
)
from processor.domain.issue import RESOLVED_KEPT
from processor.kit import Kit
from processor.log import say
from processor.store import (
    Connection,
    batches,
    connections,
    endpoints,
    erasures,
    galleries,
    inbox,
    issues,
    leases,
    liveness,
    mails,
    members,
    notices,
    notices_claim,
    photos_claim,
    receipts,
    replays,
    reviews,
    runs,
)
from processor.store.runs import RunKind

logger = logging.getLogger(__name__)

CLOCK = "clock"
CLOCK_SECONDS = 10.0
SYNCS = 100
"""First syncs looked at in one tick: each costs a count of what is due."""
MANY = 1000
"""Connections poked in one tick."""
NOTICES, NOTICES_SECONDS = "notices", 3600.0
NOTICES_LAST = timedelta(days=14)
NOTICES_KEPT = 5000
"""Settled notices that stay of one endpoint."""


def tick(kit: Kit) -> bool:
    """Do what is due now. Returns whether this process was the one that looked for work.

    Safe to repeat and to run everywhere at once. Raises StoreDown.
    """
    now = kit.now()
    with kit.store.write() as c:
        liveness.say_alive(c, kit.worker, now)
        leads = leases.take(c, CLOCK, kit.worker, now, CLOCK_SECONDS)
    give_back_what_was_left(kit)
    write_down(kit)
    if not leads:
        return False
    take_over(kit, now)
    ring_for_work(kit, now)
    forget_old_notices(kit, now)
    if now.second < max(2, kit.settings.tick_seconds):  # about once a minute
        forget_old(kit)
    purge.some(kit)
    return True


def take_over(kit: Kit, now: datetime) -> int:
    """Free what dead workers held, and what was held for too long. Returns how much the dead held."""

    def in_one_transaction(c: Connection) -> int:
        freed = liveness.take_over(c, now)
        # Members before events, like everybody else who holds both.
        members.expire(c, now, kit.settings.max_crashes)
        inbox.expire(c, now, kit.settings.max_crashes)
        photos_claim.expire(c, now, kit.settings.max_crashes)
        return freed

    freed = kit.store.write_retrying(in_one_transaction)
    if freed:
        say(logger, logging.WARNING, "work of dead workers taken over", rows=freed)
    return freed


def give_back_what_was_left(kit: Kit) -> None:
    """Give back what this worker held when the database went away. Safe to repeat."""
    claims, turns = list(kit.left_claims), list(kit.left_turns)
    if not claims and not turns:
        return

    def in_one_transaction(c: Connection) -> None:
        now = kit.now()
        members.hand_back(c, claims, now)
        inbox.hand_back(c, claims, now)
        photos_claim.hand_back(c, claims, now)
        for name, holder in turns:
            leases.give_up(c, name, holder)

    kit.store.write_retrying(in_one_transaction)
    for _ in claims:
        kit.left_claims.popleft()
    for _ in turns:
        kit.left_turns.popleft()
    say(logger, logging.WARNING, "work given back after the database was away", claims=len(claims))


def ring_for_work(kit: Kit, now: datetime) -> None:
    """Wake workers for everything that is due in connections that may work."""
    with kit.store.read() as c:
        events = inbox.due_connections(c, now, MANY)
        pushes = members.due_connections(c, now, MANY)
        collects = batches.due_connections(c, now, MANY)
        sweeps = _without_a_worker(c, SWEEP, connections.sweep_due(c, now, MANY), now)
        syncing = [run.connection_id for run in runs.unfinished_of_kind(c, RunKind.SYNC, SYNCS)]
        leaving = receipts.due(c, now, MANY)
        erasing = erasures.due(c, now, MANY)
        previews = _previews(c, now)
        telling = notices_claim.due_endpoints(c, now, MANY)
        replaying = replays.due(c, now, MANY)
        photos = {*photos_claim.due_connections(c, now, MANY), *galleries.due_connections(c, now, MANY)}
        reviewing = reviews.due(c, now, MANY)
        mailing = mails.due_lanes(c, now)
    kit.bell.ring(PROCESS, events)
    kit.bell.ring(PUSH, pushes)
    kit.bell.ring(COLLECT, collects)
    kit.bell.ring(SWEEP, sweeps)
    kit.bell.ring(UNINSTALL, leaving)
    kit.bell.ring(ERASE, erasing)
    kit.bell.ring(PREVIEW, previews)
    kit.bell.ring(DELIVER, telling)
    kit.bell.ring(REPLAY, replaying)
    kit.bell.ring(PHOTOS, sorted(photos))
    kit.bell.ring(REVIEW, reviewing)
    kit.bell.ring(MAIL, mailing)
    for one in syncing:
        first_sync.look(kit, one)


def due_soon(kit: Kit) -> list[tuple[str, datetime]]:
    """Return (connection, when) of what is to be pushed before the next tick, the soonest first: edits wait
    for a second, and need not wait for the clock as well. Raises StoreDown."""
    now = kit.now()
    with kit.store.read() as c:
        return members.due_soon(c, now, now + timedelta(seconds=kit.settings.tick_seconds), MANY)


def forget_old_notices(kit: Kit, now: datetime) -> int:
    """Delete, once an hour, what was settled long ago: notices, and of any endpoint all but the newest;
    mails; issues. Returns how many. Safe to repeat."""
    with kit.store.write() as c:
        if not leases.take(c, NOTICES, now.isoformat(), now, NOTICES_SECONDS):
            return 0
        count = notices.forget_old(c, now - NOTICES_LAST)
        count += mails.forget_old(c, now - NOTICES_LAST)
        count += issues.forget_resolved(c, now - RESOLVED_KEPT)
        return count + sum(notices.forget_many(c, row.id, NOTICES_KEPT) for row in endpoints.find(c))


def _without_a_worker(c: Connection, actor: str, connection_ids: list[str], now: datetime) -> list[str]:
    """Those at which nobody works. A sweep under way stays due, so that another worker goes on with it as
    soon as its own has died."""
    held = leases.held(c, [f"{actor}:{one}" for one in connection_ids], now)
    return [one for one in connection_ids if f"{actor}:{one}" not in held]


def _previews(c: Connection, now: datetime) -> list[str]:
    """The connections whose preview was asked for and that nobody is making."""
    asked = [run.connection_id for run in runs.unfinished_of_kind(c, RunKind.PREVIEW, MANY)]
    return [one for one in asked if not leases.is_held(c, f"{PREVIEW}:{one}", now)]


def stop(kit: Kit) -> None:
    """Hand back everything that this worker holds: others take it at once. Safe to repeat."""
    kit.slots.give_back()
    write_down(kit)

    def in_one_transaction(c: Connection) -> None:
        now = kit.now()
        members.release(c, kit.worker, now)
        inbox.release(c, kit.worker, now)
        notices_claim.release(c, kit.worker, now)
        photos_claim.release(c, kit.worker, now)
        mails.release(c, kit.worker, now)
        liveness.leave(c, kit.worker)

    kit.store.write_retrying(in_one_transaction)
