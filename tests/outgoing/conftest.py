"""A platform's server, and a house whose clock the test sets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.outgoing import stage as made
from tests.outgoing.stage import Platform, Stage
from tests.web.house import DATABASES, Clock, open_database


@pytest.fixture
def clock() -> Clock:
    """It begins now, since what is signed says when, and stands until it is set."""
    return Clock(datetime.now(UTC))


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database of the test's own: SQLite, and PostgreSQL under `-m services`."""
    with open_database(request.param) as url:
        yield url


@pytest.fixture
def stage(tmp_path: Path, clock: Clock, database_url: str) -> Iterator[Stage]:
    """A house without workers."""
    with made.stage(tmp_path, clock, database_url=database_url) as house:
        yield house


@pytest.fixture
def platform() -> Iterator[Platform]:
    """The platform's server."""
    with made.platform() as running:
        yield running
