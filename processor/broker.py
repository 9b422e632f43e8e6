"""How web processes wake workers: a poke names an actor and a connection, and carries nothing else.

The database row is the queue. A poke that is lost costs a second (the clock finds what is due), so
ringing never raises and its failures are only counted. Actors are named, not imported: the web process
must not load the workers; a test holds that every name here exists there.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Protocol

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker

from processor.log import say

logger = logging.getLogger(__name__)

QUEUE = "bothways"
PROCESS = "process_events"
PUSH = "push_members"
SWEEP = "sweep_audience"
COLLECT = "collect_batches"
UNINSTALL = "uninstall"
ERASE = "erase_contacts"
PREVIEW = "preview_audience"
DELIVER = "deliver_notices"
REPLAY = "send_again"
PHOTOS = "carry_photos"
REVIEW = "review_issues"
MAIL = "send_mails"
CHECK = "check"
"""Answers the doctor: proves that a poke reaches a worker."""

SILENCE_SECONDS = 15
"""How long one poke speaks for the ones after it. Longer than a poke usually waits in the queue, and the
most that a lost one can cost."""


PAUSE_SECONDS = 5.0
"""How long Redis is left alone after it failed."""


class Bell(Protocol):
    """Rings for work."""

    def ring(self, actor: str, connection_ids: Iterable[str]) -> None:
        """Wake a worker for each connection. Never raises; safe to repeat."""

    def answered(self, actor: str, connection_id: str) -> None:
        """Say that a worker has come for it, so that the next ring is heard again."""


def redis_client(url: str, *, verify_tls: bool = True) -> redis.Redis:
    """Return a Redis client whose calls end within five seconds, also when Redis is frozen.

    `verify_tls=False` is for hosting platforms whose `rediss://` addresses have self-signed chains.
    """
    options = {"ssl_cert_reqs": None} if url.startswith("rediss://") and not verify_tls else {}
    client: redis.Redis = redis.Redis.from_url(
        url, socket_timeout=5, socket_connect_timeout=2, health_check_interval=30, **options
    )
    return client


def make_broker(redis_url: str, client: redis.Redis | None = None) -> dramatiq.Broker:
    """Return the broker for these settings: Redis where there is one, else the one inside the process.

    No Retries, TimeLimit or AgeLimit: retries belong to the row, and Dramatiq's lose messages while
    Redis is away.
    """
    if not redis_url:
        broker: dramatiq.Broker = StubBroker(middleware=[])
    else:
        broker = RedisBroker(  # type: ignore[no-untyped-call]
            client=client or redis_client(redis_url),
            middleware=[],
            namespace="bothways",
            heartbeat_timeout=30_000,
            maintenance_chance=100_000,
        )
    broker.declare_queue(QUEUE)
    return broker


def pokes_waiting(client: redis.Redis) -> int:
    """Return how many pokes no worker has taken yet. Raises RedisError."""
    waiting = client.llen(f"bothways:{QUEUE}")
    return int(waiting)


def _message(actor: str, connection_id: str) -> dramatiq.Message[None]:
    return dramatiq.Message(queue_name=QUEUE, actor_name=actor, args=(connection_id,), kwargs={}, options={})


class LocalBell:
    """Rings inside one process."""

    def __init__(self, broker: dramatiq.Broker) -> None:
        self._broker = broker
        self._lock = threading.Lock()
        self._rung: dict[tuple[str, str], float] = {}

    def ring(self, actor: str, connection_ids: Iterable[str]) -> None:
        """Wake a worker for each connection. Never raises; safe to repeat."""
        now = time.monotonic()
        for connection_id in connection_ids:
            key = (actor, connection_id)
            with self._lock:
                if now - self._rung.get(key, -SILENCE_SECONDS) < SILENCE_SECONDS:
                    continue
                self._rung[key] = now
            try:
                self._broker.enqueue(_message(actor, connection_id))
            except Exception as error:
                say(logger, logging.WARNING, "could not ring", actor=actor, error=type(error).__name__)

    def answered(self, actor: str, connection_id: str) -> None:
        """Say that a worker has come for it, so that the next ring is heard again."""
        with self._lock:
            self._rung.pop((actor, connection_id), None)


class RedisBell:
    """Rings through Redis, once for many: a key of a few seconds says that somebody is on the way.

    After a failure Redis is left alone for a while. A frozen one costs its time-out at every question, and
    the threads that ask have more to do: the clock says between two rings that its worker lives. Meanwhile
    `otherwise`, where it is set, is told what should have been rung for.
    """

    def __init__(
        self, broker: dramatiq.Broker, client: redis.Redis, now_seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self._broker = broker
        self._redis = client
        self._now_seconds = now_seconds
        self.otherwise: Callable[[str, str], None] | None = None
        self._paused_until = 0.0
        self._unsure: set[str] = set()
        """Keys of rings whose answer was lost: they may speak for a poke that was never sent."""

    def ring(self, actor: str, connection_ids: Iterable[str]) -> None:
        """Wake a worker for each connection. Never raises; safe to repeat."""
        for connection_id in connection_ids:
            heard = self._try("could not ring", self._ring, actor, connection_id)
            if not heard and self.otherwise is not None:
                self.otherwise(actor, connection_id)

    def answered(self, actor: str, connection_id: str) -> None:
        """Say that a worker has come for it, so that the next ring is heard again."""
        self._try("could not answer", self._answered, actor, connection_id)

    def _ring(self, actor: str, connection_id: str) -> None:
        key = self._key(actor, connection_id)
        only_if_silent = key not in self._unsure
        self._unsure.add(key)
        if self._redis.set(key, b"1", nx=only_if_silent, ex=SILENCE_SECONDS):
            self._broker.enqueue(_message(actor, connection_id))
        self._unsure.discard(key)

    def _answered(self, actor: str, connection_id: str) -> None:
        self._redis.delete(self._key(actor, connection_id))

    def _try(self, trouble: str, work: Callable[[str, str], None], actor: str, connection_id: str) -> bool:
        if self._now_seconds() < self._paused_until:
            return False  # the row is due, and the clock finds it
        try:
            work(actor, connection_id)
            return True
        except Exception as error:
            self._paused_until = self._now_seconds() + PAUSE_SECONDS
            say(logger, logging.WARNING, trouble, actor=actor, error=type(error).__name__)
            return False

    @staticmethod
    def _key(actor: str, connection_id: str) -> str:
        return f"bothways:rung:{actor}:{connection_id}"
