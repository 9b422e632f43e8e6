"""Calls to Mailchimp: the last ones in full, all of them in numbers. Neither holds an address or a secret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from sqlalchemy import Connection, delete, func, insert, select

from processor.store.sql import insert_into, pieces
from processor.store.tables_ops import call_counts, calls

KEPT = timedelta(days=7)
MINUTES_KEPT = timedelta(hours=2)
AT_ONCE = 5_000
"""Calls deleted in one transaction; the next time takes more."""


@dataclass(frozen=True, slots=True)
class CallRow:
    """One call: when it began, what was asked with names in place of ids, and what came of it. `status` is
    None without an answer, `code` is "" for success, `work` names what it was made for."""

    connection_id: str
    work: str | None
    at: datetime
    method: str
    path: str
    status: int | None
    milliseconds: int
    code: str
    instance: str | None


@dataclass(frozen=True, slots=True)
class Tally:
    """How many calls of a connection got this class of answer in one minute, and how long they took
    together; for the connection "" and the minute EVER, all there ever were."""

    connection_id: str
    minute: datetime
    answer: str
    calls: int
    seconds: float

    EVER: ClassVar[datetime] = datetime(1970, 1, 1, tzinfo=UTC)


def keep(c: Connection, rows: Sequence[CallRow]) -> None:
    """Keep these calls. Not safe to repeat: they would be there twice."""
    for piece in pieces(rows):
        c.execute(insert(calls), [{n: getattr(r, n) for n in CallRow.__dataclass_fields__} for r in piece])


def count(c: Connection, tallies: Sequence[Tally]) -> None:
    """Add these to what was counted. In the order of their keys, so that processes do not wait in a ring. Not
    safe to repeat."""
    for one in sorted(tallies, key=lambda t: (t.connection_id, t.minute, t.answer)):
        fresh = insert_into(c, call_counts).values(
            connection_id=one.connection_id,
            minute=one.minute,
            answer=one.answer,
            calls=one.calls,
            seconds=one.seconds,
        )
        c.execute(
            fresh.on_conflict_do_update(
                index_elements=["connection_id", "minute", "answer"],
                set_={
                    "calls": call_counts.c.calls + fresh.excluded.calls,
                    "seconds": call_counts.c.seconds + fresh.excluded.seconds,
                },
            )
        )


def of_work(c: Connection, work: str, limit: int) -> list[CallRow]:
    """Return the first calls that were made for a piece of work, oldest first."""
    return _rows(c, select(*_COLUMNS).where(calls.c.work == work).order_by(calls.c.id).limit(limit))


def newest(c: Connection, connection_id: str, limit: int) -> list[CallRow]:
    """Return a connection's last calls, newest first."""
    mine = select(*_COLUMNS).where(calls.c.connection_id == connection_id)
    return _rows(c, mine.order_by(calls.c.id.desc()).limit(limit))


def ever(c: Connection) -> dict[str, tuple[int, float]]:
    """Return (how many, seconds) of all calls that there ever were, by class of answer."""
    query = select(call_counts.c.answer, call_counts.c.calls, call_counts.c.seconds)
    found = c.execute(query.where(call_counts.c.connection_id == ""))
    return {answer: (number, seconds) for answer, number, seconds in found}


def since(c: Connection, moment: datetime, connection_id: str | None = None) -> dict[str, int]:
    """Return how many calls there were in the minutes since then, by class of answer: of one connection, or
    of all."""
    query = select(call_counts.c.answer, func.sum(call_counts.c.calls)).group_by(call_counts.c.answer)
    of = call_counts.c.connection_id
    query = query.where(of != "" if connection_id is None else of == connection_id)
    return {answer: int(number) for answer, number in c.execute(query.where(call_counts.c.minute >= moment))}


def forget_old(c: Connection, now: datetime, most: int) -> int:
    """Delete calls above `most` and such as are too old, some at a time; return how many. Safe to repeat."""
    c.execute(
        delete(call_counts).where(
            call_counts.c.minute < now - MINUTES_KEPT, call_counts.c.connection_id != ""
        )
    )
    newest_id = c.scalar(select(func.max(calls.c.id))) or 0
    old = select(calls.c.id).where((calls.c.id <= newest_id - most) | (calls.c.at < now - KEPT))
    ids = list(c.scalars(old.order_by(calls.c.id).limit(AT_ONCE)))
    for piece in pieces(ids):
        c.execute(delete(calls).where(calls.c.id.in_(piece)))
    return len(ids)


def forget_connection(c: Connection, connection_id: str) -> None:
    """Delete what is kept of a connection's calls; the sums stay. Safe to repeat."""
    c.execute(delete(calls).where(calls.c.connection_id == connection_id))
    c.execute(delete(call_counts).where(call_counts.c.connection_id == connection_id))


_COLUMNS = [calls.c[name] for name in CallRow.__dataclass_fields__]


def _rows(c: Connection, query: object) -> list[CallRow]:
    return [CallRow(*row) for row in c.execute(query)]  # type: ignore[call-overload]
