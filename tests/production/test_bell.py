"""Ringing through Redis: what a Redis that fails costs, and what it may swallow."""

from __future__ import annotations

import dramatiq
import pytest
import redis
from dramatiq.brokers.stub import StubBroker

from processor.broker import PAUSE_SECONDS, PROCESS, PUSH, QUEUE, LocalBell, RedisBell


class Frozen:
    """A Redis that may be frozen: what is asked of it then is done, but the answer is lost."""

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self.asked = 0
        self.is_frozen = False

    def set(self, key: str, value: bytes, *, nx: bool, ex: int) -> bool:
        """Set a key where it may be set."""
        done = not nx or key not in self.keys
        self.keys.add(key)
        self._answer()
        return done

    def delete(self, key: str) -> None:
        """Take a key away."""
        self.keys.discard(key)
        self._answer()

    def _answer(self) -> None:
        self.asked += 1
        if self.is_frozen:
            raise redis.TimeoutError("no answer")


@pytest.fixture
def broker() -> dramatiq.Broker:
    """A broker inside this process."""
    made = StubBroker(middleware=[])
    made.declare_queue(QUEUE)
    return made


def _rung(broker: dramatiq.Broker) -> int:
    return broker.queues[QUEUE].qsize()


def test_one_poke_speaks_for_the_next_ones_until_a_worker_comes(broker: dramatiq.Broker) -> None:
    """A burst costs one message, and what comes after the worker did costs another."""
    bell = RedisBell(broker, Frozen())
    bell.ring(PROCESS, ["con_a", "con_a", "con_b"])
    bell.ring(PUSH, ["con_a"])
    assert _rung(broker) == 3
    bell.answered(PROCESS, "con_a")
    bell.ring(PROCESS, ["con_a", "con_b"])
    assert _rung(broker) == 4


def test_a_redis_that_failed_is_left_alone_for_a_while(broker: dramatiq.Broker) -> None:
    """A frozen one costs its time-out once, not for every connection that has work."""
    clock = [0.0]
    frozen = Frozen()
    frozen.is_frozen = True
    bell = RedisBell(broker, frozen, now_seconds=lambda: clock[0])
    bell.ring(PROCESS, [f"con_{n}" for n in range(50)])
    bell.ring(PUSH, ["con_a"])
    bell.answered(PROCESS, "con_a")
    assert frozen.asked == 1
    clock[0] = PAUSE_SECONDS
    bell.ring(PUSH, ["con_a"])
    assert frozen.asked == 2


def test_a_ring_whose_answer_was_lost_is_rung_again(broker: dramatiq.Broker) -> None:
    """Redis has noted that a poke is on its way, and none is: the next ring is heard all the same."""
    clock = [0.0]
    frozen = Frozen()
    frozen.is_frozen = True
    bell = RedisBell(broker, frozen, now_seconds=lambda: clock[0])
    bell.ring(PROCESS, ["con_a"])
    assert (_rung(broker), len(frozen.keys)) == (0, 1)
    frozen.is_frozen = False
    clock[0] = PAUSE_SECONDS
    bell.ring(PROCESS, ["con_a"])
    bell.ring(PROCESS, ["con_a"])
    assert _rung(broker) == 1


def test_the_bell_inside_one_process_rings_once_for_many_too(broker: dramatiq.Broker) -> None:
    """The embedded mode keeps the same promise."""
    bell = LocalBell(broker)
    bell.ring(PROCESS, ["con_a", "con_a"])
    assert _rung(broker) == 1
    bell.answered(PROCESS, "con_a")
    bell.ring(PROCESS, ["con_a"])
    assert _rung(broker) == 2
