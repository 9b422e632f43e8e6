"""Writing members: what both sides agree on, and what must be looked at."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import product
from typing import Any

from sqlalchemy import (
    Boolean,
    Connection,
    Update,
    and_,
    bindparam,
    case,
    delete,
    false,
    literal,
    null,
    or_,
    select,
    true,
    update,
)

from processor.domain.plan import MemberState
from processor.domain.way import OnItsWay
from processor.errors import Conflict
from processor.store.members_claim import BATCH
from processor.store.members_rows import DATA, QUEUE, MemberRow, columns, way_as_json
from processor.store.sql import insert_into, pieces
from processor.store.tables import members

_FREE = members.c.claim.is_(None)
_NEW_DUE = bindparam("new_due_at", type_=members.c.due_at.type)
_NEW_URGENT = bindparam("new_urgent", type_=Boolean())


@lru_cache(maxsize=256)
def _update(names: tuple[str, ...]) -> Update:
    return (
        update(members)
        .where(members.c.id == bindparam("row_id"))
        .values(
            {
                **{name: bindparam(f"new_{name}") for name in names},
                # While a worker holds the row, when it is looked at is that worker's: it can only be asked to
                # look again.
                "due_at": case((_FREE, _NEW_DUE), else_=members.c.due_at),
                "attempts": case((_FREE, bindparam("new_attempts")), else_=members.c.attempts),
                "crashes": case((_FREE, bindparam("new_crashes")), else_=members.c.crashes),
                "urgent": case((_FREE, _NEW_URGENT), else_=or_(members.c.urgent, _NEW_URGENT)),
                "again": case((and_(~_FREE, members.c.due_at > _NEW_DUE), true()), else_=members.c.again),
                "updated_at": bindparam("new_updated_at"),
            }
        )
    )


def insert_many(c: Connection, new: Sequence[MemberRow], now: datetime) -> None:
    """Write new rows; their `id` is given by the database.

    Raises Conflict when one of the contacts, on either side, has a row in that audience already: read
    again, reconcile again.
    """
    if not new:
        return
    names = ("connection_id", *DATA, *QUEUE)
    rows = [{**columns(row, names), "updated_at": now} for row in new]
    # Two that add the same must not cross.
    rows.sort(
        key=lambda row: (row["connection_id"], row["contact_id"] or "", row["mailchimp_contact_id"] or "")
    )
    query = insert_into(c, members).on_conflict_do_nothing().returning(members.c.id)
    if len(c.execute(query, rows).all()) < len(rows):
        raise Conflict("this member exists already")


def update_many(
    c: Connection, changed: Sequence[MemberRow], now: datetime, names: Collection[str] = DATA
) -> None:
    """Write whole rows over the old ones. The caller holds them by `lock` and has read them under it; where
    it knows that they differ in some of DATA only, it gives the `names` of those.

    Where a worker holds a row by a claim, the claim stays: a `due_at` before the end of its lease makes the
    row due once more when it is settled, and None leaves that as it is. Raises Conflict (at the latest at
    the end of the transaction) when a row takes an identity that another has. Safe to repeat.
    """
    if changed:
        written = tuple(name for name in DATA if name in names)
        rows = sorted(changed, key=lambda row: row.id)
        c.execute(_update(written), [_values(row, now, written) for row in rows])


_WAY = update(members).where(members.c.id == bindparam("row_id")).values(way=bindparam("new_way"))


def note_way(c: Connection, ways: Mapping[int, OnItsWay]) -> None:
    """Remember what is about to be sent to these members, held by a claim of the caller's. Safe to repeat."""
    if ways:
        c.execute(_WAY, [{"row_id": i, "new_way": way_as_json(ways[i])} for i in sorted(ways)])


def forget_way(c: Connection, row_ids: Collection[int]) -> None:
    """Forget what was on its way to these members: it was heard of. Safe to repeat."""
    for piece in pieces(sorted(set(row_ids))):
        c.execute(update(members).where(members.c.id.in_(piece)).values(way=None))


def _values(row: MemberRow, now: datetime, names: tuple[str, ...]) -> dict[str, Any]:
    values = {f"new_{name}": value for name, value in columns(row, names + QUEUE).items()}
    return {"row_id": row.id, "new_updated_at": now, **values}


def delete_many(c: Connection, row_ids: Collection[int]) -> None:
    """Take rows away that another row has taken over. The caller holds them by `lock`. Safe to repeat."""
    for piece in pieces(sorted(set(row_ids))):
        c.execute(delete(members).where(members.c.id.in_(piece)))


