"""Mails on their way: written in the transaction of the news that they tell, so that no crash loses one.

One mail for each reader gathers what comes within some minutes. When it is claimed for the first time it is
closed: what comes afterwards is gathered in the next one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, case, delete, func, insert, literal, select, update

from processor.domain.outgoing import GIVE_UP_AFTER
from processor.store.ids import new_id
from processor.store.inbox_claim import new_claim
from processor.store.tables import mails

BY_MAIL = "mails"
"""The lane of what goes by mail."""
_NOBODY = {"claim": None, "claimed_by": None}
_FEWER = case((mails.c.attempts > 0, mails.c.attempts - 1), else_=0)


class MailState(StrEnum):
    """How far a mail is."""

    WAITING = "waiting"
    SENT = "sent"
    DROPPED = "dropped"
    """What it was to tell was over before it was sent."""
    DEAD = "dead"
    """Not tried again by itself."""


@dataclass(frozen=True, slots=True)
class MailRow:
    """One mail. `account_id` None is for the operator's; `connection_id` is set for those whom only that
    connection has for readers, `channel` where the operator is told by one and not by mail; `address` may be
    several, with a comma between them. `items` are `{"issue", "news"}`, and once it is closed what is said of
    each; none for a test. `reason` is why the last attempt failed, or whom the server refused beside
    others."""

    id: int
    ref: str
    account_id: str | None
    connection_id: str | None
    channel: str | None
    about: str | None
    items: Sequence[Mapping[str, Any]]
    address: str | None
    subject: str | None
    state: MailState
    reason: str | None
    attempts: int
    due_at: datetime | None
    give_up_at: datetime | None
    claim: str | None
    created_at: datetime
    settled_at: datetime | None


_COLUMNS = [mails.c[name] for name in MailRow.__dataclass_fields__]


@dataclass(frozen=True, slots=True)
class Reader:
    """Whom a mail is for: an account's customer, the readers of one connection of it, or without an account
    the operator, by mail or by a channel."""

    account_id: str | None = None
    connection_id: str | None = None
    channel: str | None = None

    @property
    def about(self) -> str:
        """What news for them are gathered under."""
        if self.connection_id:
            return f"connection:{self.connection_id}"
        if self.account_id:
            return f"account:{self.account_id}"
        return f"operator:{self.channel}" if self.channel else "operator"


def gather(
    c: Connection, reader: Reader, items: Sequence[Mapping[str, Any]], now: datetime, due_at: datetime
) -> None:
    """Put news into the reader's next mail, which goes at the earliest time that any of them asked for.

    Last in the lock order. Raises Conflict where another begins the same mail now: do it again.
    """
    query = select(mails.c.id, mails.c["items"], mails.c.due_at).where(mails.c.about == reader.about)
    row = c.execute(query.with_for_update()).one_or_none()
    if row is None:
        _insert(c, reader, items, now, due_at, reader.about)
        return
    values = {"items": [*row[1], *items], "due_at": min(row.due_at, due_at)}
    c.execute(update(mails).where(mails.c.id == row.id).values(values))


def write_test(c: Connection, reader: Reader, now: datetime) -> str:
    """Write a test mail, due now; return its id."""
    return _insert(c, reader, [], now, now, None)


def _insert(
    c: Connection,
    reader: Reader,
    items: Sequence[Mapping[str, Any]],
    now: datetime,
    due_at: datetime,
    about: str | None,
) -> str:
    ref = new_id("mail")
    whose = {name: getattr(reader, name) for name in Reader.__dataclass_fields__}
    values = {"ref": ref, **whose, "about": about, "items": list(items), "created_at": now}
    c.execute(insert(mails).values(**values, state=MailState.WAITING, due_at=due_at))
    return ref


def due_lanes(c: Connection, now: datetime) -> list[str]:
    """Return by which ways something is to be sent now: BY_MAIL, and the names of channels."""
    query = select(mails.c.channel).where(mails.c.due_at <= now).distinct()
    return sorted(channel or BY_MAIL for channel in c.scalars(query))


def claim(c: Connection, lane: str, *, now: datetime, lease_seconds: float, worker: str) -> MailRow | None:
    """Claim the mail of a lane (`due_lanes`) that is due longest, also one whose lease has run out, and close
    it; None for none. No two workers get the same one. The attempt is counted here."""
    due = (
        select(mails.c.id)
        .where(mails.c.due_at <= now, _of(lane))
        .order_by(mails.c.due_at, mails.c.id)
        .limit(1)
    )
    row_id = c.scalar(due.with_for_update(skip_locked=True))
    if row_id is None:
        return None
    end = literal(now + GIVE_UP_AFTER, mails.c.give_up_at.type)
    taken = c.execute(
        update(mails)
        .where(mails.c.id == row_id)
        .values(
            about=None,
            attempts=mails.c.attempts + 1,
            due_at=now + timedelta(seconds=lease_seconds),
            give_up_at=func.coalesce(mails.c.give_up_at, end),
            claim=new_claim(),
            claimed_by=worker,
        )
        .returning(*_COLUMNS)
    )
    return _mail(taken.one())


def close(
    c: Connection, held: MailRow, items: Sequence[Mapping[str, Any]], address: str, subject: str
) -> None:
    """Write what a claimed mail says, so that every attempt says the same. Safe to repeat."""
    query = update(mails).where(mails.c.id == held.id, mails.c.claim == held.claim)
    c.execute(query.values(items=list(items), address=address, subject=subject))


def settle(
    c: Connection,
    held: MailRow,
    now: datetime,
    *,
    state: MailState,
    due_at: datetime | None = None,
    reason: str | None = None,
) -> bool:
    """Write what an attempt came to and let the mail go; return whether it was still held.

    What is settled keeps which issues it was about, and no words about people. Safe to repeat.
    """
    done = state is not MailState.WAITING
    values: dict[str, Any] = {"state": state, "due_at": due_at, "reason": reason, **_NOBODY}
    if done:
        bare = [{name: one[name] for name in ("issue", "news")} for one in held.items]
        values |= {"settled_at": now, "items": bare}
    query = update(mails).where(mails.c.id == held.id, mails.c.claim == held.claim)
    return c.execute(query.values(**values)).rowcount == 1


def hasten(c: Connection, lane: str, now: datetime) -> int:
    """Make due now what waits in a lane because nobody answered there: somebody does. Returns how many."""
    waits = (_of(lane), mails.c.due_at > now, mails.c.claim.is_(None), mails.c.attempts > 0)
    return c.execute(update(mails).where(*waits).values(due_at=now)).rowcount


def _of(lane: str) -> ColumnElement[bool]:
    return mails.c.channel.is_(None) if lane == BY_MAIL else mails.c.channel == lane


def release(c: Connection, worker: str, now: datetime) -> int:
    """Hand back what `worker` holds, due at once; return how many. For one that stops. Safe to repeat."""
    query = update(mails).where(mails.c.claimed_by == worker)
    return c.execute(query.values(attempts=_FEWER, due_at=now, **_NOBODY)).rowcount


def take_over(c: Connection, living: Collection[str], now: datetime) -> int:
    """Let the leases run out of what no living worker holds; return how many. Safe to repeat."""
    held = (mails.c.claimed_by.is_not(None), mails.c.claimed_by.not_in(living), mails.c.due_at > now)
    ids = list(c.scalars(select(mails.c.id).where(*held).limit(5000).with_for_update(skip_locked=True)))
    return c.execute(update(mails).where(mails.c.id.in_(ids)).values(due_at=now)).rowcount if ids else 0


def get(c: Connection, ref: str) -> MailRow | None:
    """Return one mail by its id, or None."""
    row = c.execute(select(*_COLUMNS).where(mails.c.ref == ref)).one_or_none()
    return None if row is None else _mail(row)


def find(
    c: Connection,
    account_id: str | None,
    *,
    limit: int,
    before_id: int | None = None,
    everybodys: bool = False,
) -> list[MailRow]:
    """Return up to `limit` mails to an account (None: the operator), or to everybody, newest first."""
    query = select(*_COLUMNS).order_by(mails.c.id.desc()).limit(limit)
    if not everybodys:
        query = query.where(mails.c.account_id == account_id)
    if before_id is not None:
        query = query.where(mails.c.id < before_id)
    return [_mail(row) for row in c.execute(query)]


def forget_old(c: Connection, before: datetime, limit: int = 5000) -> int:
    """Delete up to `limit` mails that were settled before that time; return how many."""
    old = select(mails.c.id).where(mails.c.settled_at < before).order_by(mails.c.settled_at)
    ids = list(c.scalars(old.limit(limit)))
    return c.execute(delete(mails).where(mails.c.id.in_(ids))).rowcount if ids else 0


def _mail(row: Row[*tuple[Any, ...]]) -> MailRow:
    return MailRow(**{**row._mapping, "state": MailState(row.state)})
