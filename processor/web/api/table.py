"""Every operation of the API, in one list."""

from __future__ import annotations

from processor.web.api import connections, contacts, events, feed, members
from processor.web.api.operation import Operation

OPERATIONS: tuple[Operation, ...] = (
    *contacts.OPERATIONS,
    *feed.OPERATIONS,
    *connections.OPERATIONS,
    *members.OPERATIONS,
    *events.OPERATIONS,
)
