"""Who sends what: notices are claimed for the length of a lease, settled, handed back, or taken over."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, case, func, insert, literal, null, or_, select, update

from processor.domain.outgoing import GIVE_UP_AFTER
from processor.store import notices as kept
from processor.store.endpoints import EndpointState
from processor.store.inbox_claim import new_claim
from processor.store.notices_rows import COLUMNS, Attempt, NoticeRow, NoticeState, notice
from processor.store.tables import endpoints, notice_attempts, notices

_NOBODY = {"claim": None, "claimed_by": None}
_FEWER = case((notices.c.attempts > 0, notices.c.attempts - 1), else_=0)


def claim(
    c: Connection, endpoint_id: str, *, limit: int, now: datetime, lease_seconds: float, worker: str
) -> list[NoticeRow]:
    """Claim up to `limit` due notices of an endpoint for `worker`, the one that waits longest first, and
    those whose lease has run out. No two workers get the same one. The attempt is counted here."""
    due = (
        select(notices.c.id)
        .where(notices.c.endpoint_id == endpoint_id, notices.c.due_at <= now)
        .order_by(notices.c.due_at, notices.c.id)
        .limit(limit)
        # It waits for writers that hold a bell: a claim that passed them over would find none in a storm.
        .with_for_update()
    )
    ids = list(c.scalars(due))
    if not ids:
        return []
    end = literal(now + GIVE_UP_AFTER, notices.c.give_up_at.type)
    taken = c.execute(
        update(notices)
        .where(notices.c.id.in_(ids))
        .values(
            attempts=notices.c.attempts + 1,
            due_at=now + timedelta(seconds=lease_seconds),
            give_up_at=func.coalesce(notices.c.give_up_at, end),
            # A lease that ran out is sent again, and rings for what came meanwhile too.
            following=null(),
            claim=new_claim(),
            claimed_by=worker,
        )
        .returning(*COLUMNS)
    )
    place = {row_id: n for n, row_id in enumerate(ids)}
    return sorted((notice(row) for row in taken), key=lambda row: place[row.id])


def settle(
    c: Connection,
    held: NoticeRow,
    attempt: Attempt,
    now: datetime,
    *,
    state: NoticeState,
    due_at: datetime | None = None,
) -> bool:
    """Write what an attempt came to and let the notice go; return whether it was still held.

    A bell that was delivered makes the next one, where something came meanwhile; one that waits on rings
    for that as well. Safe to repeat.
    """
    query = select(*COLUMNS).where(notices.c.id == held.id, notices.c.claim == held.claim).with_for_update()
    row = c.execute(query).one_or_none()
    if row is None:
        return False
    found = notice(row)
    done = state is not NoticeState.WAITING
    values = {"about": None, "settled_at": now} if done else {}
    c.execute(
        update(notices)
        .where(notices.c.id == held.id)
        .values(state=state, due_at=due_at, following=null(), **values, **_NOBODY)
    )
    c.execute(insert(notice_attempts).values({n: getattr(attempt, n) for n in Attempt.__dataclass_fields__}))
    if done and found.about is not None and found.following is not None:
        kept.ring(c, found.endpoint_id, found.account_id, found.kind, found.following, now, about=found.about)
    return True


def hand_back(c: Connection, claims: Collection[str], due_at: datetime) -> int:
    """Hand back what is still held under these claims as if it had never been claimed, due then; return how
    many. Safe to repeat."""
    if not claims:
        return 0
    query = update(notices).where(notices.c.claim.in_(claims))
    return c.execute(query.values(attempts=_FEWER, due_at=due_at, following=null(), **_NOBODY)).rowcount


def release(c: Connection, worker: str, now: datetime) -> int:
    """Hand back what `worker` holds, due at once; return how many. For one that stops. Safe to repeat."""
    query = update(notices).where(notices.c.claimed_by == worker)
    return c.execute(query.values(attempts=_FEWER, due_at=now, following=null(), **_NOBODY)).rowcount


def take_over(c: Connection, living: Collection[str], now: datetime) -> int:
    """Let the leases run out of what no living worker holds; return how many. Safe to repeat."""
    held = (notices.c.claimed_by.is_not(None), notices.c.claimed_by.not_in(living), notices.c.due_at > now)
    ids = list(c.scalars(select(notices.c.id).where(*held).limit(5000).with_for_update(skip_locked=True)))
    return c.execute(update(notices).where(notices.c.id.in_(ids)).values(due_at=now)).rowcount if ids else 0


def due_endpoints(c: Connection, now: datetime, limit: int) -> list[str]:
    """Return up to `limit` endpoints that something is due for, the one that waits longest first; none that
    is disabled. One that is not there any more is named too, so that its notices are forgotten."""
    query = (
        select(notices.c.endpoint_id)
        .outerjoin(endpoints, endpoints.c.id == notices.c.endpoint_id)
        .where(
            notices.c.due_at <= now,
            or_(endpoints.c.state.is_(None), endpoints.c.state == EndpointState.ENABLED),
        )
        .group_by(notices.c.endpoint_id)
        .order_by(func.min(notices.c.due_at), notices.c.endpoint_id)
        .limit(limit)
    )
    return list(c.scalars(query))
