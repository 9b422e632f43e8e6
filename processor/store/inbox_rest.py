"""Reading what was kept for a connection that rests, without taking it up."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, select

from processor.domain.event import CLAIMABLE
from processor.store.tables import events


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """An event that waits."""

    id: int
    body: bytes = field(repr=False)
    content_type: str
    received_at: datetime


def waiting_after(c: Connection, connection_id: str, after_id: int, limit: int) -> list[KeptEvent]:
    """Return up to `limit` of the connection's waiting events in the order of their ids, after this one."""
    query = select(events.c.id, events.c.body, events.c.content_type, events.c.received_at).where(
        events.c.connection_id == connection_id, events.c.id > after_id, events.c.status.in_(CLAIMABLE)
    )
    return [KeptEvent(*row) for row in c.execute(query.order_by(events.c.id).limit(limit))]
