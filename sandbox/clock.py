"""The time as this Mailchimp sees it, and how it writes it down."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache


@dataclass(slots=True)
class Clock:
    """Wall time plus an offset, so that a test can move Mailchimp's clock without waiting; or one that stands
    still, so that what happens is the same in every run."""

    offset_seconds: float = 0.0
    stands_at_seconds: float | None = None

    def now_seconds(self) -> float:
        """Seconds since 1970, fractions included."""
        now = time.time() if self.stands_at_seconds is None else self.stands_at_seconds
        return now + self.offset_seconds

    def second(self) -> int:
        """The current whole second: Mailchimp's `last_changed` knows nothing finer."""
        return int(self.now_seconds())


@lru_cache(maxsize=65536)
def iso(seconds: int) -> str:
    """ISO 8601 with `+00:00` and whole seconds; "" for 0, as Mailchimp writes a time that is not known."""
    return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds else ""


def fired_at(seconds: float) -> str:
    """The form that webhooks use: `2020-09-07 21:31:09`, no zone (UTC by common reading)."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d %H:%M:%S")


def parse(text: str) -> float:
    """Seconds since 1970 for an ISO 8601 text; one without a zone is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text.strip())
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
