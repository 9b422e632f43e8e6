"""Writing down what became of claimed events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from processor.domain.event import EventStatus, may_become
from processor.errors import IllegalTransition
from processor.store import reviews
from processor.store.inbox_rows import AttemptOutcome, Settled
from processor.store.sql import pieces
from processor.store.tables import attempts, events

_FAILURES = frozenset({EventStatus.RETRYING, EventStatus.DEAD})

_SETTLE = (
    update(events)
    .where(events.c.id == bindparam("row_id"))
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in (
                "status",
                "type",
                "subject",
                "fired_at",
                "code",
                "detail",
                "instance",
                "outcome",
                "due_at",
                "settled_at",
                "work",
            )
        }
        # It went through an attempt without taking its process down: no longer a suspect.
        | {"claim": None, "claimed_by": None, "crashes": 0}
    )
)


def settle(c: Connection, outcomes: Sequence[Settled], now: datetime) -> int:
    """Write down what became of claimed events; return how many were still ours to settle.

    An event whose claim was lost meanwhile (its lease ran out and another holds it) is left alone, and is
    no error. Failures become lines of the event's history, and so does a success after them. Raises
    IllegalTransition, before anything is written, for a status that `processing` may not become;
    ValueError for `retrying` without a time.
    """
    for outcome in outcomes:
        _check(outcome)
    mine: list[tuple[Settled, Any]] = []
    for piece in pieces(sorted(outcomes, key=lambda o: o.id)):
        held = _held(c, piece)
        mine += [(o, held[o.id, o.claim]) for o in piece if (o.id, o.claim) in held]
    if not mine:
        return 0
    c.execute(_SETTLE, [_values(outcome, now) for outcome, _ in mine])
    lines = _history(c, mine, now)
    if lines:
        c.execute(insert(attempts), lines)
    reviews.mark(c, {row.connection_id for o, row in mine if o.status is EventStatus.DEAD}, now)
    return len(mine)


def _check(outcome: Settled) -> None:
    if not may_become(EventStatus.PROCESSING, outcome.status):
        raise IllegalTransition(f"an event in processing may not become {outcome.status}")
    if outcome.status is EventStatus.RETRYING and outcome.due_at is None:
        raise ValueError("an event that is tried again needs a time")


def _held(c: Connection, piece: Sequence[Settled]) -> dict[tuple[int, str], Any]:
    rows = c.execute(
        select(events.c.id, events.c.claim, events.c.attempts, events.c.claimed_by, events.c.connection_id)
        .where(
            events.c.id.in_([o.id for o in piece]),
            events.c.claim.in_({o.claim for o in piece}),
            events.c.status == EventStatus.PROCESSING,
        )
        .order_by(events.c.id)
        .with_for_update()
    )
    return {(row.id, row.claim): row for row in rows}


def _values(outcome: Settled, now: datetime) -> dict[str, Any]:
    ends = outcome.status not in {EventStatus.RETRYING, EventStatus.RECEIVED}
    return {
        "row_id": outcome.id,
        "new_status": outcome.status,
        "new_type": outcome.type,
        "new_subject": outcome.subject,
        "new_fired_at": outcome.fired_at,
        "new_code": outcome.code,
        "new_detail": outcome.detail,
        "new_instance": outcome.instance,
        "new_outcome": outcome.outcome,
        "new_due_at": None if ends else outcome.due_at or now,
        "new_settled_at": now if ends else None,
        "new_work": outcome.work,
    }


def _history(c: Connection, mine: Sequence[tuple[Settled, Any]], now: datetime) -> list[dict[str, Any]]:
    succeeded = [o.id for o, _ in mine if o.status in {EventStatus.APPLIED, EventStatus.SKIPPED}]
    told: set[int] = set()
    for piece in pieces(succeeded):
        told.update(c.scalars(select(attempts.c.event_id).where(attempts.c.event_id.in_(piece))))
    return [
        {
            "event_id": outcome.id,
            "n": row.attempts,
            "at": now,
            "worker": row.claimed_by,
            "outcome": AttemptOutcome(outcome.status.value),
            "code": outcome.code,
            "detail": outcome.detail,
            "instance": outcome.instance,
        }
        for outcome, row in mine
        if outcome.status in _FAILURES or outcome.id in told
    ]
