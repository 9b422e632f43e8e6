"""What of a first sync is still to be sent, and who has not been looked at at all."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, literal, or_, select

from processor.domain.contact import MemberStatus
from processor.domain.plan import MemberState
from processor.store.sql import insert_into
from processor.store.tables import contacts, members

_MAILED = (MemberStatus.SUBSCRIBED, MemberStatus.PENDING, MemberStatus.TRANSACTIONAL)


def _left(connection_id: str, now: datetime, outages: Collection[str]) -> list[ColumnElement[bool]]:
    by_an_outage = members.c.reason.in_(sorted(outages))
    never_sent = and_(
        members.c.pushed_version.is_(None),
        or_(members.c.reason.is_(None), members.c.claim.is_not(None), members.c.due_at <= now),
    )
    return [
        members.c.connection_id == connection_id,
        members.c.due_at.is_not(None),
        or_(by_an_outage, never_sent),
    ]


def left_to_send(c: Connection, connection_id: str, now: datetime, outages: Collection[str]) -> int:
    """Return how many members are still to be looked at or sent: those that no push has settled, and those
    that wait for Mailchimp to answer again (`outages` are the codes of that). Who waits for a cause of their
    own was tried, and is not among them. Costs what is due."""
    query = select(func.count()).select_from(members).where(*_left(connection_id, now, outages))
    return c.execute(query).scalar_one()


def is_left_to_send(c: Connection, connection_id: str, now: datetime, outages: Collection[str]) -> bool:
    """Whether there is any of `left_to_send`."""
    query: Select[Any] = select(exists().where(*_left(connection_id, now, outages)))
    return bool(c.execute(query).scalar_one())


def waits_for(c: Connection, connection_id: str, now: datetime, outages: Collection[str]) -> str | None:
    """Return the outage for which members wait, where nobody can be sent before it is over; None where
    somebody is due or under way."""
    query = select(members.c.reason).where(*_left(connection_id, now, outages))
    reason: str | None = c.scalar(query.order_by(members.c.due_at).limit(1))
    return reason if reason in outages else None


def bring_in(
    c: Connection, connection_id: str, account_id: str, after_id: str | None, now: datetime, *, limit: int
) -> tuple[str | None, int]:
    """Make the next `limit` contacts after this one due where no member is linked with them yet. Returns the
    last contact that was looked at (None when there are no more), and how many were made due.

    One that another worker brings in meanwhile is left to them. Safe to repeat.
    """
    mine: list[ColumnElement[bool]] = [contacts.c.account_id == account_id, contacts.c.deleted_at.is_(None)]
    if after_id is not None:
        mine.append(contacts.c.id > after_id)
    chosen = select(contacts.c.id).where(*mine).order_by(contacts.c.id).limit(limit).subquery()
    number, last = c.execute(select(func.count(), func.max(chosen.c.id))).one()
    if not number:
        return None, 0
    linked = exists().where(members.c.connection_id == connection_id, members.c.contact_id == contacts.c.id)
    new = (
        select(
            literal(connection_id),
            contacts.c.id,
            literal(MemberState.WAITING.value),
            literal(now, members.c.due_at.type),
            literal(now, members.c.updated_at.type),
        )
        .where(*mine, contacts.c.id <= last, ~linked)
        .order_by(contacts.c.id)
    )
    columns = ["connection_id", "contact_id", "state", "due_at", "updated_at"]
    query = insert_into(c, members).from_select(columns, new).on_conflict_do_nothing()
    made = c.execute(query).rowcount
    return (last if number == limit else None), made


def mailed(c: Connection, connection_id: str) -> int:
    """Return how many members the audience has who did not leave, as they were last seen."""
    query = (
        select(func.count())
        .select_from(members)
        .where(members.c.connection_id == connection_id, members.c.status.in_(_MAILED))
    )
    return c.execute(query).scalar_one()


def _leaving(connection_id: str) -> list[ColumnElement[bool]]:
    return [
        members.c.connection_id == connection_id,
        members.c.due_at.is_not(None),
        members.c.urgent,
        members.c.status.in_(_MAILED),
    ]


def leaving(c: Connection, connection_id: str) -> int:
    """Return how many members wait to be unsubscribed or archived there, those under way too."""
    return c.execute(select(func.count()).select_from(members).where(*_leaving(connection_id))).scalar_one()


def leaving_deleted(c: Connection, connection_id: str, account_id: str) -> int:
    """Return how many of those who wait to leave are contacts that the platform deleted: to be archived."""
    query = (
        select(func.count())
        .select_from(members.join(contacts, contacts.c.id == members.c.contact_id))
        .where(
            contacts.c.account_id == account_id,
            contacts.c.deleted_at.is_not(None),
            *_leaving(connection_id),
        )
    )
    return c.execute(query).scalar_one()
