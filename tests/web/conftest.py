"""The API over ASGI on a real database, and the OAuth pages over real HTTP beside the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.control import Control
from sandbox.server import Running as Sandbox
from tests.web.house import DATABASES, Api, Clock, Place, open_api, open_database, open_place


@pytest.fixture
def clock() -> Clock:
    """The clock of the process under test."""
    return Clock()


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database of the test's own: SQLite, and PostgreSQL under `-m services`."""
    with open_database(request.param) as url:
        yield url


@pytest.fixture
def api(tmp_path: Path, clock: Clock, database_url: str) -> Iterator[Api]:
    """The API on an empty database, with a key for all accounts and one each for two tenants."""
    with open_api(tmp_path, clock, database_url=database_url) as made:
        yield made


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A Mailchimp for the tests of one module."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def control(sandbox: Sandbox) -> Iterator[Control]:
    """The sandbox, emptied."""
    sandbox.control.reset()
    yield sandbox.control
    sandbox.control.mend()


@pytest.fixture
def place(tmp_path: Path, sandbox: Sandbox, control: Control) -> Iterator[Place]:
    """The whole web process over real HTTP, connected to nothing yet."""
    with open_place(tmp_path, sandbox.url, control) as made:
        yield made
