"""Accounts: the platform's customers, by the platform's own ids."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, exists, select, update

from processor.store.sql import insert_into
from processor.store.tables import accounts


def ensure(c: Connection, account_id: str, now: datetime) -> None:
    """Make the account where it is missing. Safe to repeat, and to race."""
    values = {"id": account_id, "created_at": now, "last_seq": 0}
    c.execute(insert_into(c, accounts).values(values).on_conflict_do_nothing())


def is_known(c: Connection, account_id: str) -> bool:
    """Whether there is such an account."""
    return bool(c.scalar(select(exists().where(accounts.c.id == account_id))))


def page(c: Connection, after_id: str | None, limit: int) -> list[str]:
    """Return up to `limit` account ids after this one, in the order of the ids."""
    query = select(accounts.c.id).order_by(accounts.c.id).limit(limit)
    if after_id is not None:
        query = query.where(accounts.c.id > after_id)
    return list(c.scalars(query))


def notify_email(c: Connection, account_id: str) -> str | None:
    """Return where the account's customer is told of issues, or None."""
    found: str | None = c.scalar(select(accounts.c.notify_email).where(accounts.c.id == account_id))
    return found


def set_notify_email(c: Connection, account_id: str, address: str | None) -> None:
    """Write where the account's customer is told of issues; None for nowhere. Safe to repeat."""
    c.execute(update(accounts).where(accounts.c.id == account_id).values(notify_email=address))
