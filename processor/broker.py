"""How web processes wake workers: a poke names an actor and a connection, and carries nothing else.

The database row is the queue. A poke that is lost costs a second (the clock finds what is due), so
ringing never raises and its failures are only counted. Actors are named, not imported: the web process
must not load the workers; a test holds that every name here exists there.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
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
CHECK = "check"
"""Answers the doctor: proves that a poke reaches a worker."""

SILENCE_SECONDS = 15
"""How long one poke speaks for the ones after it. Longer than a poke usually waits in the queue, and the
most that a lost one can cost."""


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
    """Rings through Redis, once for many: a key of a few seconds says that somebody is on the way."""

    def __init__(self, broker: dramatiq.Broker, client: redis.Redis) -> None:
        self._broker = broker
        self._redis = client

    def ring(self, actor: str, connection_ids: Iterable[str]) -> None:
        """Wake a worker for each connection. Never raises; safe to repeat."""
        for connection_id in connection_ids:
            try:
                if self._redis.set(self._key(actor, connection_id), b"1", nx=True, ex=SILENCE_SECONDS):
                    self._broker.enqueue(_message(actor, connection_id))
            except Exception as error:
                say(logger, logging.WARNING, "could not ring", actor=actor, error=type(error).__name__)
                return  # Redis is away: the clock finds what is due, and the caller must not wait for each

    def answered(self, actor: str, connection_id: str) -> None:
        """Say that a worker has come for it, so that the next ring is heard again."""
        try:
            self._redis.delete(self._key(actor, connection_id))
        except Exception as error:
            say(logger, logging.WARNING, "could not answer", actor=actor, error=type(error).__name__)

    @staticmethod
    def _key(actor: str, connection_id: str) -> str:
        return f"bothways:rung:{actor}:{connection_id}"