def forget_all(c: Connection, connection_id: str) -> None:
    """Take all rows of a connection away: its audience is gone. Safe to repeat."""
    c.execute(delete(members).where(members.c.connection_id == connection_id))


def mark_due(
    c: Connection,
    connection_ids: Collection[str],
    contact_ids: Collection[str],
    now: datetime,
    *,
    urgent: bool = False,
) -> None:
    """Say that these contacts have changed and must be looked at in each of these connections.

    A row that is missing is made, in state `waiting`. One that is there becomes due now (no later than it
    was), its attempts begin anew, and `in_sync` becomes `waiting`; one that a worker holds becomes due
    again when that worker is done. Urgent ones go first. Locks in the order of the ids. Safe to repeat.
    """
    for piece in pieces(sorted(set(contact_ids))):
        existing = (
            select(members.c.id)
            .where(members.c.connection_id.in_(connection_ids), members.c.contact_id.in_(piece))
            .order_by(members.c.id)
            .with_for_update()
        )
        c.execute(existing).all()  # the upsert alone would lock them in the order of the contacts
        pairs = product(sorted(set(connection_ids)), piece)
        rows = [
            {
                "connection_id": connection_id,
                "contact_id": contact_id,
                "state": MemberState.WAITING,
                "due_at": now,
                "urgent": urgent,
                "updated_at": now,
            }
            for connection_id, contact_id in pairs
        ]
        if rows:
            c.execute(_upsert(c), rows)


def try_again(
    c: Connection,
    connection_id: str,
    now: datetime,
    *,
    limit: int,
    after_id: int = 0,
    contact_ids: Collection[str] | None = None,
    reasons: Collection[str] | None = None,
    field: str | None = None,
) -> list[int]:
    """Make up to `limit` failing members due now, also with the version that was refused; return their
    numbers, ascending. For the next ones give the last number. With `contact_ids` only those of these
    contacts, with `reasons` only those that failed for one of these, with `field` only those that failed
    because of it ("" for no field at all).

    They are `waiting` with the reason that they failed for, and their attempts begin anew; one that a worker
    holds becomes due again when that worker is done. Locks in the order of the ids. Safe to repeat.
    """
    chosen = [
        members.c.connection_id == connection_id,
        members.c.state == MemberState.FAILING,
        members.c.id > after_id,
    ]
    if contact_ids is not None:
        chosen.append(members.c.contact_id.in_(contact_ids))
    if reasons is not None:
        chosen.append(members.c.reason.in_(sorted(reasons)))
    if field is not None:
        chosen.append(members.c.field == field if field else members.c.field.is_(None))
    failing = select(members.c.id).where(*chosen).order_by(members.c.id).limit(limit).with_for_update()
    ids = list(c.scalars(failing))
    for piece in pieces(ids):
        query = update(members).where(members.c.id.in_(piece))
        c.execute(
            query.values(
                state=MemberState.WAITING,
                pushed_version=None,
                due_at=case((_FREE, literal(now, members.c.due_at.type)), else_=members.c.due_at),
                attempts=case((_FREE, 0), else_=members.c.attempts),
                again=case((_FREE, false()), else_=true()),
                updated_at=now,
            )
        )
    return ids


def _upsert(c: Connection) -> Any:
    insert = insert_into(c, members)
    later = or_(members.c.due_at.is_(None), members.c.due_at > insert.excluded.due_at)
    # A batch may take hours: whoever leaves does not wait for it (what it carries is known by `way`).
    taken = and_(insert.excluded.urgent, members.c.claimed_by == BATCH)
    return insert.on_conflict_do_update(
        index_elements=[members.c.connection_id, members.c.contact_id],
        set_={
            "due_at": case((or_(taken, and_(_FREE, later)), insert.excluded.due_at), else_=members.c.due_at),
            "again": case((or_(taken, _FREE), false()), else_=true()),
            "claim": case((taken, null()), else_=members.c.claim),
            "claimed_by": case((taken, null()), else_=members.c.claimed_by),
            "urgent": or_(members.c.urgent, insert.excluded.urgent),
            "attempts": case((or_(taken, _FREE), 0), else_=members.c.attempts),
            "state": case(
                (members.c.state == MemberState.IN_SYNC, MemberState.WAITING.value), else_=members.c.state
            ),
            "updated_at": insert.excluded.updated_at,
        },
    )
