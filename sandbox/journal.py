"""The requests that were seen: the last ones in full, all of them in exact counts."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Seen:
    """One request. `concurrency` is how many of its account ran when it came, itself included."""

    at_seconds: float
    method: str
    template: str
    path: str
    query: str
    status: int
    account: str
    duration_ms: float
    concurrency: int
    user_agent: str
    authorized: bool
    batch: str
    """The batch that carried it, or ""."""
    request_id: str


class Journal:
    """Bounded memory of requests with counters that never forget."""

    def __init__(self) -> None:
        self._ring: deque[Seen] = deque(maxlen=KEPT)
        self._counts: Counter[tuple[str, str, int, str, bool]] = Counter()

    def note(self, seen: Seen) -> None:
        """Remember a request."""
        self._ring.append(seen)
        self._counts[seen.method, seen.template, seen.status, seen.account, bool(seen.batch)] += 1

    def clear(self) -> None:
        """Forget everything, counts included."""
        self._ring.clear()
        self._counts.clear()

    def last(self, limit: int, **wanted: str) -> list[dict[str, Any]]:
        """The last requests, oldest first. `wanted` filters by equal fields, for example method="GET"."""
        found = [
            asdict(seen)
            for seen in self._ring
            if all(str(getattr(seen, name)) == value for name, value in wanted.items())
        ]
        return found[-limit:] if limit else []

    def counts(self, account: str = "") -> list[dict[str, Any]]:
        """One row for each method, template and status, with its count; what a batch carried is apart
        (`batched`)."""
        rows: Counter[tuple[str, str, int, bool]] = Counter()
        for (method, template, status, of, batched), count in self._counts.items():
            if not account or of == account:
                rows[method, template, status, batched] += count
        return [
            {"method": method, "template": template, "status": status, "batched": batched, "count": count}
            for (method, template, status, batched), count in sorted(rows.items())
        ]
