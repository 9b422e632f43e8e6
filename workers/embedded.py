"""Everything in one process: web server, workers in threads, clock. No Redis, no PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dramatiq

from processor import bootstrap
from processor.bootstrap import House
from processor.config import Settings
from processor.store.migrate import migrate
from processor.web.main import application
from processor.web.server import serve
from workers.actors import declare
from workers.clock import Clock

IDLE_MS = 100
"""How long an idle worker thread sleeps at most before it looks at the queue again."""
FINISH_MS = 20_000


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


def run(settings: Settings) -> None:
    """Bring the tables up to date and serve until SIGTERM or SIGINT; what waits is kept in DATA_DIR."""
    migrate(settings.database)
    house = bootstrap.build(settings)
    try:
        with working(house):
            serve(application(house), port=settings.port)
    finally:
        house.close()
