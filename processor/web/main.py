"""The web process: built from the settings, checked, and served."""

from __future__ import annotations

from starlette.applications import Starlette

from processor import bootstrap, config, log
from processor.bootstrap import House
from processor.config import Settings
from processor.errors import ConfigError
from processor.store.migrate import pending
from processor.web.app import build
from processor.web.routes import routes
from processor.web.server import serve, serve_many


def application(house: House) -> Starlette:
    """Return the whole web application of this house."""
    return build(house.kit, routes=routes(house.kit, house.http))


def factory() -> Starlette:
    """Build the application of one of several web processes, from the environment."""
    settings = config.load(config.Role.WEB)
    log.set_up(settings.log_level, as_json=settings.log_format == "json")
    return application(bootstrap.build(settings))


def serve_web(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises ConfigError when the tables are not up to date."""
    if pending(settings.database):
        raise ConfigError(["The database's tables are not up to date. Run: bothways migrate"])
    if settings.web_concurrency > 1:
        serve_many(
            "processor.web.main:factory",
            workers=settings.web_concurrency,
            host=settings.host,
            port=settings.port,
            body_seconds=settings.body_timeout_seconds,
        )
        return
    house = bootstrap.build(settings)
    try:
        serve(
            application(house),
            host=settings.host,
            port=settings.port,
            body_seconds=settings.body_timeout_seconds,
        )
    finally:
        house.close()
