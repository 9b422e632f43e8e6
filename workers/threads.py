"""Workers and clock in threads of the process that they are started in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dramatiq

from processor.bootstrap import House
from workers.actors import declare
from workers.clock import Clock

IDLE_MS = 100
"""How long an idle worker thread sleeps at most before it looks at the queue again."""
FINISH_MS = 8_000
"""What runs has been asked to end when the signal came, before the web server finished its requests."""


@contextmanager
def working(house: House) -> Iterator[None]:
    """Run this house's workers and clock inside this process; finish and hand back at the end."""
    declare(house.broker, house.kit)
    threads = house.kit.settings.worker_threads
    worker = dramatiq.Worker(house.broker, worker_threads=threads, worker_timeout=IDLE_MS)
    clock = Clock(house.kit)
    worker.start()
    clock.start()
    try:
        yield
    finally:
        clock.begin_nothing()
        worker.stop(timeout=FINISH_MS)
        clock.stop()
