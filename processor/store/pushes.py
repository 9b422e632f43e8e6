"""What was sent up for each contact, and what Mailchimp said: one row for a contact and a push."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from processor.store.sql import pieces
from processor.store.tables import connections, pushes


class PushOutcome(StrEnum):
    """What became of it."""

    TAKEN = "taken"
    REFUSED = "refused"
    UNSURE = "unsure"
    """Mailchimp took the call, and what it answered did not show it: they are looked at again."""


@dataclass(frozen=True, slots=True)
class PushRow:
    """One of them. `what` maps each name to `{"before": …, "after": …}`; `code` is the catalogue's, `detail`
    and `instance` are Mailchimp's own words and number. `id` is 0 for one that is not written yet."""

    account_id: str
    connection_id: str
    contact_id: str
    version: int | None
    what: Mapping[str, Any]
    outcome: PushOutcome
    at: datetime
    code: str | None = None
    detail: str | None = None
    instance: str | None = None
    id: int = 0


_NAMES = tuple(field.name for field in fields(PushRow) if field.name != "id")


def append(c: Connection, rows: Sequence[PushRow]) -> None:
    """Write rows, in the transaction that lets go of the members."""
    if rows:
        c.execute(insert(pushes), [{name: getattr(row, name) for name in _NAMES} for row in rows])


def of_contact(
    c: Connection, account_id: str, contact_ids: Collection[str], limit: int, before_id: int | None = None
) -> list[PushRow]:
    """Return up to `limit` of a contact, newest first; for the next page give the last number. `contact_ids`
    are its id and its former ones."""
    query = select(pushes).where(
        pushes.c.account_id == account_id, pushes.c.contact_id.in_(sorted(contact_ids))
    )
    if before_id is not None:
        query = query.where(pushes.c.id < before_id)
    found = c.execute(query.order_by(pushes.c.id.desc()).limit(limit))
    return [PushRow(**{**row._mapping, "outcome": PushOutcome(row.outcome)}) for row in found]


def sent_since(
    c: Connection, account_id: str, contact_ids: Collection[str], since: datetime
) -> frozenset[str]:
    """Return which of these contacts anything was sent for at this time or later."""
    found: set[str] = set()
    for piece in pieces(sorted(set(contact_ids))):
        query = select(pushes.c.contact_id).where(
            pushes.c.account_id == account_id, pushes.c.contact_id.in_(piece), pushes.c.at >= since
        )
        found.update(c.scalars(query))
    return frozenset(found)


def forget(c: Connection, account_id: str, contact_ids: Collection[str]) -> int:
    """Take away all of these contacts; return how many."""
    mine = (pushes.c.account_id == account_id, pushes.c.contact_id.in_(sorted(contact_ids)))
    return c.execute(delete(pushes).where(*mine)).rowcount


def forget_connection(c: Connection, connection_id: str) -> int:
    """Take away what was sent to a connection's audience; return how many."""
    account = select(connections.c.account_id).where(connections.c.id == connection_id).scalar_subquery()
    theirs = (pushes.c.account_id == account, pushes.c.connection_id == connection_id)
    return c.execute(delete(pushes).where(*theirs)).rowcount
