"""Knows at which addresses Mailchimp may call, without asking the database for each delivery.

An answer is remembered for a few seconds: so long a hook that was just removed still takes deliveries (they
are kept, and skipped by the worker), and for a shorter time one that was just made is unknown. Making a hook
is not hurt by that: nobody has called its address before. One whose webhook Mailchimp is just making is not
remembered at all: its secret comes with the answer, and whoever calls after that must sign.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from processor.log import say
from processor.seals import hook_secret_bind
from processor.store import hooks
from processor.store.engine import Store
from processor.store.hooks import HookRow, HookState
from processor.store.sealing import Sealer

logger = logging.getLogger(__name__)

KNOWN_SECONDS = 5.0
UNKNOWN_SECONDS = 1.0
REMEMBERED = 10_000
SEEN_EVERY = timedelta(minutes=1)
LOOKUP_THREADS = 2


@dataclass(frozen=True, slots=True)
class KnownHook:
    """What a delivery is checked against. `secrets` are open here: never log or keep this."""

    connection_id: str
    is_gone: bool
    secrets: tuple[str, ...]
    is_being_made: bool = False

    def __repr__(self) -> str:
        return f"KnownHook({self.connection_id}, secrets={len(self.secrets)})"


class Doorkeeper:
    """Finds hooks by the token in the path. Belongs to one event loop, which it never blocks."""

    def __init__(self, store: Store, sealer: Sealer, now: Callable[[], datetime]) -> None:
        self._store = store
        self._sealer = sealer
        self._now = now
        # Apart, so that guessed tokens do not push out those that are called.
        self._known: dict[bytes, tuple[float, KnownHook | None]] = {}
        self._unknown: dict[bytes, tuple[float, KnownHook | None]] = {}
        self._asking: dict[bytes, asyncio.Future[KnownHook | None]] = {}
        # Its own few threads: a flood of guessed tokens must not take those that others wait for.
        self._threads = ThreadPoolExecutor(LOOKUP_THREADS, "doorkeeper")

    def recall(self, token_hash: bytes) -> tuple[bool, KnownHook | None]:
        """Return whether it is remembered, and as what. For the hot path; never waits."""
        found = self._known.get(token_hash) or self._unknown.get(token_hash)
        if found is None or found[0] < asyncio.get_running_loop().time():
            return False, None
        return True, found[1]

    async def find(self, token: str) -> KnownHook | None:
        """Return the hook with this token, or None. Raises StoreDown when it cannot be looked up, and what
        the sealer raises when no key opens its secrets."""
        token_hash = hooks.hash_of(token)
        is_known, hook = self.recall(token_hash)
        if is_known:
            return hook
        asked = self._asking.get(token_hash)
        if asked is None:
            asked = asyncio.get_running_loop().run_in_executor(self._threads, self._look_up, token_hash)
            self._asking[token_hash] = asked
            asked.add_done_callback(lambda answer: self._remember(token_hash, answer))
        return await asyncio.shield(asked)

    def close(self) -> None:
        """Let its threads finish what they are at, and end them. Safe to repeat; waits for the database."""
        self._threads.shutdown(cancel_futures=True)

    def _look_up(self, token_hash: bytes) -> KnownHook | None:
        with self._store.read() as c:
            row = hooks.find(c, token_hash)
        if row is None:
            return None
        with suppress(RuntimeError):  # closing
            self._threads.submit(self._mark_seen, row)
        is_gone = row.state is HookState.GONE
        is_being_made = row.state is HookState.LIVE and row.webhook_id is None
        return KnownHook(row.connection_id, is_gone, () if is_gone else self._secrets(row), is_being_made)

    def _secrets(self, row: HookRow) -> tuple[str, ...]:
        bind = hook_secret_bind(row.connection_id)
        return tuple(self._sealer.unseal(sealed, bind) for sealed in row.secrets_sealed)

    def _mark_seen(self, row: HookRow) -> None:
        now = self._now()
        if row.last_seen_at is not None and now - row.last_seen_at < SEEN_EVERY:
            return
        try:
            with self._store.write() as c:
                hooks.seen(c, row.token_hash, now)
        except Exception as error:
            say(logger, logging.WARNING, "could not note that a hook was called", error=type(error).__name__)

    def _remember(self, token_hash: bytes, answer: asyncio.Future[KnownHook | None]) -> None:
        self._asking.pop(token_hash, None)
        if answer.cancelled() or answer.exception() is not None:
            return
        hook = answer.result()
        self._known.pop(token_hash, None)
        self._unknown.pop(token_hash, None)  # popped first, so that a dictionary stays in the order of time
        if hook is not None and hook.is_being_made:
            return
        shelf, seconds = (self._unknown, UNKNOWN_SECONDS) if hook is None else (self._known, KNOWN_SECONDS)
        shelf[token_hash] = (answer.get_loop().time() + seconds, hook)
        if len(shelf) > REMEMBERED:
            del shelf[next(iter(shelf))]
