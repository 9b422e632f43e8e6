"""Looking members up, and holding them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, func, or_, select

from processor.domain.contact import MemberStatus
from processor.domain.plan import MemberState
from processor.domain.word import Word
from processor.store import due
from processor.store.causes import HAS_A_CAUSE
from processor.store.members_rows import COLUMNS, MemberRow, member, word_from_json
from processor.store.sql import pieces
from processor.store.tables import members

_NOT_LIVE = (*due.RESTING, *due.ENDED)


def get(c: Connection, member_row_id: int) -> MemberRow | None:
    """Return the row with this number, or None."""
    row = c.execute(select(*COLUMNS).where(members.c.id == member_row_id)).one_or_none()
    return None if row is None else member(row)


def get_many(c: Connection, row_ids: Collection[int]) -> list[MemberRow]:
    """Return the rows with these numbers, by number, not held; one that is not there is absent."""
    found: list[MemberRow] = []
    for piece in pieces(sorted(set(row_ids))):
        query = select(*COLUMNS).where(members.c.id.in_(piece)).order_by(members.c.id)
        found += [member(row) for row in c.execute(query)]
    return found


def unchanged_since(
    c: Connection, connection_id: str, since: datetime, *, after_id: int, limit: int
) -> list[int]:
    """Return the numbers of up to `limit` members whom Mailchimp had, and whose rows were not written since
    that time, ascending."""
    query = select(members.c.id).where(
        members.c.connection_id == connection_id,
        members.c.id > after_id,
        members.c.member_id.is_not(None),
        members.c.status != MemberStatus.DELETED,
        members.c.updated_at < since,
    )
    return list(c.scalars(query.order_by(members.c.id).limit(limit)))


def by_views(
    c: Connection,
    connection_id: str,
    *,
    mailchimp_contact_ids: Collection[str] = (),
    member_ids: Collection[str] = (),
    email_keys: Collection[str] = (),
) -> list[MemberRow]:
    """Return the rows that any of these may mean, by id, each once.

    Which of them a view does mean is the caller's to decide: Mailchimp's contact id stays over a change of
    address, the other two do not (facts.md 4.1).
    """
    found: dict[int, MemberRow] = {}
    for column, values in (
        (members.c.mailchimp_contact_id, mailchimp_contact_ids),
        (members.c.member_id, member_ids),
        (members.c.email_key, email_keys),
    ):
        for piece in pieces(sorted(set(values))):
            query = select(*COLUMNS).where(members.c.connection_id == connection_id, column.in_(piece))
            found.update({row.id: member(row) for row in c.execute(query)})
    return [found[row_id] for row_id in sorted(found)]


def links(
    c: Connection,
    connection_id: str,
    *,
    mailchimp_contact_ids: Collection[str] = (),
    member_ids: Collection[str] = (),
    email_keys: Collection[str] = (),
    row_ids: Collection[int] = (),
) -> dict[int, str | None]:
    """Return the numbers of the rows that any of these may mean, with the contacts that they are linked
    with: `by_views` for whoever locks and reads them next."""
    found: dict[int, str | None] = {}
    named: tuple[tuple[Column[Any], Collection[Any]], ...] = (
        (members.c.mailchimp_contact_id, mailchimp_contact_ids),
        (members.c.member_id, member_ids),
        (members.c.email_key, email_keys),
        (members.c.id, row_ids),
    )
    for column, values in named:
        for piece in pieces(sorted(set(values))):
            query = select(members.c.id, members.c.contact_id)
            query = query.where(members.c.connection_id == connection_id, column.in_(piece))
            found.update({row.id: row.contact_id for row in c.execute(query)})
    return found


def rows_of_contacts(
    c: Connection, connection_id: str, contact_ids: Collection[str]
) -> dict[str, tuple[int, bool]]:
    """Return, by contact id, the number of its row in one audience, and whether a member was seen for it."""
    found: dict[str, tuple[int, bool]] = {}
    was_seen = or_(members.c.member_id.is_not(None), members.c.mailchimp_contact_id.is_not(None))
    for piece in pieces(sorted(set(contact_ids))):
        query = select(members.c.contact_id, members.c.id, was_seen.label("was_seen"))
        query = query.where(members.c.connection_id == connection_id, members.c.contact_id.in_(piece))
        found.update({row.contact_id: (row.id, bool(row.was_seen)) for row in c.execute(query)})
    return found


def by_contact_ids(c: Connection, connection_id: str, contact_ids: Collection[str]) -> dict[str, MemberRow]:
    """Return the rows of these contacts in one audience, by contact id; absent where there is none."""
    found: dict[str, MemberRow] = {}
    for piece in pieces(sorted(set(contact_ids))):
        query = select(*COLUMNS).where(
            members.c.connection_id == connection_id, members.c.contact_id.in_(piece)
        )
        found.update({row.contact_id: member(row) for row in c.execute(query)})
    return found


def words_of(
    c: Connection, connection_ids: Collection[str], contact_ids: Collection[str]
) -> dict[str, list[Word]]:
    """Return what the records of these audiences said of these contacts, by contact id."""
    found: dict[str, list[Word]] = {}
    for piece in pieces(sorted(set(contact_ids))) if connection_ids else ():
        query = select(members.c.contact_id, members.c.word).where(
            members.c.connection_id.in_(sorted(connection_ids)),
            members.c.contact_id.in_(piece),
            members.c.word.is_not(None),
        )
        for row in c.execute(query):
            word = word_from_json(row.word)
            if word is not None:
                found.setdefault(row.contact_id, []).append(word)
    return found


def lock(c: Connection, row_ids: Collection[int], *, hold: bool = True) -> dict[int, MemberRow]:
    """Return the rows by number, and keep others from changing them until the commit; not, where they are
    only read (`hold`).

    Second in the lock order (see `processor.store`). A number that is not there is absent.
    """
    found: dict[int, MemberRow] = {}
    for piece in pieces(sorted(set(row_ids))):
        query = select(*COLUMNS).where(members.c.id.in_(piece)).order_by(members.c.id)
        found.update({row.id: member(row) for row in c.execute(query.with_for_update() if hold else query)})
    return found


def counts(c: Connection, connection_id: str) -> dict[MemberState, int]:
    """Return how many members are in each state (each is there, with 0 too)."""
    query = select(members.c.state, func.count()).where(members.c.connection_id == connection_id)
    found = {MemberState(state): number for state, number in c.execute(query.group_by(members.c.state))}
    return {state: found.get(state, 0) for state in MemberState}


def reasons(c: Connection, connection_id: str) -> dict[tuple[MemberState, str], int]:
    """Return how many members are in each state for each reason; members without a reason are left out."""
    query = (
        select(members.c.state, members.c.reason, func.count())
        .where(members.c.connection_id == connection_id, members.c.reason.is_not(None))
        .group_by(members.c.state, members.c.reason)
    )
    return {(MemberState(state), reason): number for state, reason, number in c.execute(query)}


def find(
    c: Connection,
    connection_id: str,
    *,
    limit: int,
    states: Collection[MemberState] | None = None,
    reason: str | None = None,
    field: str | None = None,
    after_id: int | None = None,
) -> list[MemberRow]:
    """Return up to `limit` members in the order of their numbers; for the next page give the last one's.

    With `field` those who fail of something about it, or, with "", about no field.
    """
    chosen: list[ColumnElement[bool]] = [members.c.connection_id == connection_id]
    if states is not None:
        chosen.append(members.c.state.in_(states))
    if reason is not None:
        chosen.append(members.c.reason == reason)
    if field is not None:
        # Said so that both databases take the index that holds only who fails.
        chosen += [HAS_A_CAUSE, members.c.field == field if field else members.c.field.is_(None)]
    if after_id is not None:
        chosen.append(members.c.id > after_id)
    query = select(*COLUMNS).where(*chosen).order_by(members.c.id).limit(limit)
    return [member(row) for row in c.execute(query)]


def due_connections(c: Connection, now: datetime, limit: int) -> list[str]:
    """Return the live connections that have members to look at now, the one with the oldest first.

    Call `expire` before, so that what a dead worker held is among it.
    """
    return [row[0] for row in due.due_connections(c, members, now, limit, _NOT_LIVE)]


def due_soon(c: Connection, now: datetime, until: datetime, limit: int) -> list[tuple[str, datetime]]:
    """Return (connection, when) of the live connections whose first member is due later than now, and no
    later than `until`; the soonest first."""
    found = due.due_connections(c, members, until, limit, _NOT_LIVE)
    return [(connection_id, due_at) for connection_id, due_at in found if due_at > now]


def oldest_due(c: Connection, now: datetime, connection_id: str | None = None) -> datetime | None:
    """Return since when the member that has waited longest is due, or None when none is due.

    Of one connection, or of all that are live.
    """
    if connection_id is None:
        return next((row[1] for row in due.due_connections(c, members, now, 1, _NOT_LIVE)), None)
    query = select(func.min(members.c.due_at)).where(
        members.c.connection_id == connection_id, members.c.due_at <= now
    )
    found: datetime | None = c.scalar(query)
    return found
