"""One attempt at a piece of work, seen from outside: one log line with what came of it, how long it took and
how many calls it made; and the writing down of calls."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from processor.errors import StoreDown
from processor.kit import Kit
from processor.log import bind, bound, say
from processor.store import Connection, calls, ops_sessions, replays
from processor.store.ids import new_id

logger = logging.getLogger(__name__)

REPLAYS_KEPT = timedelta(days=90)


@dataclass(slots=True)
class Attempt:
    """What came of it. `count` is what the verb says it has done; nothing done and nobody asked is not worth
    a line."""

    count: object = None


@contextmanager
def attempt(kit: Kit, actor: str, subject: str) -> Iterator[Attempt]:
    """Log one line about the work that is done inside, whatever comes of it; calls are counted under its
    name, which every line inside bears as `work`. Lets every error through."""
    work = new_id("wrk")
    began = time.monotonic()
    found = Attempt()
    kit.calls.begin(work)
    outcome, level, error = "done", logging.INFO, None
    with bind(work=work, actor=actor):
        try:
            yield found
        except StoreDown:
            outcome, level = "database_down", logging.ERROR
            raise
        except Exception as unknown:
            outcome, level, error = "failed", logging.ERROR, unknown
            raise
        finally:
            made = kit.calls.end(work)
            is_idle = outcome == "done" and not found.count and not made.calls
            logger.log(
                logging.DEBUG if is_idle else level,
                "attempt",
                exc_info=error,
                extra={
                    "facts": {
                        "subject": subject,
                        "outcome": "nothing" if is_idle else outcome,
                        "duration_ms": round((time.monotonic() - began) * 1000),
                        "calls": made.calls,
                        "calls_failed": made.failed,
                        **({"count": found.count} if isinstance(found.count, int) else {}),
                    }
                },
            )


def current_work() -> str | None:
    """Return the name of the work that this thread is at, or None."""
    work = bound("work")
    return work if isinstance(work, str) else None


def write_down(kit: Kit) -> None:
    """Write down the calls that this process has made. Safe to repeat. Raises StoreDown; they are then kept
    for the next time."""
    notes, tallies = kit.calls.take()
    if not notes and not tallies:
        return

    def in_one_transaction(c: Connection) -> None:
        calls.keep(c, notes)
        calls.count(c, tallies)

    try:
        kit.store.write_retrying(in_one_transaction)
    except StoreDown:
        kit.calls.give_back(notes, tallies)
        raise


def forget_old(kit: Kit) -> None:
    """Keep the operator's tables within their ceilings. Safe to repeat. Raises StoreDown."""
    now = kit.now()

    def in_one_transaction(c: Connection) -> int:
        replays.forget_old(c, now - REPLAYS_KEPT)
        ops_sessions.forget_old(c, now)
        return calls.forget_old(c, now, kit.settings.calls_kept)

    forgotten = kit.store.write_retrying(in_one_transaction)
    if forgotten:
        say(logger, logging.DEBUG, "old calls forgotten", calls=forgotten)
