"""What workers do, in numbers. They cannot be scraped, so it is read from the database and Redis."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from processor.report.overview import oldest_due
from processor.store import calls, liveness
from processor.store import overview as stored
from processor.store.engine import Store
from processor.web.metrics import Metric


def _gauge(name: str, text: str, value: float) -> Metric:
    return Metric(f"bothways_{name}", "gauge", text, {"": value})


def of_work(store: Store, now: datetime) -> list[Metric]:
    """Return how the work stands. Reads the database: not for the event loop. Raises StoreDown."""
    with store.read() as c:
        alive = len(liveness.alive(c, now))
        oldest = oldest_due(c, now)
        by_state = stored.connections_by_state(c)
        members = stored.members_by_state(c)
        under_way = stored.under_way(c)
        made = calls.ever(c)
    age_seconds = 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())
    return [
        _gauge("workers_alive", "Worker processes that said within 15 s that they live.", alive),
        _gauge(
            "oldest_waiting_change_seconds",
            "For how long the oldest change that is due has waited, in either direction.",
            age_seconds,
        ),
        Metric("bothways_connections", "gauge", "Connections by stored state.", by_state, "state"),
        Metric(
            "bothways_members",
            "gauge",
            "Contacts in their audiences by state.",
            {state.value: number for state, number in members.items()},
            "state",
        ),
        Metric("bothways_under_way", "gauge", "What has begun and not ended, by kind.", under_way, "kind"),
        *_of_calls(made),
    ]


def _of_calls(made: Mapping[str, tuple[int, float]]) -> list[Metric]:
    return [
        Metric(
            "bothways_mailchimp_calls_total",
            "counter",
            "Calls to Mailchimp by class of answer, of all processes.",
            {answer: number for answer, (number, _) in sorted(made.items())},
            "answer",
        ),
        Metric(
            "bothways_mailchimp_call_seconds_total",
            "counter",
            "Time that these calls took.",
            {answer: seconds for answer, (_, seconds) in sorted(made.items())},
            "answer",
        ),
    ]


def of_redis(waiting: int | None) -> list[Metric]:
    """Return whether Redis answered, and how many pokes wait there for a worker."""
    up = _gauge("redis_up", "Whether Redis answers.", float(waiting is not None))
    if waiting is None:
        return [up]
    return [up, _gauge("pokes_waiting", "Pokes in Redis that no worker has taken yet.", waiting)]
