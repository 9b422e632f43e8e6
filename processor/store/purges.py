"""Throwing away history that is old, a few rows at a time, and how far that is.

Each kind is walked in the order of its numbers, which is nearly that of time. A piece is found by its primary
key, deleted, and the place written down, in one short transaction: whoever goes on begins there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, and_, delete, func, or_, select, update

from processor.domain.event import EventStatus
from processor.store.sql import insert_into, pieces
from processor.store.tables import accounts, changes, conflicts, events, purges, pushes, receipts, runs

SETTLED = (EventStatus.APPLIED, EventStatus.SKIPPED)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is thrown away: what is older than `before`, and beyond the newest `most` rows what is older than
    `floor`. `dead_before` is the bound for deliveries that could not be carried out: somebody may still send
    them round again."""

    before: datetime
    floor: datetime
    most: int
    dead_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class PurgeRow:
    """How far a round is: `cursor` is where it goes on, `removed` what this round took away, `total` all of
    them. `finished_at` is None while one is under way."""

    kind: str
    cursor: str | None
    removed: int
    total: int
    begun_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Piece:
    """What came of one piece. `cursor` is None at the end of the round."""

    removed: int
    cursor: str | None


def state(c: Connection) -> dict[str, PurgeRow]:
    """Return how far each kind is, by its name."""
    return {row.kind: PurgeRow(**row._mapping) for row in c.execute(select(purges).order_by(purges.c.kind))}


def note(c: Connection, kind: str, piece: Piece, now: datetime, *, is_new: bool) -> None:
    """Write down how far a round is, in the transaction of its piece."""
    finished = now if piece.cursor is None else None
    values: dict[str, Any] = {"cursor": piece.cursor, "finished_at": finished}
    new = {"kind": kind, "begun_at": now, "removed": piece.removed, "total": piece.removed, **values}
    query = insert_into(c, purges).values(new)
    first = {"begun_at": now, "removed": piece.removed}
    further = {"removed": purges.c.removed + piece.removed}
    change = {**values, **(first if is_new else further), "total": purges.c.total + piece.removed}
    c.execute(query.on_conflict_do_update(index_elements=[purges.c.kind], set_=change))


# The feed of changes, account by account --------------------------------------------------------------------


def changes_piece(c: Connection, bounds: Bounds, cursor: str | None, limit: int) -> Piece:
    """Throw away the oldest changes of one account, the one after `cursor`, or the same once more while it
    has more. The account remembers up to where its feed is not kept."""
    row = _account_after(c, cursor)
    if row is None:
        return Piece(0, None)
    upto = _upto(c, row.id, int(row.last_seq), bounds, limit)
    if upto is None:
        return Piece(0, f"after:{row.id}")
    mine = (changes.c.account_id == row.id, changes.c.seq <= upto)
    gone = c.execute(delete(changes).where(*mine)).rowcount
    mark = update(accounts).where(accounts.c.id == row.id, accounts.c.purged_seq < upto)
    c.execute(mark.values(purged_seq=upto))
    return Piece(gone, f"{'same' if gone >= limit else 'after'}:{row.id}")


def _account_after(c: Connection, cursor: str | None) -> Any:
    how, _, account_id = (cursor or "after:").partition(":")
    where = accounts.c.id >= account_id if how == "same" else accounts.c.id > account_id
    query = select(accounts.c.id, accounts.c.last_seq).where(where).order_by(accounts.c.id).limit(1)
    return c.execute(query).one_or_none()


def _upto(c: Connection, account_id: str, last: int, bounds: Bounds, limit: int) -> int | None:
    """Up to which `seq` the account's oldest changes go, None for none of them."""
    query = select(changes.c.seq, changes.c.at).where(changes.c.account_id == account_id)
    upto = None
    for seq, at in c.execute(query.order_by(changes.c.seq).limit(limit)):
        if not _is_old(at, bounds, seq <= last - bounds.most):
            break
        upto = int(seq)
    return upto


# Everything that is numbered ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Kind:
    """How rows of one kind are found: their number, their time, and which may go at all."""

    table: Table
    at: Column[Any]
    may_go: ColumnElement[bool] | None = None


_NUMBERED = {
    "deliveries": _Kind(events, events.c.received_at),
    "pushes": _Kind(pushes, pushes.c.at),
    "conflicts": _Kind(conflicts, conflicts.c.at),
}


