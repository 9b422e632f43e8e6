"""Every operation of the API, in one list."""

from __future__ import annotations

from processor.web.api import (
    conflicts,
    connections,
    contacts,
    drift,
    erasures,
    events,
    feed,
    history,
    issues,
    mails,
    members,
    outgoing,
    permissions,
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
    *drift.OPERATIONS,
    *portal.OPERATIONS,
    *preview.OPERATIONS,
    *sync.OPERATIONS,
    *members.OPERATIONS,
    *issues.OPERATIONS,
    *mails.OPERATIONS,
    *conflicts.OPERATIONS,
    *permissions.OPERATIONS,
    *events.OPERATIONS,
    *outgoing.OPERATIONS,
    *replays.OPERATIONS,
    *photos.OPERATIONS,
)
