"""The ledger of consents: every change of a status, here and sent up, with who, when and on what evidence.

Lines are added and never changed; only an erasure takes them away.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from processor.domain.ledger import ConsentEntry, Side, Who
from processor.store.tables import consents


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """A line with its number, which goes up with time."""

    id: int
    entry: ConsentEntry


_NAMES = tuple(field.name for field in fields(ConsentEntry))


def append(c: Connection, entries: Sequence[ConsentEntry]) -> None:
    """Write lines, in the transaction of what they tell. The cause of one is kept as it is."""
    if entries:
        c.execute(insert(consents), [{name: getattr(entry, name) for name in _NAMES} for entry in entries])


def of_contact(
    c: Connection, account_id: str, contact_ids: Collection[str], limit: int, before_id: int | None = None
) -> list[ConsentRow]:
    """Return up to `limit` lines about a contact, newest first; for the next page give the last number.
    `contact_ids` are its id and its former ones."""
    query = select(consents).where(
        consents.c.account_id == account_id, consents.c.contact_id.in_(sorted(contact_ids))
    )
    if before_id is not None:
        query = query.where(consents.c.id < before_id)
    return [_row(row) for row in c.execute(query.order_by(consents.c.id.desc()).limit(limit))]


def page_of_account(c: Connection, account_id: str, after: tuple[str, int], limit: int) -> list[ConsentRow]:
    """Return up to `limit` lines of an account, by contact, each contact's oldest first, after the line with
    this contact's id and this number; ("", 0) begins."""
    contact_id, after_id = after
    later = (consents.c.contact_id == contact_id) & (consents.c.id > after_id)
    query = select(consents).where(
        consents.c.account_id == account_id, later | (consents.c.contact_id > contact_id)
    )
    query = query.order_by(consents.c.contact_id, consents.c.id).limit(limit)
    return [_row(row) for row in c.execute(query)]


def forget(c: Connection, account_id: str, contact_ids: Collection[str]) -> int:
    """Take away every line about these contacts, as an erasure asks; return how many."""
    mine = (consents.c.account_id == account_id, consents.c.contact_id.in_(sorted(contact_ids)))
    return c.execute(delete(consents).where(*mine)).rowcount


def _row(row: Row[*tuple[Any, ...]]) -> ConsentRow:
    values = {name: row._mapping[name] for name in _NAMES}
    entry = ConsentEntry(**{**values, "side": Side(row.side), "who": Who(row.who)})
    return ConsentRow(row.id, entry)
