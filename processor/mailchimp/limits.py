"""How many calls are open at once per Mailchimp account, counted across all processes.

Mailchimp allows ten connections per account, shared by all its keys and apps, and names no other limit
(facts.md 6.4). We take fewer, so that the customer's other tools keep working beside us.
"""

from __future__ import annotations

import hashlib
import logging
import random
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import redis

from processor.errors import Passing
from processor.log import say

logger = logging.getLogger(__name__)

DEFAULT_LIMIT = 8
LIMIT_WITHOUT_REDIS = 2
"""Per process while Redis is down: four processes still stay below ten together."""
DEFAULT_TTL_SECONDS = 90.0
"""Longer than the longest call, so that only a killed worker's slot ends by it."""
REDIS_PAUSE_SECONDS = 5.0
"""How long Redis is left alone after it failed: a frozen one costs its time-out at every question."""
_FIRST_SLEEP_SECONDS = 0.01
_LONGEST_SLEEP_SECONDS = 0.1
_MOST_UNRELEASED = 1000


class Slots(Protocol):
    """Gives out the right to have one call open."""

    def hold(self, account_key: str, *, wait_seconds: float) -> AbstractContextManager[None]:
        """Hold one of the account's slots inside the `with`.

        Raises Passing(code="rate_limited") when none came free within `wait_seconds`.
        """

    def give_back(self) -> None:
        """Give back what this process holds: it ends, and its calls with it. Never raises; safe to repeat."""


@dataclass(slots=True)
class _Account:
    in_use: int = 0
    waiting: deque[threading.Event] = field(default_factory=deque)


class LocalSlots:
    """Slots for the threads of one process; who came first is served first."""

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._accounts: dict[str, _Account] = {}

    @contextmanager
    def hold(self, account_key: str, *, wait_seconds: float) -> Iterator[None]:
        """Hold a slot, or raise Passing(code="rate_limited") after `wait_seconds`."""
        self._take(account_key, wait_seconds)
        try:
            yield
        finally:
            self._release(account_key)

    def give_back(self) -> None:
        """Do nothing: nobody else counts these."""

    def _take(self, account_key: str, wait_seconds: float) -> None:
        with self._lock:
            account = self._accounts.setdefault(account_key, _Account())
            if account.in_use < self.limit and not account.waiting:
                account.in_use += 1
                return
            ticket = threading.Event()
            account.waiting.append(ticket)
        if ticket.wait(max(wait_seconds, 0)):
            return
        with self._lock:
            if ticket.is_set():  # handed over between the end of the wait and the lock
                return
            account.waiting.remove(ticket)
        raise Passing("rate_limited")

    def _release(self, account_key: str) -> None:
        with self._lock:
            account = self._accounts[account_key]
            if account.waiting:
                account.waiting.popleft().set()  # handed over: the number in use stays
                return
            account.in_use -= 1
            if account.in_use == 0:
                del self._accounts[account_key]


