"""What the verbs work with. `bootstrap` fills it; verbs take it as their first argument."""

from __future__ import annotations

import os
import random
import socket
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from processor.broker import Bell
from processor.calls import Calls
from processor.channels import Channels
from processor.config import Settings
from processor.mailchimp.client import Mailchimp
from processor.mailchimp.limits import LocalSlots, Slots
from processor.outside import Outside
from processor.smtp import Post
from processor.storage import LocalStorage, Storage
from processor.store.connections import ConnectionRow
from processor.store.engine import Store
from processor.store.sealing import Sealer


def utc_now() -> datetime:
    """Return the time now, aware, in UTC."""
    return datetime.now(UTC)


def _worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{random.getrandbits(32):08x}"


@dataclass(frozen=True, slots=True)
class Heard:
    """When changes in an audience were last read to their end, and since when to read the next time."""

    at: datetime
    since: datetime


@dataclass(frozen=True, slots=True)
class Reading:
    """What this process last read of an audience's changes, to their end: everything that had changed when
    the event with this number, and all before it, had been kept; and since when to read the next time. What
    was kept later waits until `rests_until`, where there is such a time."""

    audience: str
    event_id: int
    since: datetime
    rests_until: datetime | None = None


class Lanes:
    """How many workers of a process may send webhooks at once: half of them to endpoints that answer, a
    quarter to those that may hang. The rest is left for contacts."""

    def __init__(self, worker_threads: int = 1) -> None:
        self.quick = threading.BoundedSemaphore(max(1, worker_threads // 2))
        self.slow = threading.BoundedSemaphore(max(1, worker_threads // 4))


@dataclass(frozen=True, slots=True)
class Kit:
    """The house's tools: database, seal, bell, a way to Mailchimp for a connection, and the clock."""

    settings: Settings
    store: Store
    sealer: Sealer
    bell: Bell
    mailchimp: Callable[[ConnectionRow], Mailchimp]
    slots: Slots = field(default_factory=LocalSlots)
    """The right to have calls to Mailchimp open."""
    outside: Outside = field(default_factory=Outside)
    """A way to addresses that a platform gave us."""
    storage: Storage = field(default_factory=lambda: LocalStorage(Path("data") / "photos"))
    """Where photos are kept."""
    post: Post = field(default_factory=Post)
    """A way to the mail server, where one is set."""
    channels: Channels = field(default_factory=Channels)
    """Other ways to the operator, where any is set."""
    now: Callable[[], datetime] = utc_now
    chance: Callable[[], float] = random.random
    """Between 0 and 1: spreads retries."""
    worker: str = field(default_factory=_worker_name)
    """Who holds a lease: this process, this time."""
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when this process is asked to end: what has not begun is handed back."""
    lanes: Lanes = field(default_factory=Lanes)
    left_claims: deque[str] = field(default_factory=deque)
    left_turns: deque[tuple[str, str]] = field(default_factory=deque)
    """Claims, and (name, holder) of turns, that could not be given back because the database was away. The
    clock does it (`tick`); nobody else would, since this worker lives."""

    calls: Calls = field(default_factory=Calls)
    """What this process asked of Mailchimp, until it is written down (`processor.attempt`)."""

    readings: dict[str, Reading] = field(default_factory=dict)
    """The last reading of each connection's changes by this process (`burst`)."""
    heard: dict[tuple[str, str], Heard] = field(default_factory=dict)
    """What this process has read of what changed in an audience (`processor.push.know`). Losing it costs a
    call."""

    def enough(self, began: datetime) -> bool:
        """Whether work that was claimed at `began` should come to its end: this process is stopping, or a
        third of the lease is over, and the calls under way must still fit in."""
        return self.stopping.is_set() or self.now() - began > timedelta(
            seconds=self.settings.lease_seconds / 3
        )
