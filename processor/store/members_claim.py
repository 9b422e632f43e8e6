"""Who pushes what: members are claimed for the length of a lease, settled, handed back, or taken back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    false,
    literal,
    null,
    or_,
    select,
    true,
    update,
)

from processor.domain.plan import MemberState
from processor.store import reviews
from processor.store.inbox_claim import EXPIRE_LIMIT, alone_or_together, new_claim
from processor.store.members_rows import COLUMNS, DATA, QUEUE, MemberRow, columns, member
from processor.store.sql import pieces
from processor.store.tables import members

BATCH = "batch"
"""Who holds a member that was sent in a batch, until its results are read: no worker, and no crash if it
takes long."""

_NOBODY: dict[str, Any] = {"claim": None, "claimed_by": None, "again": false()}
_AGAIN = members.c.again
_CRASHES = case((members.c.claimed_by == BATCH, members.c.crashes), else_=members.c.crashes + 1)
_NOW = bindparam("new_updated_at", type_=members.c.updated_at.type)

_SETTLE = (
    update(members)
    .where(members.c.id == bindparam("row_id"))
    .values(
        {
            **{name: bindparam(f"new_{name}") for name in DATA},
            # What changed while it was held is looked at again, whatever came of this attempt.
            "due_at": case(
                (and_(_AGAIN, members.c.urgent), _NOW),
                (_AGAIN, bindparam("again_at", type_=members.c.due_at.type)),
                else_=bindparam("new_due_at", type_=members.c.due_at.type),
            ),
            "attempts": case((_AGAIN, 0), else_=bindparam("new_attempts")),
            "urgent": or_(and_(_AGAIN, members.c.urgent), bindparam("new_urgent", type_=Boolean())),
            "crashes": 0,
            **_NOBODY,
            "updated_at": _NOW,
        }
    )
)


class Which(StrEnum):
    """Which of the due members are claimed."""

    URGENT = "urgent"
    """Only who left."""
    PRESSING = "pressing"
    """Who left, and whom Mailchimp has never had."""


_WHICH: Mapping[Which, ColumnElement[bool]] = {
    Which.URGENT: members.c.urgent,
    Which.PRESSING: or_(members.c.urgent, members.c.member_id.is_(None)),
}


def claim_due(
    c: Connection,
    connection_id: str,
    *,
    limit: int,
    now: datetime,
    lease_seconds: float,
    worker: str,
    which: Which | None = None,
) -> list[MemberRow]:
    """Claim up to `limit` due members of a connection for `worker`: urgent ones first, then oldest due;
    only some of them where `which` says so.

    No two workers get the same one. Members that a worker has died with come in small groups, and alone
    after that (`inbox_claim.alone_or_together`). The attempt is counted here. Each row's `claim` is what
    `settle` asks for.
    """
    due = (
        select(members.c.id, members.c.crashes)
        .where(members.c.connection_id == connection_id, members.c.due_at <= now, members.c.claim.is_(None))
        .where(true() if which is None else _WHICH[which])
        .order_by(members.c.urgent.desc(), members.c.due_at, members.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = alone_or_together([(row.id, row.crashes) for row in c.execute(due)])
    if not ids:
        return []
    taken = c.execute(
        update(members)
        .where(members.c.id.in_(ids))
        .values(
            attempts=members.c.attempts + 1,
            due_at=now + timedelta(seconds=lease_seconds),
            claim=new_claim(),
            claimed_by=worker,
            again=false(),
        )
        .returning(*COLUMNS)
    )
    place = {row_id: n for n, row_id in enumerate(ids)}
    return sorted((member(row) for row in taken), key=lambda row: place[row.id])


def settle(
    c: Connection, done: Sequence[MemberRow], now: datetime, *, again_at: datetime | None = None
) -> int:
    """Write whole rows over claimed ones and give the claims up; return how many were still held.

    Give rows read by `lock` in this transaction, for others write to a claimed row too (`update_many`),
    with `claim` as `claim_due` gave it and `due_at` as the next time, or None. A row whose claim was lost
    is left alone, and is no error. One that was marked due meanwhile is due at `again_at` (now, unless
    given), and now where somebody left.
    """
    held: list[MemberRow] = []
    for piece in pieces(sorted(done, key=lambda row: row.id)):
        query = select(members.c.id, members.c.claim).where(
            members.c.id.in_([row.id for row in piece]), members.c.claim.in_({row.claim for row in piece})
        )
        mine = {(row.id, row.claim) for row in c.execute(query.order_by(members.c.id).with_for_update())}
        held += [row for row in piece if (row.id, row.claim) in mine]
    if held:
        c.execute(_SETTLE, [{**_values(row, now), "again_at": again_at or now} for row in held])
    return len(held)


def _values(row: MemberRow, now: datetime) -> dict[str, Any]:
    return {
        "row_id": row.id,
        "new_updated_at": now,
        **{f"new_{name}": value for name, value in columns(row, (*DATA, *QUEUE)).items()},
    }


def hold(
    c: Connection, row_ids: Collection[int], claim: str, by_batch: str, until: datetime, now: datetime
) -> int:
    """Give claimed members over to a batch at Mailchimp: they are held under the claim `by_batch` until its
    results are read, or until that time. Returns how many were still held under `claim`. Safe to repeat."""
    given = 0
    for piece in pieces(sorted(set(row_ids))):
        query = select(members.c.id).where(members.c.id.in_(piece), members.c.claim == claim)
        mine = list(c.scalars(query.order_by(members.c.id).with_for_update()))
        change = {"claim": by_batch, "claimed_by": BATCH, "due_at": until, "updated_at": now}
        given += c.execute(update(members).where(members.c.id.in_(mine)).values(change)).rowcount
    return given


def held(c: Connection, claim: str) -> list[MemberRow]:
    """Return the members that are held under this claim, by number, not locked."""
    query = select(*COLUMNS).where(members.c.claimed_by == BATCH, members.c.claim == claim)
    return [member(row) for row in c.execute(query.order_by(members.c.id))]


def renew(c: Connection, row_ids: Collection[int], claim: str, until: datetime) -> int:
    """Hold members under this claim until that time; return how many still are. Safe to repeat."""
    renewed = 0
    for piece in pieces(sorted(set(row_ids))):
        query = select(members.c.id).where(members.c.id.in_(piece), members.c.claim == claim)
        mine = list(c.scalars(query.order_by(members.c.id).with_for_update()))
        renewed += c.execute(update(members).where(members.c.id.in_(mine)).values(due_at=until)).rowcount
    return renewed


def release(c: Connection, worker: str, now: datetime) -> int:
    """Hand back what `worker` holds, as if it had never been claimed, due at once; return how many.

    For a worker that is stopping. Safe to repeat.
    """
    return _free(c, members.c.claimed_by == worker, now)


def hand_back(c: Connection, claims: Collection[str], now: datetime) -> int:
    """Hand back what is still held under these claims, as if it had never been claimed, due at once; return
    how many. Safe to repeat: what was settled or taken over meanwhile is left alone."""
    return _free(c, members.c.claim.in_(claims), now) if claims else 0


def _free(c: Connection, whose: ColumnElement[bool], now: datetime) -> int:
    fewer = case((members.c.attempts > 0, members.c.attempts - 1), else_=0)
    held = select(members.c.id).where(whose, members.c.due_at.is_not(None)).order_by(members.c.id)
    released = 0
    for piece in pieces(c.scalars(held.with_for_update()).all()):
        query = update(members).where(members.c.id.in_(piece))
        released += c.execute(query.values(attempts=fewer, due_at=now, **_NOBODY)).rowcount
    return released


def expire(c: Connection, now: datetime, max_crashes: int) -> list[str]:
    """Take back members whose lease has run out; return the connections that have work again.

    Each counts as a crash, but not where a batch at Mailchimp took too long. One that has brought down
    `max_crashes` workers is `failing` with the reason `internal`, and is not looked at again before it
    changes or a person asks. Safe to repeat, and to run in several processes at once.
    """
    lost = c.execute(
        select(members.c.id, members.c.connection_id, _CRASHES.label("crashes"))
        .where(members.c.due_at <= now, members.c.claim.is_not(None))
        .order_by(members.c.id)
        .limit(EXPIRE_LIMIT)
        .with_for_update(skip_locked=True)
    ).all()
    if_again = case((_AGAIN, literal(now, members.c.due_at.type)), else_=null())
    for buried in (False, True):
        ids = [row.id for row in lost if (row.crashes >= max_crashes) is buried]
        if ids:
            verdict = {"state": MemberState.FAILING, "reason": "internal", "due_at": if_again, "crashes": 0}
            back = {"due_at": now, "crashes": _CRASHES}
            query = update(members).where(members.c.id.in_(ids))
            c.execute(query.values(**(verdict if buried else back), **_NOBODY, updated_at=now))
    reviews.mark(c, {row.connection_id for row in lost if row.crashes >= max_crashes}, now)
    return sorted({row.connection_id for row in lost if row.crashes < max_crashes})
