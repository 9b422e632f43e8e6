"""Numbers in Prometheus' text form. Few, and written by hand: a library would bring registries and locks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from processor.receive import Tally
from processor.store import inbox
from processor.store.engine import Store

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `values` are by the value of its one label; a metric without a label has the key ""."""

    name: str
    kind: Literal["counter", "gauge"]
    help: str
    values: Mapping[str, float]
    label: str = ""


def exposition(metrics: Iterable[Metric]) -> str:
    """Return the metrics as Prometheus reads them. Labels are our own words and need no escaping."""
    lines: list[str] = []
    for metric in metrics:
        lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}"]
        for value_of_label, value in metric.values.items():
            label = f'{{{metric.label}="{value_of_label}"}}' if metric.label else ""
            lines.append(f"{metric.name}{label} {value:.15g}")
    return "\n".join(lines) + "\n"


def of_receiver(tally: Tally) -> list[Metric]:
    """Return what this process received since it started. Never waits."""

    def counter(name: str, text: str, value: float) -> Metric:
        return Metric(f"bothways_{name}", "counter", f"{text} In this process.", {"": value})

    return [
        counter("deliveries_accepted_total", "Deliveries answered 200 after their commit.", tally.accepted),
        counter("deliveries_duplicate_total", "Of these, such as were there already.", tally.duplicates),
        counter("commits_total", "Commits of the receiver; one keeps many deliveries.", tally.batches),
        counter("commit_seconds_total", "Time that these commits took.", tally.commit_seconds),
        Metric(
            "bothways_commit_largest_batch",
            "gauge",
            "Most deliveries in one commit. In this process.",
            {"": tally.largest_batch},
        ),
        Metric(
            "bothways_deliveries_refused_total",
            "counter",
            "Calls of webhooks not answered 200, by reason. In this process.",
            dict(sorted(tally.refused.items())),
            "reason",
        ),
    ]


def of_inbox(store: Store, now: datetime) -> list[Metric]:
    """Return what waits in the inbox. Reads the database: not for the event loop. Raises StoreDown."""
    with store.read() as c:
        counts = inbox.counts(c)
        oldest = inbox.oldest_due(c, now)
    age_seconds = 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())
    return [
        Metric(
            "bothways_events",
            "gauge",
            "Events by status.",
            {status.value: count for status, count in counts.items()},
            "status",
        ),
        Metric(
            "bothways_events_oldest_due_seconds",
            "gauge",
            "For how long the oldest due event has waited: the one figure to alert on.",
            {"": age_seconds},
        ),
    ]


def of_database(is_up: bool) -> Metric:
    """Return whether the database answered."""
    return Metric("bothways_database_up", "gauge", "Whether the database answers.", {"": float(is_up)})
