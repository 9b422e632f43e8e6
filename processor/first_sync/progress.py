"""How far a first sync is, in numbers and in words. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from processor.domain.catalogue import words
from processor.domain.connection import ConnectionState
from processor.store.runs import RunRow, RunState

SAMPLE_EVERY = timedelta(seconds=2)
SAMPLES = 30
"""With one every two seconds: the last minute."""
SHORTEST = timedelta(seconds=5)
"""A rate out of less than this would jump about."""
OLD = timedelta(seconds=90)
"""When nothing was counted for as long as this, the rate from before it says nothing any more."""


class Phase(StrEnum):
    """What a first sync is at."""

    WAITING = "waiting"
    READING = "reading"
    SENDING = "sending"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a first sync is. `done` of `total` are people in this phase; `rate_per_second` and `left` are
    None while nobody can tell. `state` is the connection's; `run_state` the run's, None where there never was
    one. `held` is the catalogue's code of what keeps it from moving. `numbers` are what was done: added_here,
    changed_here, added_there, changed_there, left_alone, failing."""

    phase: Phase
    done: int
    total: int
    rate_per_second: float | None
    left: timedelta | None
    state: ConnectionState
    line: str
    run_id: str | None = None
    run_state: RunState | None = None
    held: str | None = None
    numbers: Mapping[str, int] = field(default_factory=dict)
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def is_finished(self) -> bool:
        """Whether it goes on no more."""
        return self.run_state in {RunState.DONE, RunState.CANCELLED, RunState.FAILED}


def progress_of(run: RunRow | None, state: ConnectionState, now: datetime) -> Progress:
    """Return how far the newest first sync of a connection in this state is."""
    if run is None:
        return Progress(Phase.WAITING, 0, 0, None, None, state, "The first sync has not begun.")
    cursor = run.cursor or {}
    phase = Phase(run.phase or Phase.WAITING)
    is_moving = run.finished_at is None and state is ConnectionState.IMPORTING
    rate = _rate(cursor.get("samples", []), now) if is_moving else None
    left = timedelta(seconds=max(0, run.total - run.done) / rate) if rate else None
    held = cursor.get("held") if is_moving else None
    return Progress(
        phase=phase,
        done=run.done,
        total=run.total,
        rate_per_second=rate,
        left=left,
        state=state,
        line=_line(run, phase, state, left, held),
        run_id=run.id,
        run_state=run.state,
        held=held,
        numbers=_numbers(run.what),
        started_at=run.started_at,
        finished_at=run.finished_at,
    )


def sampled(samples: Sequence[Sequence[Any]], done: int, now: datetime) -> list[list[Any]]:
    """Return the samples with one more, unless the last one is from just now."""
    kept = [list(sample) for sample in samples]
    if kept and now - datetime.fromisoformat(kept[-1][0]) < SAMPLE_EVERY:
        return kept
    return [*kept, [now.isoformat(), done]][-SAMPLES:]


def _rate(samples: Sequence[Sequence[Any]], now: datetime) -> float | None:
    if len(samples) < 2:
        return None
    first, last = samples[0], samples[-1]
    began, ended = datetime.fromisoformat(first[0]), datetime.fromisoformat(last[0])
    if ended - began < SHORTEST or now - ended > OLD or last[1] <= first[1]:
        return None
    return float((last[1] - first[1]) / (ended - began).total_seconds())


NUMBERS = ("added_here", "changed_here", "added_there", "changed_there", "left_alone", "failing")


def _numbers(what: Mapping[str, Any]) -> dict[str, int]:
    return {name: int(what.get(name, 0)) for name in NUMBERS}


_DOING: Mapping[Phase, str] = {Phase.READING: "Reading Mailchimp", Phase.SENDING: "Sending to Mailchimp"}


def _line(run: RunRow, phase: Phase, state: ConnectionState, left: timedelta | None, held: str | None) -> str:
    if run.state is RunState.DONE:
        return f"The first sync is done: {_told(run.what)}."
    if run.state is RunState.CANCELLED:
        return f"The first sync was cancelled. What was done stays: {_told(run.what)}."
    if run.state is RunState.FAILED:
        return "The first sync could not go on."
    if phase not in _DOING:
        return "The first sync begins in a moment."
    far = f"{_DOING[phase]} · {run.done:,} of {count(run.total, 'contact')}"
    if state is ConnectionState.PAUSED:
        return f"{far} · paused"
    if state is ConnectionState.RECONNECT:
        return f"{far} · goes on after you reconnect"
    if held is not None:
        return f"{far} · {words(held).title}. We keep trying."
    return far if left is None else f"{far} · {about(left)} left"


def _told(what: Mapping[str, Any]) -> str:
    n = _numbers(what)
    told = (
        f"{count(n['added_there'], 'contact')} added and {n['changed_there']:,} changed in Mailchimp, "
        f"{n['added_here']:,} added and {n['changed_here']:,} changed on the platform"
    )
    if n["left_alone"]:
        told += f", {n['left_alone']:,} left alone"
    if n["failing"]:
        told += f", {n['failing']:,} that {'needs' if n['failing'] == 1 else 'need'} a look"
    return told


def about(left: timedelta) -> str:
    """Return a time that is left: `about 6 minutes`, `less than a minute`, `about 2 hours`."""
    minutes = math.ceil(left.total_seconds() / 60)
    if left < timedelta(seconds=50):
        return "less than a minute"
    if minutes < 90:
        return f"about {count(minutes, 'minute')}"
    return f"about {count(round(minutes / 60), 'hour')}"


def count(number: int, noun: str) -> str:
    """Return a number of things: `1 contact`, `4,210 contacts`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
