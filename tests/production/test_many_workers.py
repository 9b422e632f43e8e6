"""Many worker processes: one clock among them, and one limit towards Mailchimp."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
import redis

from processor import contacts
from processor.domain.contact import Consent, ConsentStatus
from processor.domain.edit import ContactPatch
from tests.production.installation import Installation, connect_audience, installation
from tests.production.services import Database, OwnRedis
from tests.whole.world import until

pytestmark = [pytest.mark.services, pytest.mark.slow]

AGREED = Consent(ConsentStatus.SUBSCRIBED, datetime.fromisoformat("2026-01-15T09:00:00+00:00"), "checkout")
TENANTS = ("north", "south", "east")
PEOPLE = 45
"""Few enough that their changes go by calls of their own, not by a batch (`push.batch.MANY`)."""


@pytest.fixture
def crowd(tmp_path: Path, database: Database, own_redis: OwnRedis) -> Iterator[Installation]:
    """One web process and three worker processes."""
    with installation(tmp_path, database.url, own_redis.url, webs=1, workers=3) as made:
        yield made


def test_the_clock_runs_once_and_another_takes_over_when_its_process_is_killed(crowd: Installation) -> None:
    """Of three clocks one looks for work, about once a second; ten seconds after its end another does."""
    leaders, ticks = set(), set()
    end = time.monotonic() + 6
    while time.monotonic() < end:
        found = crowd.clock()
        if found is not None:
            leaders.add(found[0])
            ticks.add(found[1])
        time.sleep(0.02)
    [leader] = leaders
    assert 4 <= len(ticks) <= 7
    [process] = [worker for worker in crowd.workers if leader in crowd.names_of(worker)]
    process.kill()
    until(lambda: (found := crowd.clock()) and found[0] != leader, 13)
    crowd.control.subscribe(crowd.audience, "jo@maple-street.test")
    until(lambda: crowd.contacts().get("jo@maple-street.test"))


def test_calls_to_one_mailchimp_account_stay_below_its_limit(crowd: Installation) -> None:
    """Three tenants share a Mailchimp account, three processes work for them: never more than nine calls at
    once of the ten that Mailchimp allows, and nothing refused for it."""
    audiences = _tenants(crowd)
    _write_all(crowd, "A")
    until(lambda: _have_all(crowd, audiences, "A"), 30)
    crowd.control.forget_requests()
    crowd.control.latency(0.15, 0.1)
    _write_all(crowd, "B")
    until(lambda: _have_all(crowd, audiences, "B"), 60)
    assert 6 <= crowd.control.most_in_flight(crowd.mailchimp_account) <= 9
    assert crowd.control.requests(status=429) == []
    changes = crowd.control.calls(crowd.mailchimp_account)["PATCH /lists/{list_id}/members/{subscriber_hash}"]
    assert changes == len(TENANTS) * PEOPLE, "a change was sent twice"


def test_a_killed_worker_holds_no_call_for_long(crowd: Installation, own_redis: OwnRedis) -> None:
    """Killed while its calls hang: the others carry its work out, its places end by time."""
    audiences = _tenants(crowd)
    _write_all(crowd, "A")
    until(lambda: _have_all(crowd, audiences, "A"), 30)
    crowd.control.hang(method="PATCH")
    contacts.put_many(crowd.kit, TENANTS[0], {f"{n}": _patch(TENANTS[0], n, "B") for n in range(PEOPLE)})
    until(lambda: _slots(own_redis) > 0)
    for worker in crowd.workers[:2]:
        worker.kill()
    crowd.control.mend()
    until(lambda: _have_all(crowd, audiences[:1], "B"), 60)
    assert _slots(own_redis, after_seconds=95) == 0  # a place lasts 90 s; living workers take new ones


def _tenants(made: Installation) -> list[str]:
    audiences = []
    for tenant in TENANTS:
        listed = made.control.audience(made.mailchimp_account, tenant)
        connect_audience(made, tenant, made.mailchimp_account, listed.id)
        audiences.append(listed.id)
    return audiences


def _patch(tenant: str, n: int, name: str) -> ContactPatch:
    return ContactPatch(email=f"p{n}@{tenant}-street.test", fields={"first_name": name}, consent=AGREED)


def _write_all(made: Installation, name: str) -> None:
    for tenant in TENANTS:
        contacts.put_many(made.kit, tenant, {f"{n}": _patch(tenant, n, name) for n in range(PEOPLE)})


def _have_all(made: Installation, audiences: list[str], name: str) -> bool:
    members = [list(made.control.members(audience).values()) for audience in audiences]
    return all(
        len(found) == PEOPLE and {m["merge_fields"]["FNAME"] for m in found} == {name} for found in members
    )


def _slots(own_redis: OwnRedis, after_seconds: float = 0) -> int:
    """How many places are held, of those that last longer than so many seconds from now."""
    with redis.Redis.from_url(own_redis.url) as client:
        after_ms = (time.time() + after_seconds) * 1000
        return sum(client.zcount(key, after_ms, "+inf") for key in client.scan_iter("bothways:slots:*"))
