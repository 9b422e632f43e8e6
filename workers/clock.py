"""The clock of a worker process: a thread that ticks, and hands back what is held at the end."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import dramatiq

from processor.broker import PUSH
from processor.errors import StoreDown
from processor.kit import Kit
from processor.log import say
from processor.tick import due_soon, stop, tick
from workers.standin import StandIn

logger = logging.getLogger(__name__)


class Clock:
    """Ticks every `tick_seconds` until it is stopped. A tick that fails is logged, and the next one comes."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clock", daemon=True)

    def start(self) -> None:
        """Begin to tick, in a thread of its own."""
        self._thread.start()

    def begin_nothing(self) -> None:
        """Finish what runs, and leave the rest to others."""
        self._kit.stopping.set()

    def stop(self) -> None:
        """Tick no more, and hand back what this process holds. Safe to repeat."""
        self._end.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        try:
            stop(self._kit)
        except StoreDown:
            say(logger, logging.WARNING, "could not hand work back: it is taken over when the leases end")

    def _run(self) -> None:
        while not self._end.is_set():
            until = time.monotonic() + self._kit.settings.tick_seconds
            try:
                leads = tick(self._kit)
                until = time.monotonic() + self._kit.settings.tick_seconds
                if leads:
                    self._ring_in_time(due_soon(self._kit), until)
            except StoreDown:
                say(logger, logging.ERROR, "the database does not answer", actor="clock")
            except Exception:
                logger.exception("a tick failed")
            self._end.wait(max(until - time.monotonic(), 0))

    def _ring_in_time(self, soon: Sequence[tuple[str, datetime]], until: float) -> None:
        """Wake workers for what becomes due before the next tick, when it does."""
        for connection_id, due_at in soon:
            left_seconds = until - time.monotonic()
            wait_seconds = (due_at - self._kit.now()).total_seconds()
            if wait_seconds >= left_seconds or self._end.wait(max(wait_seconds, 0)):
                return
            self._kit.bell.ring(PUSH, [connection_id])


class ClockMiddleware(dramatiq.Middleware):
    """Starts the clock with the worker, and at the end lets the running work finish before handing back."""

    def __init__(self, clock: Clock, stand_in: StandIn) -> None:
        self._clock = clock
        self._stand_in = stand_in

    def after_worker_boot(self, broker: Any, worker: Any) -> None:
        """Begin to tick."""
        self._stand_in.start()
        self._clock.start()

    def before_worker_shutdown(self, broker: Any, worker: Any) -> None:
        """Begin nothing more."""
        self._clock.begin_nothing()

    def after_worker_shutdown(self, broker: Any, worker: Any) -> None:
        """Hand back what could not be finished in time."""
        self._stand_in.stop()
        self._clock.stop()
