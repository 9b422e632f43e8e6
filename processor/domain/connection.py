"""A connection: the standing grant at one Mailchimp account for one audience, and its states."""

from __future__ import annotations

from enum import StrEnum


class ConnectionState(StrEnum):
    """What a connection is doing. IN_SYNC stands for all that works: whether it is catching up, partial
    or stalled is read off its queues when somebody looks."""

    SETUP = "setup"
    PREVIEWING = "previewing"
    IMPORTING = "importing"
    IN_SYNC = "in_sync"
    CATCHING_UP = "catching_up"
    PARTIAL = "partial"
    STALLED = "stalled"
    RECONNECT = "reconnect"
    PAUSED = "paused"
    REMOVING = "removing"
    REMOVED = "removed"


LIVE = frozenset({ConnectionState.IMPORTING, ConnectionState.IN_SYNC})
"""The stored states in which workers work."""

IDLE = frozenset({ConnectionState.SETUP, ConnectionState.PREVIEWING})
"""The stored states in which nothing was begun, so that no change waits for it."""

LEAVING = frozenset({ConnectionState.REMOVING, ConnectionState.REMOVED})
