"""Why a connection does not move, in a sentence. Pure: numbers in, words out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from processor.calls import OUTAGES, failing
from processor.domain.catalogue import words

MOVING = timedelta(minutes=1)
"""Whatever waits for less than this is on its way."""
LOOKED_BACK = timedelta(minutes=15)
BACKLOG = 100


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known. `calls` are the connection's calls of the last quarter of an hour by class of answer,
    `waited` how long the oldest has waited (None: nothing does), `stopped` why it waits for a person, `code`
    why the oldest was put off."""

    workers: int
    waiting: int = 0
    waited: timedelta | None = None
    calls: Mapping[str, int] = field(default_factory=dict)
    stopped: str | None = None
    code: str | None = None


def put_off(code: str) -> str:
    """Return why something was put off, in a sentence."""
    return f"{words(code).title}. We keep trying."


def why(facts: Facts) -> str | None:
    """Return what holds the connection up, and None for one that moves or has nothing to do."""
    if facts.stopped is not None:
        return facts.stopped
    if facts.waited is None or facts.waited < MOVING:
        return None
    if facts.workers == 0:
        return "No worker is running."
    bad, made = failing(facts.calls)
    if bad and bad * 2 >= made:
        worst = max(OUTAGES, key=lambda code: facts.calls.get(code, 0))
        return f"{words(worst).title}: {bad:,} of the last {made:,} calls failed."
    if facts.code is not None:
        return put_off(facts.code)
    if facts.waiting >= BACKLOG:
        return f"Backlog: {facts.waiting:,} changes wait, and workers are at them."
    return "It waits for its turn."
