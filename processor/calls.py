"""What this process asked of Mailchimp since it was last written down: one note for each call, and counts.

It is kept in memory and costs a call nothing; the clock writes it down (`attempt.write_down`). What a process
that dies takes with it are a second's notes, which nothing depends on.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from processor.mailchimp.transport import Call
from processor.store.calls import CallRow, Tally

MOST_NOTES = 5_000
"""Notes kept while the database is away; the oldest go first. Counts are few and stay."""
MOST_WORK = 1_000
OUTAGES = ("rate_limited", "mailchimp_down", "network")
"""Classes of answers that say nothing about what was asked for: nobody was there, or too much was asked."""


@dataclass(slots=True)
class Made:
    """How many calls a piece of work has made, and how many of them failed."""

    calls: int = 0
    failed: int = 0


def answer_of(call: Call) -> str:
    """Return the class of an answer: ok, gone, refused, reconnect, rate_limited, mailchimp_down, network."""
    if not call.code:
        return "ok"
    if call.code in OUTAGES or call.code == "reconnect":
        return call.code
    return "gone" if call.status == 404 else "refused"


class Calls:
    """The notes of one process. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._notes: deque[CallRow] = deque(maxlen=MOST_NOTES)
        self._tallies: dict[tuple[str, datetime, str], list[float]] = {}
        self._made: dict[str, Made] = {}

    def begin(self, work: str) -> None:
        """Count the calls of a piece of work from here on."""
        with self._lock:
            if len(self._made) < MOST_WORK:
                self._made[work] = Made()

    def made(self, work: str | None) -> Made:
        """Return how many calls a piece of work has made so far."""
        with self._lock:
            found = self._made.get(work or "")
            return Made(found.calls, found.failed) if found else Made()

    def end(self, work: str) -> Made:
        """Return how many calls it made, and count no more."""
        with self._lock:
            return self._made.pop(work, Made())

    def note(self, connection_id: str, work: str | None, call: Call, now: datetime) -> None:
        """Write one call down, which has just come to its end. Never waits for anything but other notes."""
        answer = answer_of(call)
        at = now - timedelta(seconds=call.seconds)
        row = CallRow(
            connection_id=connection_id,
            work=work,
            at=at,
            method=call.method,
            path=call.template,
            status=call.status,
            milliseconds=round(call.seconds * 1000),
            code=call.code,
            instance=call.instance or None,
        )
        with self._lock:
            self._notes.append(row)
            minute = at.replace(second=0, microsecond=0)
            for key in ((connection_id, minute, answer), ("", Tally.EVER, answer)):
                tally = self._tallies.setdefault(key, [0, 0.0])
                tally[0] += 1
                tally[1] += call.seconds
            made = self._made.get(work or "")
            if made is not None:
                made.calls += 1
                made.failed += answer not in {"ok", "gone"}

    def take(self) -> tuple[list[CallRow], list[Tally]]:
        """Return everything that was noted since the last time, and forget it."""
        with self._lock:
            notes, tallies = list(self._notes), self._tallies
            self._notes.clear()
            self._tallies = {}
        return notes, [Tally(*key, int(calls), seconds) for key, (calls, seconds) in tallies.items()]

    def give_back(self, notes: list[CallRow], tallies: list[Tally]) -> None:
        """Keep what could not be written down for the next time."""
        with self._lock:
            newer = list(self._notes)
            self._notes.clear()
            self._notes.extend([*notes, *newer])
            for one in tallies:
                tally = self._tallies.setdefault((one.connection_id, one.minute, one.answer), [0, 0.0])
                tally[0] += one.calls
                tally[1] += one.seconds


def failing(counts: Mapping[str, int]) -> tuple[int, int]:
    """Return (how many calls got no answer that could be used, how many there were) of counts by class."""
    return sum(counts.get(code, 0) for code in OUTAGES), sum(counts.values())
