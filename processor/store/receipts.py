"""Receipts: what uninstalling took away, and what it left. They outlive the connection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from processor.store import calls, pushes
from processor.store.runs import RunKind
from processor.store.tables import batches, connections, events, hooks, oauth_states, receipts, runs


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """What one uninstalling did so far. `what` is JSON for people and programs; `finished_at` is None while
    something is left to do, which is tried again at `next_try_at`."""

    id: str
    account_id: str
    connection_id: str
    account_name: str
    audience_name: str | None
    what: Mapping[str, Any]
    begun_at: datetime
    finished_at: datetime | None
    next_try_at: datetime | None


_COLUMNS = [receipts.c[name] for name in ReceiptRow.__dataclass_fields__]


def begin(c: Connection, receipt: ReceiptRow) -> None:
    """Write a receipt that is not finished yet."""
    values = {name: getattr(receipt, name) for name in ReceiptRow.__dataclass_fields__}
    c.execute(insert(receipts).values(values))


def of_connection(c: Connection, connection_id: str) -> ReceiptRow | None:
    """Return the receipt of a connection, or None where it was not uninstalled."""
    row = c.execute(select(*_COLUMNS).where(receipts.c.connection_id == connection_id)).one_or_none()
    return None if row is None else ReceiptRow(**row._mapping)


def of_account(c: Connection, account_id: str) -> list[ReceiptRow]:
    """Return an account's receipts, oldest first."""
    query = select(*_COLUMNS).where(receipts.c.account_id == account_id).order_by(receipts.c.begun_at)
    return [ReceiptRow(**row._mapping) for row in c.execute(query)]


def due(c: Connection, now: datetime, limit: int) -> list[str]:
    """Return up to `limit` connections whose uninstalling is to be tried again."""
    query = select(receipts.c.connection_id).where(
        receipts.c.finished_at.is_(None), receipts.c.next_try_at <= now
    )
    return list(c.scalars(query.order_by(receipts.c.next_try_at).limit(limit)))


def put_off(c: Connection, connection_id: str, next_try_at: datetime) -> None:
    """Say when it is tried again."""
    mine = receipts.c.connection_id == connection_id
    c.execute(update(receipts).where(mine).values(next_try_at=next_try_at))


def finish(c: Connection, connection_id: str, what: Mapping[str, Any], now: datetime) -> None:
    """Write what was done in the end. Safe to repeat."""
    mine = receipts.c.connection_id == connection_id
    c.execute(update(receipts).where(mine).values(what=what, finished_at=now, next_try_at=None))


def beside(c: Connection, connection_id: str) -> dict[str, int]:
    """Return how many previews, first syncs and batches under way go with a connection."""
    query = select(runs.c.kind, func.count()).where(runs.c.connection_id == connection_id)
    by_kind: dict[str, int] = {row[0]: row[1] for row in c.execute(query.group_by(runs.c.kind))}
    under_way = select(func.count()).where(batches.c.connection_id == connection_id)
    return {
        "previews": by_kind.get(RunKind.PREVIEW.value, 0),
        "first_syncs": by_kind.get(RunKind.SYNC.value, 0),
        "batches": c.execute(under_way).scalar_one(),
    }


def forget_connection(c: Connection, connection_id: str) -> None:
    """Delete the connection with its token and settings, its members, runs, batches, conflicts and
    deliveries, and what was sent; consents stay. Of its hooks only a hash stays, so that whoever still calls
    them is answered 410. Safe to repeat."""
    c.execute(delete(events).where(events.c.connection_id == connection_id))  # attempts go with them
    calls.forget_connection(c, connection_id)
    pushes.forget_connection(c, connection_id)
    c.execute(delete(oauth_states).where(oauth_states.c.connection_id == connection_id))
    c.execute(
        delete(connections).where(connections.c.id == connection_id)
    )  # members, runs, batches and conflicts go with it
    bare: dict[str, Any] = {"token_sealed": "", "secrets_sealed": [], "webhook_id": None, "state": "gone"}
    c.execute(update(hooks).where(hooks.c.connection_id == connection_id).values(bare))
