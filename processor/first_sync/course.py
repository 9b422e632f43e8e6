"""Writes down how far a first sync is, and ends it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from processor.domain.catalogue import OUTAGES
from processor.domain.connection import ConnectionState
from processor.domain.plan import MemberState
from processor.first_sync.progress import SAMPLE_EVERY, Phase, sampled
from processor.kit import Kit
from processor.log import say
from processor.store import Connection, connections, members, members_left, runs
from processor.store.runs import RunKind, RunRow, RunState

logger = logging.getLogger(__name__)

AGAIN_AT_ONCE = 5000
"""Members that are sent round again in one transaction."""


def begin(
    c: Connection,
    connection_id: str,
    asked_by: str,
    now: datetime,
    agreed: Mapping[str, int] | None = None,
) -> RunRow:
    """Begin a first sync, or return the one that has begun. `agreed` are the numbers of the preview that
    somebody has seen: changed_here, left_here, left_there."""
    run = runs.begin(c, connection_id, RunKind.SYNC, asked_by, now)
    if run.state is RunState.WAITING:
        cursor = {"read": False, "samples": [], "agreed": dict(agreed or {})}
        runs.change(
            c, run.id, now, state=RunState.RUNNING, phase=Phase.READING, started_at=now, cursor=cursor
        )
    fresh = runs.get(c, run.id)
    assert fresh is not None
    return fresh


def read(
    c: Connection,
    connection_id: str,
    now: datetime,
    *,
    done: int,
    total: int,
    added: Mapping[str, int],
    to_the_end: bool = False,
) -> None:
    """Say how much of the audience was read, and what that added to the numbers. `to_the_end` says that
    everybody who must be sent is due now. Nothing where no first sync is reading. In the transaction that
    writes down how far the sweep is."""
    run = _locked(c, connection_id)
    if run is None or (run.cursor or {}).get("read"):
        return
    cursor = dict(run.cursor or {})
    what = _added(run.what, added)
    if not to_the_end:
        cursor |= {"samples": sampled(cursor.get("samples", []), done, now), "held": None}
        runs.change(c, run.id, now, done=done, total=max(total, done), cursor=cursor, what=what)
        return
    left = members_left.left_to_send(c, connection_id, now, OUTAGES)
    cursor |= {"read": True, "samples": [[now.isoformat(), 0]], "held": None}
    runs.change(c, run.id, now, phase=Phase.SENDING, done=0, total=left, cursor=cursor, what=what)


def sent(kit: Kit, connection_id: str, **added: int) -> None:
    """Say what a push did (`added_there`, `changed_there`). Nothing where no first sync runs. Not safe to
    repeat. Raises StoreDown."""
    added = {name: number for name, number in added.items() if number}
    if not added:
        return

    def in_one_transaction(c: Connection) -> None:
        run = _locked(c, connection_id)
        if run is not None:
            runs.change(c, run.id, kit.now(), what=_added(run.what, added))

    kit.store.write_retrying(in_one_transaction)


def held(kit: Kit, connection_id: str, code: str) -> None:
    """Say why the first sync does not move, by the catalogue's code. Safe to repeat. Raises StoreDown."""
    if code not in OUTAGES:
        return

    def in_one_transaction(c: Connection) -> None:
        run = _locked(c, connection_id)
        if run is not None and (run.cursor or {}).get("held") != code:
            runs.change(c, run.id, kit.now(), cursor={**(run.cursor or {}), "held": code})

    kit.store.write_retrying(in_one_transaction)


def look(kit: Kit, connection_id: str) -> bool:
    """Count what an unfinished first sync has left, and end it when that is nothing. Returns whether it
    ended. Whoever failed for an outage that outlasted the attempts is sent round again. Safe to repeat.
    Raises StoreDown."""
    now = kit.now()
    with kit.store.read() as c:
        run = runs.unfinished(c, connection_id, RunKind.SYNC)
        cursor: Mapping[str, Any] = (run.cursor or {}) if run else {}
        if run is None or not cursor.get("read"):
            return False
        samples = cursor.get("samples", [])
        if samples and now - datetime.fromisoformat(samples[-1][0]) < SAMPLE_EVERY:
            left = int(members_left.is_left_to_send(c, connection_id, now, OUTAGES))
            if left:
                return False
        left = members_left.left_to_send(c, connection_id, now, OUTAGES)
        why = members_left.waits_for(c, connection_id, now, OUTAGES) if left else None
    if left:
        kit.store.write_retrying(lambda c: _sample(c, connection_id, left, why, now))
        return False
    return kit.store.write_retrying(lambda c: _end(c, connection_id, now))


def stop(c: Connection, connection_id: str, how: RunState, now: datetime, **why: str | None) -> bool:
    """End the unfinished first sync before its time, as cancelled or failed (`code` and `detail` say why).
    What it did stays in its numbers. Returns whether there was one. Safe to repeat."""
    run = _locked(c, connection_id)
    if run is None:
        return False
    what = {**run.what, **_standing(c, connection_id)}
    return runs.end(c, run.id, how, now, what=what, code=why.get("code"), detail=why.get("detail"))


def _locked(c: Connection, connection_id: str) -> RunRow | None:
    run = runs.unfinished(c, connection_id, RunKind.SYNC)
    run = None if run is None else runs.lock(c, run.id)
    return run if run is not None and run.finished_at is None else None


def _added(what: Mapping[str, Any], added: Mapping[str, int]) -> dict[str, Any]:
    return dict(Counter({k: v for k, v in what.items() if isinstance(v, int)}) + Counter(added)) | {
        k: v for k, v in what.items() if not isinstance(v, int)
    }


def _sample(c: Connection, connection_id: str, left: int, why: str | None, now: datetime) -> None:
    run = _locked(c, connection_id)
    if run is None:
        return
    total = max(run.total, left)
    done = total - left
    cursor = dict(run.cursor or {})
    cursor |= {"samples": sampled(cursor.get("samples", []), done, now), "held": why}
    runs.change(c, run.id, now, done=done, total=total, cursor=cursor)


def _end(c: Connection, connection_id: str, now: datetime) -> bool:
    if members.try_again(c, connection_id, now, limit=AGAIN_AT_ONCE, reasons=OUTAGES):
        return False  # members come before connections in the order of the locks
    row = connections.lock(c, connection_id)
    run = _locked(c, connection_id)
    if row is None or run is None or row.state != ConnectionState.IMPORTING:
        return False  # paused, or waiting for somebody: it ends when it has gone on
    if members_left.is_left_to_send(c, connection_id, now, OUTAGES):
        return False
    what = {**run.what, **_standing(c, connection_id)}
    runs.end(c, run.id, RunState.DONE, now, phase=Phase.DONE, done=run.total, what=what)
    connections.set_state(c, connection_id, ConnectionState.IN_SYNC, now)
    say(logger, logging.INFO, "first sync done", connection=connection_id, run=run.id, **_plain(what))
    return True


def _standing(c: Connection, connection_id: str) -> dict[str, int]:
    counts = members.counts(c, connection_id)
    return {"left_alone": counts[MemberState.EXCLUDED], "failing": counts[MemberState.FAILING]}


def _plain(what: Mapping[str, Any]) -> dict[str, int]:
    return {name: value for name, value in what.items() if isinstance(value, int)}