def numbered_piece(c: Connection, kind: str, bounds: Bounds, cursor: str | None, limit: int) -> Piece:
    """Throw away what may go of the next `limit` rows behind the cursor, which has the last number and the
    edge of the newest rows. Deliveries that are not settled stay whatever their age; their attempts go with
    them."""
    known = _NUMBERED[kind]
    table = known.table
    after, edge = (int(part) for part in cursor.split(":")) if cursor else (0, _edge(c, table, bounds.most))
    columns = [table.c.id, known.at.label("at")]
    columns += [table.c.status, table.c.settled_at] if kind == "deliveries" else []
    page = c.execute(select(*columns).where(table.c.id > after).order_by(table.c.id).limit(limit)).all()
    gone = [row.id for row in page if _may_go(row, bounds, row.id <= edge)]
    for piece in pieces(gone):
        c.execute(delete(table).where(table.c.id.in_(piece)))
    is_over = len(page) < limit or not _is_old(page[-1].at, bounds, page[-1].id <= edge)
    return Piece(len(gone), None if is_over else f"{page[-1].id}:{edge}")


def _edge(c: Connection, table: Table, most: int) -> int:
    """The number up to which rows are beyond the newest `most`; they are counted only where there may be as
    many."""
    ends = c.execute(select(func.min(table.c.id), func.max(table.c.id))).one()
    if ends[0] is None or ends[1] - ends[0] < most:
        return 0
    query = select(table.c.id).order_by(table.c.id.desc()).offset(most).limit(1)
    return int(c.scalar(query) or 0)


def _is_old(at: datetime, bounds: Bounds, is_beyond: bool) -> bool:
    return at < bounds.before or (is_beyond and at < bounds.floor)


def _may_go(row: Any, bounds: Bounds, is_beyond: bool) -> bool:
    status = getattr(row, "status", None)
    if status is None:
        return _is_old(row.at, bounds, is_beyond)
    if row.settled_at is None or status not in {*SETTLED, EventStatus.DEAD}:
        return False
    if status == EventStatus.DEAD and bounds.dead_before is not None:
        bounds = replace(bounds, before=bounds.dead_before)
    return _is_old(row.settled_at, bounds, is_beyond)


# What is few ----------------------------------------------------------------------------------------------


def runs_piece(c: Connection, bounds: Bounds, limit: int) -> Piece:
    """Throw away runs that ended long ago, with their pages."""
    old = and_(runs.c.finished_at.is_not(None), runs.c.finished_at < bounds.before)
    return _few(c, runs, old, limit)


def receipts_piece(c: Connection, bounds: Bounds, limit: int) -> Piece:
    """Throw away receipts of what was undone long ago."""
    old = and_(receipts.c.finished_at.is_not(None), receipts.c.finished_at < bounds.before)
    return _few(c, receipts, old, limit)


def _few(c: Connection, table: Table, old: ColumnElement[bool], limit: int) -> Piece:
    ids = list(c.scalars(select(table.c.id).where(old).order_by(table.c.id).limit(limit)))
    for piece in pieces(ids):
        c.execute(delete(table).where(table.c.id.in_(piece)))
    return Piece(len(ids), None if len(ids) < limit else "more")


# Without doing it -------------------------------------------------------------------------------------------


def foreseen(c: Connection, kind: str, bounds: Bounds) -> int:
    """Return how many rows a whole round would throw away now. Reads through what is old."""
    if kind == "changes":
        beyond = changes.c.seq <= accounts.c.last_seq - bounds.most
        old = or_(changes.c.at < bounds.before, and_(beyond, changes.c.at < bounds.floor))
        query = (
            select(func.count()).select_from(changes).join(accounts, accounts.c.id == changes.c.account_id)
        )
        return int(c.scalar(query.where(old)) or 0)
    if kind in {"runs", "receipts"}:
        table = runs if kind == "runs" else receipts
        return int(c.scalar(select(func.count()).where(table.c.finished_at < bounds.before)) or 0)
    known = _NUMBERED[kind]
    edge = _edge(c, known.table, bounds.most)
    if kind != "deliveries":
        old = or_(known.at < bounds.before, and_(known.table.c.id <= edge, known.at < bounds.floor))
        return int(c.scalar(select(func.count()).select_from(known.table).where(old)) or 0)
    return int(c.scalar(select(func.count()).select_from(events).where(_old_deliveries(bounds, edge))) or 0)


def _old_deliveries(bounds: Bounds, edge: int) -> ColumnElement[bool]:
    settled = events.c.settled_at
    beyond = and_(events.c.id <= edge, settled < bounds.floor)
    done = and_(events.c.status.in_(SETTLED), or_(settled < bounds.before, beyond))
    dead = and_(
        events.c.status == EventStatus.DEAD, or_(settled < (bounds.dead_before or bounds.before), beyond)
    )
    return or_(done, dead)
