"""Having members looked at again, because what was decided about them was decided by other rules."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, case, false, literal, true, update

from processor.store.tables import members


def look_again(
    c: Connection,
    connection_id: str,
    reasons: Collection[str],
    now: datetime,
    *,
    contact_ids: Collection[str] | None = None,
) -> int:
    """Make every contact (of these, where they are named) due who is left out or failing for one of these
    reasons; return how many.

    One statement, so that it is done together with what it is done for. Their attempts begin anew, and a
    version that was refused is worth a try again; one that a worker holds becomes due once more when that
    worker is done. Safe to repeat.
    """
    free = members.c.claim.is_(None)
    query = update(members).where(
        members.c.connection_id == connection_id,
        members.c.reason.in_(sorted(reasons)),
        members.c.contact_id.is_not(None),
    )
    if contact_ids is not None:
        query = query.where(members.c.contact_id.in_(sorted(contact_ids)))
    values = query.values(
        due_at=case((free, literal(now, members.c.due_at.type)), else_=members.c.due_at),
        attempts=case((free, 0), else_=members.c.attempts),
        again=case((free, false()), else_=true()),
        pushed_version=None,
        updated_at=now,
    )
    return c.execute(values).rowcount
