"""One notice, and one attempt at it, as the tables hold them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row

from processor.domain.outgoing import NoticeKind
from processor.store.tables import notice_attempts, notices


class NoticeState(StrEnum):
    """How far a notice is."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"
    """Not tried again by itself; a person may send it again."""


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """A webhook to the platform, on its way or settled. `ref` is its `webhook-id`, the same at every attempt;
    `about` is what a bell rings for (see `notices.tell`)."""

    id: int
    ref: str
    endpoint_id: str
    account_id: str | None
    kind: NoticeKind
    about: str | None
    data: Mapping[str, Any]
    following: Mapping[str, Any] | None
    state: NoticeState
    attempts: int
    due_at: datetime | None
    give_up_at: datetime | None
    claim: str | None
    created_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt: `status` is None where nothing answered, `reason` why it failed, None for a success."""

    notice_id: int
    n: int
    at: datetime
    seconds: float
    status: int | None
    reason: str | None


COLUMNS = [notices.c[name] for name in NoticeRow.__dataclass_fields__]
ATTEMPT_COLUMNS = [notice_attempts.c[name] for name in Attempt.__dataclass_fields__]


def notice(row: Row[*tuple[Any, ...]]) -> NoticeRow:
    """Return the row as a value."""
    values = dict(row._mapping)
    return NoticeRow(**{**values, "kind": NoticeKind(row.kind), "state": NoticeState(row.state)})
