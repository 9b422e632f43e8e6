"""Runs: previews and first syncs, with their progress, and the pages of rows that a preview leaves.

One run of a kind is unfinished at a time for a connection. The rows of a preview are kept packed, a page of
them in one value: a preview of a hundred thousand people is a few hundred rows.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypedDict, Unpack

from sqlalchemy import Connection, Row, delete, insert, select, update

from processor.domain.outgoing import NoticeKind
from processor.errors import NotFound
from processor.store import notices
from processor.store.ids import new_id
from processor.store.sql import insert_into, pieces
from processor.store.tables import connections, run_pages, run_seen, runs
from processor.store.types import as_json


class RunKind(StrEnum):
    """What a run does."""

    PREVIEW = "preview"
    SYNC = "sync"


class RunState(StrEnum):
    """How far a run is. A sync whose connection is paused goes on being `running`."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as it stands. `done` of `total` are people; `cursor` is where it goes on after a break; `what` is
    what it found or did; `code` and `detail` say why it failed."""

    id: str
    connection_id: str
    kind: RunKind
    state: RunState
    phase: str
    total: int
    done: int
    cursor: Mapping[str, Any] | None
    what: Mapping[str, Any]
    code: str | None
    detail: str | None
    asked_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    updated_at: datetime


class Columns(TypedDict, total=False):
    """What may change of a run; what is not named stays."""

    state: RunState
    phase: str
    total: int
    done: int
    cursor: Mapping[str, Any] | None
    what: Mapping[str, Any]
    code: str | None
    detail: str | None
    started_at: datetime | None
    finished_at: datetime | None


def begin(c: Connection, connection_id: str, kind: RunKind, asked_by: str, now: datetime) -> RunRow:
    """Return the connection's unfinished run of this kind; make one where there is none. Safe to repeat."""
    values = {
        "id": new_id("run"),
        "connection_id": connection_id,
        "kind": kind,
        "state": RunState.WAITING,
        "phase": "",
        "what": {},
        "asked_by": asked_by,
        "created_at": now,
        "updated_at": now,
    }
    c.execute(insert_into(c, runs).values(values).on_conflict_do_nothing())
    row = unfinished(c, connection_id, kind)
    assert row is not None
    return row


def get(c: Connection, run_id: str) -> RunRow | None:
    """Return the run, or None."""
    row = c.execute(select(runs).where(runs.c.id == run_id)).one_or_none()
    return None if row is None else _run(row)


def lock(c: Connection, run_id: str) -> RunRow | None:
    """Return the run and keep others from changing it until the commit, or None. After connections in the
    lock order."""
    row = c.execute(select(runs).where(runs.c.id == run_id).with_for_update()).one_or_none()
    return None if row is None else _run(row)


def unfinished(c: Connection, connection_id: str, kind: RunKind) -> RunRow | None:
    """Return the run of this kind that has not ended, or None."""
    query = select(runs).where(
        runs.c.connection_id == connection_id, runs.c.kind == kind, runs.c.finished_at.is_(None)
    )
    row = c.execute(query).one_or_none()
    return None if row is None else _run(row)


