"""Which colour a state has, and the words beside it: who must act. Colour never says it alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from processor.domain.connection import LEAVING, ConnectionState
from processor.report import ConnectionReport


@dataclass(frozen=True, slots=True)
class Colour:
    """`name` is the stylesheet's, `says` stands beside the state."""

    name: str
    says: str


GREEN = Colour("green", "Nothing to do")
BLUE = Colour("blue", "We are working")
YELLOW = Colour("yellow", "We keep trying")
RED = Colour("red", "Your turn")
GREY = Colour("grey", "Off")

COLOURS: Mapping[ConnectionState, Colour] = {
    ConnectionState.SETUP: RED,
    ConnectionState.PREVIEWING: BLUE,
    ConnectionState.IMPORTING: BLUE,
    ConnectionState.IN_SYNC: GREEN,
    ConnectionState.CATCHING_UP: BLUE,
    ConnectionState.PARTIAL: RED,
    ConnectionState.STALLED: YELLOW,
    ConnectionState.RECONNECT: RED,
    ConnectionState.PAUSED: GREY,
    ConnectionState.REMOVING: BLUE,
    ConnectionState.REMOVED: GREY,
}
"""A test holds that every state has one."""


def colour_of(found: ConnectionReport) -> Colour:
    """Return a connection's colour. One that the brake stopped waits for a person."""
    if found.state is ConnectionState.PAUSED and found.problem_code is not None:
        return RED
    return COLOURS[found.state]


def has_started(found: ConnectionReport) -> bool:
    """Whether the connection works, or did: everything after the way to its first sync."""
    return found.row.state not in {ConnectionState.SETUP, ConnectionState.PREVIEWING, *LEAVING}
