"""Named leases: what many processes could do and one should, such as the clock's tick."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, or_, select

from processor.store.sql import insert_into, pieces
from processor.store.tables import leases


def take(c: Connection, name: str, holder: str, now: datetime, seconds: float) -> bool:
    """Take or prolong a lease; return whether `holder` has it now, until `now + seconds`.

    Safe to repeat. It is free again when its time is over or its holder gives it up; the holders' clocks
    must agree to within much less than `seconds`.
    """
    query = insert_into(c, leases).values(name=name, holder=holder, until=now + timedelta(seconds=seconds))
    query = query.on_conflict_do_update(
        index_elements=[leases.c.name],
        set_={"holder": query.excluded.holder, "until": query.excluded.until},
        where=or_(leases.c.until <= now, leases.c.holder == holder),
    )
    return c.execute(query.returning(leases.c.name)).one_or_none() is not None


def give_up(c: Connection, name: str, holder: str) -> bool:
    """Free the lease at once, if `holder` has it; return whether it did. Safe to repeat."""
    query = delete(leases).where(leases.c.name == name, leases.c.holder == holder)
    return c.execute(query).rowcount == 1


def held(c: Connection, names: Collection[str], now: datetime) -> set[str]:
    """Return those of these leases that anybody has now."""
    found: set[str] = set()
    for piece in pieces(sorted(set(names))):
        found |= set(c.scalars(select(leases.c.name).where(leases.c.name.in_(piece), leases.c.until > now)))
    return found


def is_held(c: Connection, name: str, now: datetime) -> bool:
    """Return whether anybody has the lease now."""
    query = select(leases.c.name).where(leases.c.name == name, leases.c.until > now)
    return c.execute(query).one_or_none() is not None
