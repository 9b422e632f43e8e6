"""A database and a Redis for each test, and an installation of two web and two worker processes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from processor import bootstrap
from processor.config import Settings
from processor.kit import Kit
from processor.store import Store, accounts, connections
from tests.production.installation import Installation, installation
from tests.production.services import Database, OwnRedis, shared_redis
from tests.production.stand import AUDIENCE, Away, Mailchimp
from tests.store.build import GRANT, NOW
from tests.store.conftest import store, url

__all__ = ["store", "url"]


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


@pytest.fixture
def mailchimp() -> Mailchimp:
    """The audience."""
    return Mailchimp()


@pytest.fixture
def kit(store: Store, url: str, mailchimp: Mailchimp) -> Iterator[Kit]:
    """The tools on that store, with an audience connected and nobody at work."""
    with store.write() as c:
        accounts.ensure(c, "acc_1", NOW)
        connections.create(c, "con_a", "acc_1", NOW, state="in_sync", **GRANT)
        connections.update(c, "con_a", NOW, audience_id=AUDIENCE)
    settings = Settings(database_url=url, secret_key="a secret key that is long enough for tests")
    house = bootstrap.build(settings, now=lambda: mailchimp.now)
    opened = house.store
    away = Away(opened.engine, opened._writer)
    yield replace(house.kit, store=away, mailchimp=lambda row: mailchimp)
    house.close()