# Redis's clock, not ours: processes on different machines need not agree on the time.
_TAKE = """
local now = redis.call('TIME')
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now_ms)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then
  return 0
end
redis.call('ZADD', KEYS[1], now_ms + tonumber(ARGV[2]), ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""


class RedisSlots:
    """Slots shared by all processes through one Redis.

    Each slot is a member of a sorted set with the time at which it ends, so a killed worker's slot comes
    free after `ttl_seconds`, which must exceed the longest call. Within a process threads line up first
    come first served; between processes there is no order. While Redis is down each process goes on with
    `LIMIT_WITHOUT_REDIS` slots: a sync that is slower beats one that stands. A Redis that is emptied
    forgets who holds a slot; until those calls end, the limit may be passed by what other processes hold.
    """

    def __init__(
        self,
        client: redis.Redis,
        limit: int = DEFAULT_LIMIT,
        ttl_seconds: float = DEFAULT_TTL_SECONDS,
        *,
        prefix: str = "bothways:slots:",
        now_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limit = limit
        self._ttl_ms = int(ttl_seconds * 1000)
        self._redis = client
        self._take_script = client.register_script(_TAKE)
        self._prefix = prefix
        self._now_seconds = now_seconds
        self._here = LocalSlots(limit)
        self._without_redis = LocalSlots(LIMIT_WITHOUT_REDIS)
        self._paused_until = 0.0
        self._is_down = False
        self._unreleased: deque[tuple[str, str]] = deque(maxlen=_MOST_UNRELEASED)
        self._held: set[tuple[str, str]] = set()

    @contextmanager
    def hold(self, account_key: str, *, wait_seconds: float) -> Iterator[None]:
        """Hold a slot, or raise Passing(code="rate_limited") after `wait_seconds`."""
        deadline = self._now_seconds() + wait_seconds
        with self._here.hold(account_key, wait_seconds=wait_seconds):
            token = uuid.uuid4().hex
            if self._take(account_key, token, deadline):
                self._held.add((self._key(account_key), token))
                try:
                    yield
                finally:
                    self._held.discard((self._key(account_key), token))
                    self._release(account_key, token)
            else:
                rest_seconds = deadline - self._now_seconds()
                with self._without_redis.hold(account_key, wait_seconds=rest_seconds):
                    yield

    def give_back(self) -> None:
        """Give back the slots of calls that are cut off by the end of this process: other processes would
        stand until they end by their time."""
        self._unreleased.extend(self._held.copy())
        try:
            self._release_all()
        except (redis.RedisError, OSError) as error:
            self._went_down(error)

    def _take(self, account_key: str, token: str, deadline: float) -> bool:
        """Take a slot in Redis and return True; return False where Redis cannot say."""
        key = self._key(account_key)
        sleep_seconds = _FIRST_SLEEP_SECONDS
        while self._now_seconds() >= self._paused_until:
            try:
                self._release_all()
                taken = self._take_script(keys=[key], args=[self.limit, self._ttl_ms, token])
                self._came_back()
            except (redis.RedisError, OSError) as error:
                self._went_down(error)
                self._unreleased.append((key, token))  # it may have been taken, and only the answer lost
                return False
            if taken:
                return True
            rest_seconds = deadline - self._now_seconds()
            if rest_seconds <= 0:
                raise Passing("rate_limited")
            # Jitter, so that processes that were refused together do not come back together.
            time.sleep(min(rest_seconds, sleep_seconds * random.uniform(0.5, 1.5)))  # noqa: S311
            sleep_seconds = min(sleep_seconds * 2, _LONGEST_SLEEP_SECONDS)
        return False

    def _release(self, account_key: str, token: str) -> None:
        self._unreleased.append((self._key(account_key), token))
        if self._now_seconds() < self._paused_until:
            return
        try:
            self._release_all()
        except (redis.RedisError, OSError) as error:
            self._went_down(error)

    def _release_all(self) -> None:
        """Give back what could not be given back while Redis was down: without this a Redis that was away
        for a second would leave the account without slots until they end by their time."""
        while self._unreleased:
            try:
                key, token = self._unreleased.popleft()
            except IndexError:  # another thread was quicker
                return
            try:
                self._redis.zrem(key, token)
            except (redis.RedisError, OSError):
                self._unreleased.append((key, token))
                raise

    def _key(self, account_key: str) -> str:
        # Hashed: keys of Redis turn up in monitors and slow logs, a customer's number should not.
        return self._prefix + hashlib.sha256(account_key.encode()).hexdigest()[:24]

    def _went_down(self, error: Exception) -> None:
        self._paused_until = self._now_seconds() + REDIS_PAUSE_SECONDS
        if not self._is_down:
            self._is_down = True
            say(
                logger,
                logging.WARNING,
                "Redis does not answer: calls to Mailchimp are limited inside each process until it does",
                error=type(error).__name__,
                limit=LIMIT_WITHOUT_REDIS,
            )

    def _came_back(self) -> None:
        if self._is_down:
            self._is_down = False
            say(logger, logging.INFO, "Redis answers again: calls to Mailchimp are limited across processes")
