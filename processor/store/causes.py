"""What fails on a connection now, counted by cause. One question over an index that holds only who fails."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import cast

from sqlalchemy import ColumnElement, Connection, func, select, text

from processor.domain.event import EventStatus
from processor.domain.issue import MOST_OF_A_CONNECTION, Cause, IssueKind
from processor.domain.plan import MemberState
from processor.store.tables import events, members

# Literal, so that both databases know that the partial index has all of it.
HAS_A_CAUSE = cast("ColumnElement[bool]", text("members.reason IS NOT NULL AND members.state <> 'excluded'"))
_DEAD = cast("ColumnElement[bool]", text("events.status = 'dead'"))


def of_contacts(c: Connection, connection_id: str, outages: Collection[str], tried: int) -> list[Cause]:
    """Return the causes for which contacts fail or are tried again, those of the most contacts first.

    Who waits for an outage to end never counts as failing by their state; here they do, once one of them was
    tried `tried` times.
    """
    query = (
        select(members.c.reason, members.c.field, members.c.state, func.count())
        .where(members.c.connection_id == connection_id, HAS_A_CAUSE)
        .group_by(members.c.reason, members.c.field, members.c.state)
    )
    counted: dict[tuple[str, str], list[int]] = {}
    for reason, field, state, number in c.execute(query):
        pair = counted.setdefault((reason, field or ""), [0, 0])
        pair[0 if state == MemberState.FAILING else 1] += int(number)
    found = [Cause(IssueKind.CONTACTS, *key, failing, trying) for key, (failing, trying) in counted.items()]
    for n, cause in enumerate(found):
        if cause.code in outages and _lasts(c, connection_id, cause.code, tried):
            found[n] = Cause(cause.kind, cause.code, cause.about, cause.failing + cause.trying)
    return sorted(found, key=lambda one: (-one.failing - one.trying, one.key))[:MOST_OF_A_CONNECTION]


def _lasts(c: Connection, connection_id: str, code: str, tried: int) -> bool:
    query = select(func.max(members.c.attempts)).where(*_of(connection_id, code))
    return int(c.scalar(query) or 0) >= tried


def _of(connection_id: str, code: str) -> list[ColumnElement[bool]]:
    return [members.c.connection_id == connection_id, HAS_A_CAUSE, members.c.reason == code]


def of_deliveries(c: Connection, connection_id: str, since: datetime | None) -> list[Cause]:
    """Return the codes of which deliveries are dead. A comparison of everybody makes up for those that were
    settled before it (`since`), but not for one that nobody could read."""
    query = (
        select(events.c.code, func.count())
        .where(events.c.connection_id == connection_id, _DEAD, events.c.code.is_not(None))
        .group_by(events.c.code)
    )
    if since is not None:
        query = query.where((events.c.settled_at > since) | (events.c.code == "event_not_understood"))
    return [Cause(IssueKind.DELIVERIES, code, "", int(number)) for code, number in c.execute(query)]


def example(c: Connection, connection_id: str, code: str, field: str) -> int | None:
    """Return the number of the first member who fails for this cause, else of the first who is tried again
    for it, or None."""
    about = members.c.field == field if field else members.c.field.is_(None)
    for state in (MemberState.FAILING, MemberState.WAITING):
        query = select(members.c.id).where(*_of(connection_id, code), about, members.c.state == state)
        found: int | None = c.scalar(query.order_by(members.c.id).limit(1))
        if found is not None:
            return found
    return None


def last_dead(c: Connection, connection_id: str, code: str) -> int | None:
    """Return the number of the newest delivery that is dead for this code, or None."""
    query = select(func.max(events.c.id)).where(
        events.c.connection_id == connection_id, events.c.code == code, events.c.status == EventStatus.DEAD
    )
    found: int | None = c.scalar(query)
    return found
