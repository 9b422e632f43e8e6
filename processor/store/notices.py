"""Notices: webhooks to the platform, written in the transaction of what they tell.

A bell (`about`) rings for all of its kind: while one waits, another is not written. The row is locked until
the writer commits, and a claim waits for that lock: so whoever answers a bell by reading finds everything
that it was rung for. What changes while a bell is being sent is rung for by the next one (`following`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, case, delete, func, insert, null, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from processor.domain.outgoing import COALESCE, NoticeKind
from processor.store import endpoints
from processor.store.ids import new_id
from processor.store.notices_rows import ATTEMPT_COLUMNS, COLUMNS, Attempt, NoticeRow, NoticeState, notice
from processor.store.tables import notice_attempts, notices

MOST_WAITING = 10_000
"""Notices that may wait for one endpoint, beside its bells; more are counted and not kept."""


def tell(
    c: Connection,
    account_id: str | None,
    kind: NoticeKind,
    data: Mapping[str, Any],
    now: datetime,
    *,
    about: str | None = None,
) -> None:
    """Write a notice for each endpoint that listens to this kind; nothing where none does.

    With `about` it is a bell: one at a time waits for an endpoint, also while that is disabled. Other
    notices are for those that are enabled. Behind all other rows in the lock order.
    """
    for endpoint_id, is_enabled in endpoints.listening(c, account_id, kind):
        if about is not None:
            ring(c, endpoint_id, account_id, kind, data, now, about=about)
        elif is_enabled and _has_room(c, endpoint_id):
            keep(c, endpoint_id, account_id, kind, data, now)


def keep(
    c: Connection,
    endpoint_id: str,
    account_id: str | None,
    kind: NoticeKind,
    data: Mapping[str, Any],
    now: datetime,
) -> str:
    """Write one notice for one endpoint, due now; return its `ref`."""
    values = _values(endpoint_id, account_id, kind, data, now)
    c.execute(insert(notices), {**values, "due_at": now})
    return str(values["ref"])


def ring(
    c: Connection,
    endpoint_id: str,
    account_id: str | None,
    kind: NoticeKind,
    data: Mapping[str, Any],
    now: datetime,
    *,
    about: str,
) -> None:
    """Write a bell for one endpoint, where none waits. Safe to repeat."""
    values = _values(endpoint_id, account_id, kind, data, now)
    c.execute(_ring_statement(c.dialect.name), {**values, "about": about, "due_at": now + COALESCE})


@cache
def _ring_statement(dialect: str) -> Any:
    """Return the statement of `ring`; made once, since every change of a contact executes it."""
    query = (sqlite.insert if dialect == "sqlite" else postgresql.insert)(notices)
    being_sent = notices.c.claim.is_not(None)
    return query.on_conflict_do_update(
        index_elements=[notices.c.endpoint_id, notices.c.about],
        index_where=text("about IS NOT NULL"),
        set_={
            "following": case(
                (being_sent, func.coalesce(notices.c.following, query.excluded.data)),
                else_=notices.c.following,
            )
        },
    )


def _values(
    endpoint_id: str, account_id: str | None, kind: NoticeKind, data: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    return {
        "ref": new_id("ntc"),
        "endpoint_id": endpoint_id,
        "account_id": account_id,
        "kind": kind,
        "data": data,
        "state": NoticeState.WAITING,
        "created_at": now,
    }


def _has_room(c: Connection, endpoint_id: str) -> bool:
    waiting = (
        select(notices.c.id)
        .where(notices.c.endpoint_id == endpoint_id, notices.c.due_at.is_not(None))
        .limit(MOST_WAITING)
        .subquery()
    )
    if int(c.scalar(select(func.count()).select_from(waiting)) or 0) < MOST_WAITING:
        return True
    endpoints.note_dropped(c, endpoint_id)
    return False


def by_ref(c: Connection, ref: str) -> NoticeRow | None:
    """Return the notice with this `webhook-id`, or None."""
    row = c.execute(select(*COLUMNS).where(notices.c.ref == ref)).one_or_none()
    return None if row is None else notice(row)


def of_endpoint(
    c: Connection, endpoint_id: str, limit: int, before_id: int | None = None, state: str | None = None
) -> list[NoticeRow]:
    """Return up to `limit` notices of an endpoint, newest first; for the next page give the last `id`."""
    query = select(*COLUMNS).where(notices.c.endpoint_id == endpoint_id)
    if before_id is not None:
        query = query.where(notices.c.id < before_id)
    if state is not None:
        query = query.where(notices.c.state == state)
    return [notice(row) for row in c.execute(query.order_by(notices.c.id.desc()).limit(limit))]


def counts(c: Connection, endpoint_id: str) -> dict[str, int]:
    """Return how many notices of an endpoint there are, by state."""
    query = select(notices.c.state, func.count()).where(notices.c.endpoint_id == endpoint_id)
    return {row[0]: int(row[1]) for row in c.execute(query.group_by(notices.c.state))}


def attempts_of(c: Connection, notice_id: int) -> list[Attempt]:
    """Return the attempts at a notice, oldest first."""
    query = select(*ATTEMPT_COLUMNS).where(notice_attempts.c.notice_id == notice_id)
    return [Attempt(**row._mapping) for row in c.execute(query.order_by(notice_attempts.c.id))]


def again(c: Connection, ref: str, now: datetime) -> bool:
    """Make a notice due now, with its attempts counted anew, whatever became of it; return whether it was
    free to be sent. Safe to repeat."""
    query = update(notices).where(notices.c.ref == ref, notices.c.claim.is_(None))
    anew = {"state": NoticeState.WAITING, "due_at": now, "attempts": 0, "give_up_at": null()}
    return c.execute(query.values(**anew, settled_at=null())).rowcount == 1


def hasten(c: Connection, endpoint_id: str, now: datetime, *, anew: bool = False) -> int:
    """Make due now what waits for an endpoint: it answers again. `anew` counts its attempts from the
    beginning, also of what came due while the endpoint rested. Returns how many. Safe to repeat."""
    waits = (
        notices.c.endpoint_id == endpoint_id,
        notices.c.due_at.is_not(None) if anew else notices.c.due_at > now,
        notices.c.claim.is_(None),
    )
    from_the_beginning = {"attempts": 0, "give_up_at": null()} if anew else {}
    return c.execute(update(notices).where(*waits).values(due_at=now, **from_the_beginning)).rowcount


def forget(c: Connection, endpoint_id: str) -> int:
    """Delete all notices of an endpoint; return how many. Safe to repeat."""
    return c.execute(delete(notices).where(notices.c.endpoint_id == endpoint_id)).rowcount


def forget_old(c: Connection, before: datetime, limit: int = 5000) -> int:
    """Delete up to `limit` notices, with their attempts, that were settled before; return how many."""
    old = select(notices.c.id).where(notices.c.settled_at < before).order_by(notices.c.settled_at)
    ids = list(c.scalars(old.limit(limit)))
    return c.execute(delete(notices).where(notices.c.id.in_(ids))).rowcount if ids else 0


def forget_many(c: Connection, endpoint_id: str, most: int) -> int:
    """Delete the oldest settled notices of an endpoint that has more than `most`; return how many."""
    settled = (notices.c.endpoint_id == endpoint_id, notices.c.settled_at.is_not(None))
    newest = select(notices.c.id).where(*settled).order_by(notices.c.id.desc()).offset(most).limit(1)
    last = c.scalar(newest)
    return 0 if last is None else c.execute(delete(notices).where(*settled, notices.c.id <= last)).rowcount
