"""What a connection's state is called when somebody looks, in words. Pure: numbers in, words out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from processor.domain.connection import ConnectionState

STALLED_AFTER = timedelta(minutes=5)
"""What waits longer than this is not catching up any more: somebody wants to know why."""

UNKNOWN = "We keep trying."
"""What is said where nothing tells why."""

LABELS: Mapping[ConnectionState, str] = {
    ConnectionState.SETUP: "Finish setup",
    ConnectionState.PREVIEWING: "Preparing a preview",
    ConnectionState.IMPORTING: "First sync running",
    ConnectionState.IN_SYNC: "Up to date",
    ConnectionState.CATCHING_UP: "Catching up",
    ConnectionState.PARTIAL: "Up to date, with contacts that need a look",
    ConnectionState.STALLED: "Not moving",
    ConnectionState.RECONNECT: "Reconnect Mailchimp",
    ConnectionState.PAUSED: "Paused",
    ConnectionState.REMOVING: "Disconnecting…",
    ConnectionState.REMOVED: "Disconnected",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """How much waits and how much fails. `because` is a sentence that says what holds it up,
    `progress` how far a first sync is, `asks` what the brake stopped at, as sentences; `problem_code` is the
    catalogue's code of what stopped the connection."""

    waiting: int = 0
    oldest_waiting_at: datetime | None = None
    failing: int = 0
    synced: int = 0
    last_full_sweep_at: datetime | None = None
    because: str | None = None
    progress: str | None = None
    asks: str | None = None
    has_audience: bool = False
    problem_code: str | None = None


def state_of(stored: ConnectionState, standing: Standing, now: datetime) -> ConnectionState:
    """Return the state that people see. IN_SYNC is stored for all that works; its queues tell the rest."""
    if stored is not ConnectionState.IN_SYNC:
        return stored
    if standing.waiting:
        oldest = standing.oldest_waiting_at
        is_stalled = oldest is not None and now - oldest > STALLED_AFTER
        return ConnectionState.STALLED if is_stalled else ConnectionState.CATCHING_UP
    return ConnectionState.PARTIAL if standing.failing else ConnectionState.IN_SYNC


def label_of(state: ConnectionState, standing: Standing) -> str:
    """Return the state in a few words."""
    if state is ConnectionState.PARTIAL:
        return (
            f"Up to date, with {_number(standing.failing, 'contact')} that {_need(standing.failing)} a look"
        )
    return LABELS[state]


def line_of(state: ConnectionState, standing: Standing, now: datetime) -> str:
    """Return the sentence below the label: what goes on, and who must act."""
    if state in _RESTING:
        return _RESTING[state](standing)
    if state in _LINES:
        return _LINES[state]
    waiting = _number(standing.waiting, "change")
    if state is ConnectionState.IMPORTING:
        return standing.progress or f"{_number(standing.synced, 'contact')} so far. Nothing for you to do."
    if state is ConnectionState.STALLED or (state is ConnectionState.CATCHING_UP and standing.because):
        return f"{waiting} waiting{_oldest(standing, now)}: {standing.because or UNKNOWN}"
    if state is ConnectionState.CATCHING_UP:
        return f"{waiting} waiting{_oldest(standing, now)}."
    checked = standing.last_full_sweep_at
    return f"Last full check {duration(now - checked)} ago." if checked else "Nothing is waiting."


def _set_up(standing: Standing) -> str:
    if standing.has_audience:
        return "The audience is chosen. Look at the preview, then start the first sync."
    return "Choose the audience to keep in step with."


def _without_access(standing: Standing) -> str:
    lost = "Mailchimp no longer accepts our access"
    if standing.problem_code == "account_disabled":
        lost = "Mailchimp has deactivated the account"
    if not standing.waiting:
        return f"{lost}. Whatever changes meanwhile is kept."
    kept = f"{_number(standing.waiting, 'change')} {'is' if standing.waiting == 1 else 'are'} kept"
    return f"{lost}. {kept} and will be sent after you reconnect."


def _paused(standing: Standing) -> str:
    if standing.asks:
        return f"{standing.asks} Go on, or leave it paused and look in Mailchimp first."
    if standing.progress:
        return standing.progress
    if not standing.waiting:
        return "Nothing is sent until somebody resumes. Whatever changes is kept."
    return f"{_number(standing.waiting, 'change')} waiting until somebody resumes."


_RESTING: Mapping[ConnectionState, Callable[[Standing], str]] = {
    ConnectionState.SETUP: _set_up,
    ConnectionState.RECONNECT: _without_access,
    ConnectionState.PAUSED: _paused,
}
"""What waits for a person."""
_LINES: Mapping[ConnectionState, str] = {
    ConnectionState.PREVIEWING: "Nothing has been changed yet.",
    ConnectionState.REMOVING: "We are taking away what is ours.",
    ConnectionState.REMOVED: "Nothing of ours is left in Mailchimp.",
}


def duration(length: timedelta) -> str:
    """Return a length of time in its largest unit: `40 s`, `8 minutes`, `1 hour`, `3 days`."""
    seconds = max(0, int(length.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    for unit_seconds, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= unit_seconds:
            return _number(seconds // unit_seconds, unit)
    raise AssertionError("unreachable")


def _oldest(standing: Standing, now: datetime) -> str:
    oldest = standing.oldest_waiting_at
    return f", the oldest for {duration(now - oldest)}" if oldest else ""


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _need(count: int) -> str:
    return "needs" if count == 1 else "need"
