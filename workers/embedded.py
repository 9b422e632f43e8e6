"""Everything in one process: web server, workers in threads, clock. No Redis, no PostgreSQL."""

from __future__ import annotations

from processor import bootstrap
from processor.config import Settings
from processor.store.migrate import migrate
from processor.web.main import application
from processor.web.server import serve
from workers.memory import share_arenas
from workers.threads import working


def run(settings: Settings) -> None:
    """Bring the tables up to date and serve until SIGTERM or SIGINT; what waits is kept in DATA_DIR."""
    share_arenas()
    migrate(settings.database)
    house = bootstrap.build(settings)
    try:
        with working(house):
            app = application(house)
            body_seconds = settings.body_timeout_seconds
            serve(app, host=settings.host, port=settings.port, body_seconds=body_seconds)
    finally:
        house.close()