def latest(
    c: Connection, connection_id: str, kind: RunKind, states: Collection[RunState] | None = None
) -> RunRow | None:
    """Return the newest run of this kind (in one of these states), or None."""
    query = select(runs).where(runs.c.connection_id == connection_id, runs.c.kind == kind)
    if states is not None:
        query = query.where(runs.c.state.in_(states))
    row = c.execute(query.order_by(runs.c.created_at.desc(), runs.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else _run(row)


def unfinished_of_kind(c: Connection, kind: RunKind, limit: int) -> list[RunRow]:
    """Return runs of this kind that have not ended, of all connections, oldest first."""
    query = select(runs).where(runs.c.kind == kind, runs.c.finished_at.is_(None))
    return [_run(row) for row in c.execute(query.order_by(runs.c.created_at, runs.c.id).limit(limit))]


def change(c: Connection, run_id: str, now: datetime, **columns: Unpack[Columns]) -> None:
    """Write the columns that are named. Raises NotFound for a run that is not there."""
    query = update(runs).where(runs.c.id == run_id).values(**columns, updated_at=now)
    if not c.execute(query).rowcount:
        raise NotFound("no such run")


def end(c: Connection, run_id: str, how: RunState, now: datetime, **columns: Unpack[Columns]) -> bool:
    """End a run that has not ended; return whether it was this call that ended it. Safe to repeat."""
    query = update(runs).where(runs.c.id == run_id, runs.c.finished_at.is_(None))
    values = {**columns, "state": how, "finished_at": now, "updated_at": now}
    if not c.execute(query.values(values)).rowcount:
        return False
    _tell(c, run_id, how, now)
    return True


def _tell(c: Connection, run_id: str, how: RunState, now: datetime) -> None:
    query = select(runs.c.kind, runs.c.connection_id, connections.c.account_id)
    row = c.execute(query.join(connections).where(runs.c.id == run_id)).one()
    what = {"account": row.account_id, "connection": row.connection_id, "run": run_id}
    data = {**what, "kind": row.kind, "state": how}
    notices.tell(c, row.account_id, NoticeKind.RUN_COMPLETED, data, now)


def keep_page(c: Connection, run_id: str, n: int, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep page `n` of a run's rows. Written once: raises Conflict for a page that is there."""
    body = zlib.compress("\n".join(as_json(row) for row in rows).encode())
    c.execute(insert(run_pages).values(run_id=run_id, n=n, body=body))


def pages(c: Connection, run_id: str) -> Iterator[list[dict[str, Any]]]:
    """Yield the kept rows of a run, page by page, in their order."""
    n = -1
    while (found := page_after(c, run_id, n)) is not None:
        n, rows = found
        yield rows


def page(c: Connection, run_id: str, n: int) -> list[dict[str, Any]]:
    """Return the kept rows of one page; none where there is no such page."""
    query = select(run_pages.c.body).where(run_pages.c.run_id == run_id, run_pages.c.n == n)
    body = c.scalars(query).one_or_none()
    return [] if body is None else _unpacked(body)


def page_after(c: Connection, run_id: str, n: int) -> tuple[int, list[dict[str, Any]]] | None:
    """Return the number and the rows of the first page after this one, or None."""
    query = select(run_pages.c.n, run_pages.c.body).where(run_pages.c.run_id == run_id, run_pages.c.n > n)
    row = c.execute(query.order_by(run_pages.c.n).limit(1)).one_or_none()
    return None if row is None else (row.n, _unpacked(row.body))


def _unpacked(body: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in zlib.decompress(body).decode().splitlines()]


def finished(c: Connection, connection_id: str, kind: RunKind) -> list[str]:
    """Return the ids of the connection's runs of this kind that have ended."""
    query = select(runs.c.id).where(
        runs.c.connection_id == connection_id, runs.c.kind == kind, runs.c.finished_at.is_not(None)
    )
    return list(c.scalars(query.order_by(runs.c.id)))


def forget_pages(c: Connection, run_ids: Collection[str]) -> int:
    """Delete the kept rows of these runs, which stay; return how many pages. Safe to repeat."""
    return c.execute(delete(run_pages).where(run_pages.c.run_id.in_(run_ids))).rowcount


def forget_all(c: Connection, connection_id: str) -> int:
    """Delete all runs of a connection, with their pages; return how many. Safe to repeat."""
    return c.execute(delete(runs).where(runs.c.connection_id == connection_id)).rowcount


def see(c: Connection, run_id: str, keys: Collection[str]) -> set[str]:
    """Remember that a run has met these; return those of them that it had met before. Safe to repeat."""
    met: set[str] = set()
    for piece in pieces(sorted(set(keys))):
        query = select(run_seen.c.key).where(run_seen.c.run_id == run_id, run_seen.c.key.in_(piece))
        known = set(c.scalars(query))
        rows = [{"run_id": run_id, "key": key} for key in piece if key not in known]
        if rows:
            c.execute(insert_into(c, run_seen).on_conflict_do_nothing(), rows)
        met |= known
    return met


def seen(c: Connection, run_id: str, keys: Collection[str]) -> set[str]:
    """Return which of these the run has met."""
    met: set[str] = set()
    for piece in pieces(sorted(set(keys))):
        query = select(run_seen.c.key).where(run_seen.c.run_id == run_id, run_seen.c.key.in_(piece))
        met |= set(c.scalars(query))
    return met


def forget_seen(c: Connection, run_id: str) -> None:
    """Delete what a run has met. Safe to repeat."""
    c.execute(delete(run_seen).where(run_seen.c.run_id == run_id))


def _run(row: Row[*tuple[Any, ...]]) -> RunRow:
    values = dict(row._mapping)
    return RunRow(**{**values, "kind": RunKind(values["kind"]), "state": RunState(values["state"])})
