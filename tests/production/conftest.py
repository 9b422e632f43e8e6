"""A database and a Redis for each test, and an installation of two web and two worker processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.production.installation import Installation, installation
from tests.production.services import Database, OwnRedis, shared_redis


@pytest.fixture
def database() -> Iterator[Database]:
    """A PostgreSQL database of the test's own."""
    with Database() as made:
        yield made


@pytest.fixture
def acme(tmp_path: Path, database: Database) -> Iterator[Installation]:
    """Two web and two worker processes with one connected audience."""
    with shared_redis() as redis_url, installation(tmp_path, database.url, redis_url) as made:
        yield made


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    """A Redis that the test may freeze, empty and kill."""
    with OwnRedis(tmp_path) as made:
        yield made
