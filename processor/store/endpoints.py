"""Endpoints: where the platform wants to be told, and how it stands with each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypedDict, Unpack

import sqlalchemy as sa
from sqlalchemy import Connection, Row, bindparam, or_, select

from processor.domain.outgoing import SLOW_SECONDS
from processor.errors import NotFound
from processor.store.tables import endpoints


class EndpointState(StrEnum):
    """Whether an endpoint is told anything."""

    ENABLED = "enabled"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """An endpoint as it stands.

    `account_id` None is for one of all accounts; no `types` stands for all. `secrets` are `{"sealed",
    "until"}`, newest first, `until` (ISO 8601) being None for the newest. `reason` says why it is disabled:
    gone, failing, by_hand. `last_…` is its last attempt: `last_reason` is why it failed, None after a
    success; `failing_since` is when the failures began that no success has ended.
    """

    id: str
    account_id: str | None
    url: str
    description: str
    types: Sequence[str]
    secrets: Sequence[Mapping[str, Any]] = field(repr=False)
    state: EndpointState
    reason: str | None
    failing_since: datetime | None
    last_at: datetime | None
    last_status: int | None
    last_reason: str | None
    last_seconds: float | None
    dropped: int
    created_at: datetime
    updated_at: datetime

    @property
    def is_enabled(self) -> bool:
        """Whether it is told anything."""
        return self.state is EndpointState.ENABLED

    @property
    def is_slow(self) -> bool:
        """Whether it might hold up others: it took its time the last time, did not answer, or was never
        tried."""
        if self.last_seconds is None or self.failing_since is not None:
            return True
        return self.last_seconds > SLOW_SECONDS


class Columns(TypedDict, total=False):
    """What may change of an endpoint; what is not named stays."""

    url: str
    description: str
    types: Sequence[str]
    secrets: Sequence[Mapping[str, Any]]
    state: EndpointState
    reason: str | None
    failing_since: datetime | None
    last_at: datetime | None
    last_status: int | None
    last_reason: str | None
    last_seconds: float | None


_COLUMNS = [endpoints.c[name] for name in EndpointRow.__dataclass_fields__]
_OF_ALL = endpoints.c.account_id.is_(None)
_LISTENING = (  # made once, since every change of a contact asks it
    select(endpoints.c.id, endpoints.c.types, endpoints.c.state)
    .where(or_(_OF_ALL, endpoints.c.account_id == bindparam("account")))
    .order_by(endpoints.c.id)
)


def create(c: Connection, row: EndpointRow) -> None:
    """Write a new one."""
    c.execute(sa.insert(endpoints).values({n: getattr(row, n) for n in EndpointRow.__dataclass_fields__}))


def get(c: Connection, endpoint_id: str) -> EndpointRow | None:
    """Return the endpoint, or None."""
    row = c.execute(select(*_COLUMNS).where(endpoints.c.id == endpoint_id)).one_or_none()
    return None if row is None else _endpoint(row)


def lock(c: Connection, endpoint_id: str) -> EndpointRow | None:
    """Return the endpoint and keep others from changing it until the commit, or None. Before notices in the
    lock order."""
    query = select(*_COLUMNS).where(endpoints.c.id == endpoint_id).with_for_update()
    row = c.execute(query).one_or_none()
    return None if row is None else _endpoint(row)


def find(c: Connection, account_id: str | None = None) -> list[EndpointRow]:
    """Return the endpoints, of one account or all there are, oldest first."""
    query = select(*_COLUMNS).order_by(endpoints.c.created_at, endpoints.c.id)
    if account_id is not None:
        query = query.where(endpoints.c.account_id == account_id)
    return [_endpoint(row) for row in c.execute(query)]


def count(c: Connection, account_id: str | None) -> int:
    """Return how many endpoints this account has; with None, how many are for all accounts."""
    mine = endpoints.c.account_id.is_not_distinct_from(account_id)
    return int(c.scalar(select(sa.func.count()).select_from(endpoints).where(mine)) or 0)


def listening(c: Connection, account_id: str | None, kind: str) -> list[tuple[str, bool]]:
    """Return (id, whether it is enabled) of the endpoints that are to be told of this, in the order of their
    ids: those of the account and those of all accounts."""
    found = c.execute(_LISTENING, {"account": account_id})
    return [(r.id, r.state == EndpointState.ENABLED) for r in found if not r.types or kind in r.types]


def change(c: Connection, endpoint_id: str, now: datetime, **columns: Unpack[Columns]) -> None:
    """Write the columns that are named. Raises NotFound for one that is not there."""
    query = sa.update(endpoints).where(endpoints.c.id == endpoint_id)
    if not c.execute(query.values(**columns, updated_at=now)).rowcount:
        raise NotFound("no such endpoint")


def note_dropped(c: Connection, endpoint_id: str) -> None:
    """Count a notice that was not kept."""
    query = sa.update(endpoints).where(endpoints.c.id == endpoint_id)
    c.execute(query.values(dropped=endpoints.c.dropped + 1))


def remove(c: Connection, endpoint_id: str) -> bool:
    """Forget an endpoint; return whether it was there. Its notices are `notices.forget`'s. Safe to repeat."""
    return c.execute(sa.delete(endpoints).where(endpoints.c.id == endpoint_id)).rowcount == 1


def _endpoint(row: Row[*tuple[Any, ...]]) -> EndpointRow:
    return EndpointRow(**{**row._mapping, "state": EndpointState(row.state)})
