"""Every operation of the API, in one list."""

from __future__ import annotations

from processor.web.api import (
    conflicts,
    connections,
    contacts,
    erasures,
    events,
    feed,
    history,
    issues,
    mails,
    members,
    outgoing,
    photos,
    portal,
    preview,
    replays,
    sync,
)
from processor.web.api.operation import Operation

OPERATIONS: tuple[Operation, ...] = (
    *history.OPERATIONS,
    *contacts.OPERATIONS,
    *erasures.OPERATIONS,
    *feed.OPERATIONS,
    *connections.OPERATIONS,
    *portal.OPERATIONS,
    *preview.OPERATIONS,
    *sync.OPERATIONS,
    *members.OPERATIONS,
    *issues.OPERATIONS,
    *mails.OPERATIONS,
    *conflicts.OPERATIONS,
    *events.OPERATIONS,
    *outgoing.OPERATIONS,
    *replays.OPERATIONS,
    *photos.OPERATIONS,
)
