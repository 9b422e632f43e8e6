"""What the verbs work with. `bootstrap` fills it; verbs take it as their first argument."""

from __future__ import annotations

import os
import random
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from processor.broker import Bell
from processor.config import Settings
from processor.mailchimp.client import Mailchimp
from processor.store.connections import ConnectionRow
from processor.store.engine import Store
from processor.store.sealing import Sealer


def utc_now() -> datetime:
    """Return the time now, aware, in UTC."""
    return datetime.now(UTC)


def _worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{random.getrandbits(32):08x}"


@dataclass(frozen=True, slots=True)
class Kit:
    """The house's tools: database, seal, bell, a way to Mailchimp for a connection, and the clock."""

    settings: Settings
    store: Store
    sealer: Sealer
    bell: Bell
    mailchimp: Callable[[ConnectionRow], Mailchimp]
    now: Callable[[], datetime] = utc_now
    chance: Callable[[], float] = random.random
    """Between 0 and 1: spreads retries."""
    worker: str = field(default_factory=_worker_name)
    """Who holds a lease: this process, this time."""
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when this process is asked to end: what has not begun is handed back."""
