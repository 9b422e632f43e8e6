"""The web process under test, on SQLite by default and on PostgreSQL under `-m services`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from processor.kit import Kit
from processor.web.app import build
from processor.web.server import Running
from tests.ready import ready_postgresql
from tests.receiver.house import Clock, Rung, make_kit, make_settings

KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.services)]


@contextmanager
def empty_database(kind: str, folder: Path) -> Iterator[str]:
    """Yield the URL of an empty database of this kind."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'receiver.sqlite3'}"
        return
    with ready_postgresql() as url:
        yield url


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of the test's own, of either kind."""
    with empty_database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def bell() -> Rung:
    """The bell of the process under test."""
    return Rung()


@pytest.fixture
def clock() -> Clock:
    """The clock of the process under test."""
    return Clock()


@pytest.fixture
def kit(tmp_path: Path, database_url: str, bell: Rung, clock: Clock) -> Iterator[Kit]:
    """What the process under test works with."""
    settings = make_settings(tmp_path, database_url, max_body_bytes=20_000)
    made = make_kit(settings, bell=bell, now=clock)
    yield made
    made.store.close()


@pytest.fixture
def server(kit: Kit) -> Iterator[Running]:
    """The process under test."""
    with Running(build(kit), body_seconds=0.5) as running:
        yield running


@pytest.fixture
def http(server: Running) -> Iterator[httpx.Client]:
    """A client of the process under test."""
    with httpx.Client(base_url=server.url, timeout=10) as client:
        yield client
