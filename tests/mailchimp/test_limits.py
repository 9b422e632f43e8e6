"""Never more than so many calls at once per Mailchimp account, in one process and over many."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import fakeredis
import pytest
import redis

from processor.errors import Passing
from processor.mailchimp.limits import LIMIT_WITHOUT_REDIS, LocalSlots, RedisSlots, Slots

ACCOUNT = "131656250"
LONG_SECONDS = 10.0


@dataclass
class Gauge:
    """How many are inside at once, and the most that ever were."""

    inside: int = 0
    most: int = 0
    done: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> None:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.inside -= 1
            self.done += 1


@pytest.fixture
def fake() -> Iterator[redis.Redis]:
    """A Redis inside this process, with its own data."""
    client = fakeredis.FakeRedis()
    yield client
    client.close()


@pytest.fixture
def real() -> Iterator[redis.Redis]:
    """The real Redis that the environment names; the test's keys have a prefix of their own."""
    client = redis.Redis.from_url(os.environ["BOTHWAYS_TEST_REDIS"])
    yield client
    client.close()


def crowd(slots: list[Slots], threads: int, rounds: int, hold_seconds: float = 0.003) -> Gauge:
    """Let many threads hold slots again and again; return what the gauge saw."""
    gauge = Gauge()

    def work(own: Slots) -> None:
        for _ in range(rounds):
            with own.hold(ACCOUNT, wait_seconds=LONG_SECONDS), gauge:
                time.sleep(hold_seconds)

    together([partial(work, slots[n % len(slots)]) for n in range(threads)])
    return gauge


