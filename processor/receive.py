"""Keeps deliveries: nobody is answered 200 before what they sent is committed.

Group commit. One thread writes; a batch is whatever arrived while the last commit was syncing, so there is
no timer, no wait when it is quiet, and hundreds of deliveries per sync when it is not. After the commit a
second thread rings for workers: a frozen Redis delays neither the answers nor the next commit.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from processor import broker
from processor.broker import Bell
from processor.domain.event import Delivery
from processor.errors import BothwaysError, StoreDown
from processor.log import say
from processor.store import inbox
from processor.store.engine import Store

logger = logging.getLogger(__name__)

WAITING = 5_000
BATCH = 500
PATIENCE_SECONDS = 8.0
"""Mailchimp gives up after 10 s (facts.md 1.7) and tries again; a clear 503 before that says why."""
STOP_SECONDS = 6.0
"""How long stopping waits for the last commit; with the server's own wait it stays below Heroku's 30 s."""

TRACE_EVERY_SECONDS = 10.0


class Overloaded(BothwaysError):
    """Too many deliveries wait for their commit; this one was not kept."""

    code = "overloaded"


class ShuttingDown(BothwaysError):
    """The process is stopping; the delivery was not kept."""

    code = "shutting_down"


@dataclass(slots=True)
class Tally:
    """What the receiver did since the process started."""

    accepted: int = 0
    """Answered 200 after the commit, duplicates included."""
    duplicates: int = 0
    batches: int = 0
    largest_batch: int = 0
    commit_seconds: float = 0.0
    """All commits together."""
    refused: Counter[str] = field(default_factory=Counter)
    """By reason."""


@dataclass(slots=True, eq=False)
class _Waiter:
    delivery: Delivery
    answer: asyncio.Future[None]
    since: float


class Receiver:
    """Takes deliveries from one event loop and keeps them. `start` and `stop` are called on that loop."""

    def __init__(
        self, store: Store, bell: Bell, *, waiting: int = WAITING, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self.tally = Tally()
        self._store = store
        self._limit = waiting
        self._patience_seconds = patience_seconds
        self._queue: queue.SimpleQueue[list[_Waiter] | None] = queue.SimpleQueue()
        self._arriving: list[_Waiter] = []
        self._open: dict[_Waiter, None] = {}  # in order of arrival; touched on the loop only
        self._taking = False
        self._traced_at = float("-inf")
        self._ringer = _Ringer(bell)
        self._writer = threading.Thread(target=self._write, name="receiver", daemon=True)
        self._loop: asyncio.AbstractEventLoop
        self._watch: asyncio.TimerHandle

    def start(self) -> None:
        """Begin to take deliveries. Once only."""
        self._loop = asyncio.get_running_loop()
        self._taking = True
        self._ringer.start()
        self._writer.start()
        self._watch = self._loop.call_later(1.0, self._give_up_late)

    async def take(self, delivery: Delivery) -> None:
        """Return after the delivery is committed. Safe to repeat: a twin is counted, not kept again.

        Raises StoreDown when it was not committed, or not in time (it may be later: the sender's next try
        is then a twin); Overloaded when too many wait; ShuttingDown after `stop`.
        """
        if not self._taking:
            raise ShuttingDown
        if len(self._open) >= self._limit:
            raise Overloaded
        waiter = _Waiter(delivery, self._loop.create_future(), self._loop.time())
        self._open[waiter] = None
        if not self._arriving:
            self._loop.call_soon(self._hand_over)
        self._arriving.append(waiter)
        await waiter.answer

    @property
    def is_taking(self) -> bool:
        """Whether a delivery that comes now would be kept, as far as this process can tell."""
        return self._taking and self._writer.is_alive()

    async def stop(self) -> None:
        """Refuse what comes from now on, keep and answer what waits, then return. Safe to repeat."""
        if self._taking:
            self._taking = False
            self._hand_over()
            self._queue.put(None)
        end = time.monotonic() + STOP_SECONDS
        while self._writer.is_alive() and time.monotonic() < end:
            await asyncio.sleep(0.01)
        self._watch.cancel()
        self._resolve(list(self._open), ShuttingDown())
        await asyncio.to_thread(self._ringer.stop)

    def _hand_over(self) -> None:
        """Give the writer all that arrived in one turn of the loop at once.

        One by one, the first would wake it for a commit of its own, and both threads would then contend for
        the interpreter: a third less throughput.
        """
        if self._arriving:
            self._queue.put(self._arriving)
            self._arriving = []

    def _write(self) -> None:
        stopping = False
        while not stopping:
            arrived = self._queue.get()
            batch: list[_Waiter] = []
            while arrived is not None:
                batch += arrived
                if len(batch) >= BATCH:
                    break
                try:
                    arrived = self._queue.get_nowait()
                except queue.Empty:
                    break
            stopping = arrived is None
            if batch:
                self._keep(batch)

    def _keep(self, batch: list[_Waiter]) -> None:
        began = time.perf_counter()
        try:
            new = self._commit(batch)
        except StoreDown as error:
            say(logger, logging.ERROR, "deliveries refused: no commit", count=len(batch), error=str(error))
            self._answer(batch, error)
        except Exception as error:
            self._isolate(batch, error)
        else:
            self._count(len(batch), new, time.perf_counter() - began)
            self._answer(batch, None)
            self._ringer.ring(batch)

    def _commit(self, batch: Sequence[_Waiter]) -> int:
        deliveries = [waiter.delivery for waiter in batch]
        return self._store.write_retrying(lambda c: inbox.keep(c, deliveries))

    def _isolate(self, batch: list[_Waiter], error: Exception) -> None:
        """One row that the database refuses must not refuse its neighbours: each gets its own commit."""
        if time.monotonic() - self._traced_at > TRACE_EVERY_SECONDS:  # it may be every row of every batch
            self._traced_at = time.monotonic()
            logger.error("a batch cannot be kept", exc_info=error)
        if len(batch) > 1:
            for waiter in batch:
                self._keep([waiter])
            return
        one = batch[0].delivery
        facts = {"connection": one.connection_id, "bytes": len(one.body), "error": type(error).__name__}
        say(logger, logging.ERROR, "a delivery cannot be kept", **facts)
        self._answer(batch, StoreDown("the database refuses this delivery"))

    def _count(self, kept: int, new: int, seconds: float) -> None:
        tally = self.tally  # written by this thread only
        tally.accepted += kept
        tally.duplicates += kept - new
        tally.batches += 1
        tally.largest_batch = max(tally.largest_batch, kept)
        tally.commit_seconds += seconds

    def _answer(self, batch: list[_Waiter], error: BothwaysError | None) -> None:
        try:
            self._loop.call_soon_threadsafe(self._resolve, batch, error)
        except RuntimeError:
            say(logger, logging.WARNING, "nobody waits for the answer any more", count=len(batch))

    def _resolve(self, batch: list[_Waiter], error: BothwaysError | None) -> None:
        for waiter in batch:
            self._open.pop(waiter, None)
            if waiter.answer.done():  # its sender went away, or was told to come again
                continue
            if error is None:
                waiter.answer.set_result(None)
            else:
                waiter.answer.set_exception(type(error)(*error.args))

    def _give_up_late(self) -> None:
        """Answer those whose commit takes too long: the thread may hang in a call that nothing ends."""
        too_early = self._loop.time() - self._patience_seconds
        for waiter in self._open:
            if waiter.since > too_early:
                break
            if not waiter.answer.done():
                waiter.answer.set_exception(StoreDown("the database takes too long"))
        self._watch = self._loop.call_later(1.0, self._give_up_late)


class _Ringer:
    """Rings once for all connections whose deliveries were committed since it last rang."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._changed = threading.Condition()
        self._connection_ids: set[str] = set()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="ringer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def ring(self, batch: Sequence[_Waiter]) -> None:
        with self._changed:
            self._connection_ids.update(waiter.delivery.connection_id for waiter in batch)
            self._changed.notify()

    def stop(self) -> None:
        """Ring a last time. What a frozen Redis does not hear, the clock finds."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(2.0)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._connection_ids or self._stopping)
                connection_ids, self._connection_ids = self._connection_ids, set()
                stopping = self._stopping
            if connection_ids:
                try:
                    self._bell.ring(broker.PROCESS, connection_ids)
                except Exception as error:
                    say(logger, logging.ERROR, "ringing failed", error=type(error).__name__)
            if stopping:
                return
