"""What a connection's state is called: every state has words, and every number its noun."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from processor.domain.connection import ConnectionState
from processor.report.standing import LABELS, Standing, duration, label_of, line_of, state_of

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("state", ConnectionState)
def test_every_state_has_words(state: ConnectionState) -> None:
    """A label, and a sentence that ends as one."""
    assert LABELS[state]
    busy = Standing(waiting=2, failing=2, oldest_waiting_at=NOW, because="Mailchimp is away.")
    for standing in (Standing(), busy):
        assert label_of(state, standing)
        assert line_of(state, standing, NOW).endswith(".")


@pytest.mark.parametrize(
    ("standing", "state"),
    [
        (Standing(), ConnectionState.IN_SYNC),
        (Standing(failing=1), ConnectionState.PARTIAL),
        (Standing(waiting=1, oldest_waiting_at=NOW), ConnectionState.CATCHING_UP),
        (Standing(waiting=1, failing=3), ConnectionState.CATCHING_UP),
        (Standing(waiting=1, oldest_waiting_at=NOW - timedelta(minutes=6)), ConnectionState.STALLED),
    ],
)
def test_what_works_is_told_apart_by_its_queues(standing: Standing, state: ConnectionState) -> None:
    """`in_sync` is what is stored; people see whether it catches up, stands still, or needs a look."""
    assert state_of(ConnectionState.IN_SYNC, standing, NOW) is state


@pytest.mark.parametrize("stored", [s for s in ConnectionState if s is not ConnectionState.IN_SYNC])
def test_what_waits_for_somebody_stays_so_whatever_its_queues(stored: ConnectionState) -> None:
    """A paused connection is paused, however much waits."""
    assert state_of(stored, Standing(waiting=9, failing=9), NOW) is stored


def test_numbers_are_written_for_people() -> None:
    """One change, two changes, thousands with a comma; lengths of time in their largest unit."""
    assert line_of(ConnectionState.CATCHING_UP, Standing(waiting=1), NOW) == "1 change waiting."
    assert line_of(ConnectionState.CATCHING_UP, Standing(waiting=4210), NOW) == "4,210 changes waiting."
    partial = "Up to date, with 1 contact that needs a look"
    assert label_of(ConnectionState.PARTIAL, Standing(failing=1)) == partial
    lengths = {-5: "0 s", 59: "59 s", 60: "1 minute", 7199: "1 hour", 90_000: "1 day", 200_000: "2 days"}
    assert {seconds: duration(timedelta(seconds=seconds)) for seconds in lengths} == lengths
    since = Standing(last_full_sweep_at=NOW - timedelta(hours=3))
    assert line_of(ConnectionState.IN_SYNC, since, NOW) == "Last full check 3 hours ago."


def test_what_took_the_access_away_is_named() -> None:
    """A disabled account is not an access that was taken back: another person has to act."""
    lost = ConnectionState.RECONNECT
    disabled = Standing(waiting=2, problem_code="account_disabled")
    said = line_of(lost, disabled, NOW)
    assert said.startswith("Mailchimp has deactivated the account. 2 changes are kept")
    assert line_of(lost, Standing(), NOW).startswith("Mailchimp no longer accepts our access.")