def together(jobs: list[Callable[[], None]]) -> None:
    """Run the jobs in threads of their own and wait for all; an exception in one fails the test."""
    failures: list[BaseException] = []

    def guarded(job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as failure:
            failures.append(failure)

    running = [threading.Thread(target=guarded, args=[job]) for job in jobs]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(60)
    assert failures == []


def test_threads_of_one_process_never_pass_the_limit() -> None:
    """Twenty threads, a limit of four: four at most, all get their turn, and nothing is left behind."""
    slots = LocalSlots(4)
    gauge = crowd([slots], threads=20, rounds=10)
    assert (gauge.most, gauge.done) == (4, 200)
    assert slots._accounts == {}


def test_who_came_first_is_served_first() -> None:
    """Waiting threads get the slot in the order in which they came."""
    slots = LocalSlots(1)
    served: list[int] = []

    def wait_in_line(number: int) -> None:
        with slots.hold(ACCOUNT, wait_seconds=LONG_SECONDS):
            served.append(number)

    threads = [threading.Thread(target=wait_in_line, args=[number]) for number in range(5)]
    with slots.hold(ACCOUNT, wait_seconds=0):
        for count, thread in enumerate(threads, start=1):
            thread.start()
            wait_until(partial(has_waiting, slots, count))
    for thread in threads:
        thread.join(10)
    assert served == [0, 1, 2, 3, 4]


def has_waiting(slots: LocalSlots, count: int) -> bool:
    """Whether so many threads wait for a slot."""
    return len(slots._accounts[ACCOUNT].waiting) == count


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for something that other threads do, five seconds at most."""
    deadline = time.monotonic() + 5
    while not is_so():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.002)


def both_kinds(client: redis.Redis) -> list[Slots]:
    """Each kind of slots with a limit of one."""
    return [LocalSlots(1), RedisSlots(client, 1)]


def test_no_free_slot_in_time_is_a_passing_rate_limit(fake: redis.Redis) -> None:
    """Whoever waits in vain is told so with the catalogue's code, soon after the wait ended."""
    for slots in both_kinds(fake):
        with slots.hold(ACCOUNT, wait_seconds=0):
            started = time.monotonic()
            with pytest.raises(Passing) as refusal, slots.hold(ACCOUNT, wait_seconds=0.05):
                pass
            assert refusal.value.code == "rate_limited"
            assert 0.04 < time.monotonic() - started < 2
        with slots.hold(ACCOUNT, wait_seconds=0):
            pass


def test_accounts_do_not_hinder_each_other(fake: redis.Redis) -> None:
    """One account's calls take nothing from another's."""
    for slots in both_kinds(fake):
        with slots.hold(ACCOUNT, wait_seconds=0), slots.hold("another", wait_seconds=0):
            pass


def test_a_slot_comes_back_when_the_call_fails(fake: redis.Redis) -> None:
    """An exception inside does not keep the slot."""
    for slots in both_kinds(fake):
        for _ in range(3):
            with pytest.raises(ZeroDivisionError), slots.hold(ACCOUNT, wait_seconds=0):
                _ = 1 / 0


def processes_share_the_limit(client: redis.Redis, prefix: str) -> None:
    """Three "processes" of eight threads with a limit of five."""
    slots: list[Slots] = [RedisSlots(client, 5, prefix=prefix) for _ in range(3)]
    gauge = crowd(slots, threads=24, rounds=5)
    assert gauge.most <= 5
    assert gauge.done == 120
    assert list(client.scan_iter(prefix + "*")) == []


def killed_holder_is_freed(client: redis.Redis, prefix: str) -> None:
    """A slot whose holder never gives it back ends by its time."""
    killed = RedisSlots(client, 1, ttl_seconds=0.3, prefix=prefix)
    assert killed._take(ACCOUNT, "token of the killed", time.monotonic())
    other = RedisSlots(client, 1, ttl_seconds=30, prefix=prefix)
    with pytest.raises(Passing), other.hold(ACCOUNT, wait_seconds=0):
        pass
    with other.hold(ACCOUNT, wait_seconds=5):
        pass


def emptied_redis_is_no_harm(client: redis.Redis, prefix: str) -> None:
    """Redis forgets everything while slots are held: nothing raises, and the counting goes on."""
    slots = RedisSlots(client, 1, prefix=prefix)
    other = RedisSlots(client, 1, prefix=prefix)
    with slots.hold(ACCOUNT, wait_seconds=0):
        for key in client.scan_iter(prefix + "*"):
            client.delete(key)
        with other.hold(ACCOUNT, wait_seconds=0):
            pass
    with slots.hold(ACCOUNT, wait_seconds=0), pytest.raises(Passing), other.hold(ACCOUNT, wait_seconds=0):
        pass


def ending_process_gives_its_slots_back(client: redis.Redis, prefix: str) -> None:
    """Its call hangs: others need not wait until the slot ends by its time."""
    ending, other = RedisSlots(client, 1, prefix=prefix), RedisSlots(client, 1, prefix=prefix)
    with ending.hold(ACCOUNT, wait_seconds=0):
        ending.give_back()
        with other.hold(ACCOUNT, wait_seconds=0):
            pass
    assert list(client.scan_iter(prefix + "*")) == []


REDIS_PROMISES = [
    processes_share_the_limit,
    killed_holder_is_freed,
    emptied_redis_is_no_harm,
    ending_process_gives_its_slots_back,
]


@pytest.mark.parametrize("promise", REDIS_PROMISES)
def test_slots_in_redis(promise: Callable[[redis.Redis, str], None], fake: redis.Redis) -> None:
    """Shared by processes, freed after a kill, unharmed by an emptied Redis."""
    promise(fake, "bothways:slots:")


@pytest.mark.services
@pytest.mark.parametrize("promise", REDIS_PROMISES)
def test_slots_in_a_real_redis(promise: Callable[[redis.Redis, str], None], real: redis.Redis) -> None:
    """The same on the Redis that production runs."""
    promise(real, f"bothways:test:{uuid.uuid4().hex}:")


HOLDER = """
import sys, time, redis
from processor.mailchimp.limits import RedisSlots
slots = RedisSlots(redis.Redis.from_url(sys.argv[1]), 1, ttl_seconds=1, prefix=sys.argv[2])
with slots.hold(sys.argv[3], wait_seconds=0):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.services
def test_a_worker_killed_in_the_middle_of_a_call_blocks_nobody_for_long(real: redis.Redis) -> None:
    """A process that holds the only slot is killed with SIGKILL; another gets the slot when it ends."""
    prefix = f"bothways:test:{uuid.uuid4().hex}:"
    arguments = [sys.executable, "-c", HOLDER, os.environ["BOTHWAYS_TEST_REDIS"], prefix, ACCOUNT]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        slots = RedisSlots(real, 1, prefix=prefix)
        with pytest.raises(Passing), slots.hold(ACCOUNT, wait_seconds=0):
            pass
        holder.kill()
    with slots.hold(ACCOUNT, wait_seconds=5):
        pass


def test_while_redis_is_down_the_sync_goes_on_slowly_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Calls go on under a small limit of this process, with one warning and one all-clear."""
    server = fakeredis.FakeServer()
    clock = [0.0]
    slots = RedisSlots(fakeredis.FakeRedis(server=server), 8, now_seconds=lambda: clock[0])
    caplog.set_level(logging.INFO, "processor.mailchimp.limits")
    server.connected = False
    gauge = crowd([slots], threads=6, rounds=3)
    assert (gauge.most, gauge.done) == (LIMIT_WITHOUT_REDIS, 18)
    server.connected = True
    clock[0] = 60.0
    with slots.hold(ACCOUNT, wait_seconds=0):
        pass
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_a_redis_that_was_away_for_a_moment_keeps_no_slot() -> None:
    """What could not be given back during the outage is given back after it, not only by its time."""
    server = fakeredis.FakeServer()
    clock = [0.0]
    slots = RedisSlots(fakeredis.FakeRedis(server=server), 2, now_seconds=lambda: clock[0])
    with slots.hold(ACCOUNT, wait_seconds=0), slots.hold(ACCOUNT, wait_seconds=0):
        server.connected = False
    server.connected = True
    clock[0] = 60.0
    with slots.hold(ACCOUNT, wait_seconds=0), slots.hold(ACCOUNT, wait_seconds=0):
        pass
    assert list(fakeredis.FakeRedis(server=server).scan_iter()) == []


def test_a_frozen_redis_is_not_asked_at_every_call() -> None:
    """After a failure Redis is left alone for a while: a frozen one must not cost its time-out each time."""
    server = fakeredis.FakeServer()
    clock = [0.0]
    slots = RedisSlots(fakeredis.FakeRedis(server=server), 8, now_seconds=lambda: clock[0])
    server.connected = False
    with slots.hold(ACCOUNT, wait_seconds=0):
        pass
    server.connected = True
    with slots.hold(ACCOUNT, wait_seconds=0):
        assert list(fakeredis.FakeRedis(server=server).scan_iter()) == []
    clock[0] = 60.0
    with slots.hold(ACCOUNT, wait_seconds=0):
        assert len(list(fakeredis.FakeRedis(server=server).scan_iter())) == 1
