"""Redis carries pokes only: it may be emptied, frozen and killed, and nothing is lost with it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.production.installation import Installation, installation
from tests.production.load import Storm, assert_all_applied, storm
from tests.production.services import Database, OwnRedis
from tests.whole.world import until

pytestmark = [pytest.mark.services, pytest.mark.slow]


@pytest.fixture
def acme(tmp_path: Path, database: Database, own_redis: OwnRedis) -> Iterator[Installation]:
    """Two web and two worker processes with a Redis of their own."""
    with installation(tmp_path, database.url, own_redis.url) as made:
        yield made


def test_redis_emptied_in_the_middle_of_2000_webhooks_loses_nothing(
    acme: Installation, own_redis: OwnRedis
) -> None:
    """FLUSHALL, three times: the clock finds what nobody was poked for."""
    with storm(acme) as going:
        for acts in (500, 1000, 1500):
            going.until_acts(acts)
            own_redis.flush()
    assert_all_applied(acme, 30)


def test_redis_killed_and_restarted_empty_in_the_middle_of_2000_webhooks_loses_nothing(
    acme: Installation, own_redis: OwnRedis
) -> None:
    """It is away for a few seconds and comes back knowing nothing; the processes stay up."""
    with storm(acme) as going:
        going.until_acts(700)
        own_redis.kill()
        time.sleep(3)
        own_redis.start()
    assert_all_applied(acme, 45)
    assert all(process.is_running for process in [*acme.webs, *acme.workers])


def test_while_redis_is_frozen_answers_stay_quick_and_afterwards_all_is_applied(
    acme: Installation, own_redis: OwnRedis
) -> None:
    """SIGSTOP for 25 s: no webhook waits for Redis, no living worker is taken for dead, nothing is lost."""
    with storm(acme) as going:
        going.until_acts(600)
        own_redis.freeze()
        try:
            _until_all_acted(going)
            assert acme.control.settle(20)
            time.sleep(20)
            alive = [acme.names_of(worker) for worker in acme.workers]
        finally:
            own_redis.thaw()
    assert all(alive), "a worker that only waits for Redis was taken for dead"
    slowest_ms = max(a["duration_ms"] for d in acme.control.deliveries(limit=20_000) for a in d["attempts"])
    assert slowest_ms < 2_000
    assert_all_applied(acme, 45)


def _until_all_acted(going: Storm) -> None:
    until(lambda: going.acts == 2000, 60)


def test_while_redis_is_away_altogether_2000_webhooks_are_applied(
    acme: Installation, own_redis: OwnRedis
) -> None:
    """The worker whose clock finds the work does it by itself; when Redis is back, pokes are heard again."""
    own_redis.kill()
    with storm(acme):
        pass
    assert_all_applied(acme, 45)
    own_redis.start()
    acme.control.subscribe(acme.audience, "jo@maple-street.test")
    until(lambda: acme.contacts().get("jo@maple-street.test"), 20)
