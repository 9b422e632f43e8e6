"""Who is left out of an audience by choice: by whom, and since when. The choice outlives the member's row,
which comes and goes with addresses."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, case, delete, func, literal, select, true, update

from processor.domain.plan import Exclusion, MemberState
from processor.store.sql import insert_into, pieces
from processor.store.tables import connections, left_out, members

BY_CHOICE = Exclusion.BY_CHOICE.value
_FREE = members.c.claim.is_(None)


@dataclass(frozen=True, slots=True)
class Choice:
    """Who left a contact out, and when."""

    by: str
    at: datetime


def choose(c: Connection, connection_id: str, contact_ids: Collection[str], by: str, now: datetime) -> int:
    """Leave these contacts out; return how many were not yet. Their rows stop failing and waiting for another
    try. The caller holds the contacts; the rows are locked in the order of their ids. Safe to repeat: who
    chose first stays."""
    new: list[str] = []
    for piece in pieces(sorted(set(contact_ids))):
        rows = [{"connection_id": connection_id, "contact_id": one, "by": by, "at": now} for one in piece]
        query = insert_into(c, left_out).on_conflict_do_nothing().returning(left_out.c.contact_id)
        new += c.scalars(query, rows).all()
        # What is due goes on being due: somebody may be on their way to unsubscribe. One that a worker holds
        # is looked at once more, whatever comes of this try.
        _write_rows(
            c,
            connection_id,
            piece,
            {
                "state": MemberState.EXCLUDED,
                "reason": BY_CHOICE,
                "field": None,
                "detail": None,
                "instance": None,
                "again": case((_FREE, members.c.again), else_=true()),
                "updated_at": now,
            },
        )
    return len(new)


def take_back(c: Connection, connection_id: str, contact_ids: Collection[str], now: datetime) -> int:
    """Keep these contacts in step again; return how many were left out. They are due now, and compared with
    what both sides last agreed on. The caller holds the contacts. Safe to repeat."""
    back: list[str] = []
    for piece in pieces(sorted(set(contact_ids))):
        mine = (left_out.c.connection_id == connection_id, left_out.c.contact_id.in_(piece))
        back += c.scalars(delete(left_out).where(*mine).returning(left_out.c.contact_id)).all()
    for piece in pieces(sorted(back)):
        _write_rows(
            c,
            connection_id,
            piece,
            {
                "state": MemberState.WAITING,
                "reason": None,
                "pushed_version": None,
                "due_at": case((_FREE, literal(now, members.c.due_at.type)), else_=members.c.due_at),
                "attempts": case((_FREE, 0), else_=members.c.attempts),
                "again": case((_FREE, members.c.again), else_=true()),
                "updated_at": now,
            },
        )
    return len(back)


def _write_rows(
    c: Connection, connection_id: str, contact_ids: Collection[str], values: Mapping[str, Any]
) -> None:
    query = select(members.c.id).where(
        members.c.connection_id == connection_id, members.c.contact_id.in_(contact_ids)
    )
    ids = c.scalars(query.order_by(members.c.id).with_for_update()).all()
    c.execute(update(members).where(members.c.id.in_(ids)).values(dict(values)))


def of_contacts(c: Connection, connection_id: str, contact_ids: Collection[str]) -> dict[str, Choice]:
    """Return which of these contacts are left out, by their ids."""
    found: dict[str, Choice] = {}
    for piece in pieces(sorted(set(contact_ids))):
        query = select(left_out.c.contact_id, left_out.c.by, left_out.c.at).where(
            left_out.c.connection_id == connection_id, left_out.c.contact_id.in_(piece)
        )
        found.update({row.contact_id: Choice(row.by, row.at) for row in c.execute(query)})
    return found


def count(c: Connection, connection_id: str) -> int:
    """Return how many are left out of the connection's audience by choice."""
    query = select(func.count()).select_from(left_out).where(left_out.c.connection_id == connection_id)
    return c.execute(query).scalar_one()


def rename(c: Connection, of_account: Select[tuple[str]], old: str, new: str) -> None:
    """Follow a contact that got another id, in these connections."""
    mine = (left_out.c.contact_id == old, left_out.c.connection_id.in_(of_account))
    c.execute(update(left_out).where(*mine).values(contact_id=new))


def forget(c: Connection, account_id: str, contact_ids: Collection[str]) -> int:
    """Take away that these contacts were left out anywhere; return how often they were."""
    of_account = select(connections.c.id).where(connections.c.account_id == account_id)
    mine = (left_out.c.contact_id.in_(sorted(contact_ids)), left_out.c.connection_id.in_(of_account))
    return c.execute(delete(left_out).where(*mine)).rowcount
