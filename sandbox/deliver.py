"""Sends webhooks: many at a time, signed afresh for each attempt, again and again over 75 minutes."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx

from sandbox import payload
from sandbox.clock import Clock, iso
from sandbox.faults import Faults, Post
from sandbox.ids import Ids
from sandbox.tls import authorities
from sandbox.wire import Wire

SENDER = "MailChimp.com"
VALIDATOR = "MailChimp.com WebHook Validator"
AT_A_TIME = 16
KEPT = 20_000


class Target(Protocol):
    """Where a delivery goes: a webhook of an audience, or a batch webhook."""

    id: str
    url: str
    secret: str


@dataclass(slots=True)
class Delivery:
    """One event on its way to one URL.

    `state`: waiting, delivered, failed (retries used up), dropped (by a fault), gone (answered 410, or the
    webhook was deleted before a retry). `round` tells whether it is from before a reset.
    """

    id: str
    target: Target
    list_id: str
    type: str
    raw: bytes
    raised_seconds: float
    on_gone: Callable[[], None] | None = None
    wanted: Callable[[], bool] | None = None
    round: int = 0
    state: str = "waiting"
    attempts: list[dict[str, Any]] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """The delivery as JSON; the signing secret is not in it."""
        return {
            "id": self.id,
            "webhook_id": self.target.id,
            "url": self.target.url,
            "list_id": self.list_id,
            "type": self.type,
            "body": self.raw.decode(errors="replace"),
            "state": self.state,
            "raised_at": iso(int(self.raised_seconds)),
            "attempts": list(self.attempts),
        }


class Courier:
    """Carries deliveries. `send` may be called from the event loop only, once `start` has run."""

    def __init__(self, clock: Clock, ids: Ids, faults: Faults) -> None:
        self._clock, self._ids, self._faults = clock, ids, faults
        self._queue: asyncio.Queue[Delivery] = asyncio.Queue()
        self._log: deque[Delivery] = deque(maxlen=KEPT)
        self._counts: Counter[str] = Counter()
        self._open = self._round = 0
        self._settled = asyncio.Event()
        self._settled.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._wire = Wire()

    @property
    def post(self) -> Post:
        """The rules by which webhooks travel now."""
        return self._faults.post

    async def start(self) -> None:
        """Begins to carry."""
        for _ in range(AT_A_TIME):
            self._spawn(self._carry())

    async def stop(self) -> None:
        """Stops carrying; what is waiting is lost, as it would be when Mailchimp gives up."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._wire.close()

    def send(
        self,
        target: Target,
        list_id: str,
        kind: str,
        raw: bytes,
        *,
        on_gone: Callable[[], None] | None = None,
        wanted: Callable[[], bool] | None = None,
    ) -> None:
        """Takes a delivery in; faults decide whether it is dropped, doubled or held back.

        `on_gone` is called after a 410. Where `wanted` says no before a retry, there is none.
        """
        for copy in range(2 if self._ids.chance(self.post.repeat) else 1):
            now = self._clock.now_seconds()
            delivery = Delivery(
                self._ids.hex(16), target, list_id, kind, raw, now, on_gone, wanted, self._round
            )
            self._log.append(delivery)
            if copy == 0 and self._ids.chance(self.post.drop):
                self._count(delivery, "dropped")
                continue
            self._open += 1
            self._settled.clear()
            self._dispatch(delivery, self._hold_seconds())

    async def post_once(self, target: Target, raw: bytes) -> dict[str, Any]:
        """One attempt with these very bytes, outside all faults and retries; how it went, as JSON."""
        return await self._attempt(target, raw)

    async def check(self, url: str) -> int:
        """The status that the validator's GET gets; 0 where nobody answers. Raises httpx.InvalidURL."""
        # trust_env off: a proxy of this machine has no business between the sandbox and a loopback receiver.
        patience = self.post.timeout_seconds
        async with httpx.AsyncClient(trust_env=False, timeout=patience, verify=authorities()) as http:
            return await _status_of_get(http, url)

    async def settle(self, timeout_seconds: float) -> bool:
        """Waits until nothing is on its way, retries included; False where the time ran out first."""
        try:
            await asyncio.wait_for(self._settled.wait(), timeout_seconds)
        except TimeoutError:
            return False
        return True

    def log(self, limit: int, list_id: str = "") -> list[dict[str, Any]]:
        """The last deliveries, oldest first."""
        found = [delivery for delivery in self._log if not list_id or delivery.list_id == list_id]
        return [delivery.document() for delivery in (found[-limit:] if limit else [])]

    def counts(self) -> dict[str, int]:
        """How many deliveries ended in which state, and how many are on their way."""
        return {**self._counts, "waiting": self._open}

    def clear(self) -> None:
        """Forgets the log. What is on its way still arrives."""
        self._log.clear()
        self._counts.clear()

    def abandon(self) -> None:
        """Gives up what is on its way: nothing of it is tried again."""
        self._round += 1
        self._open = 0
        self._settled.set()

    # -- inside

    def _hold_seconds(self) -> float:
        held = self.post.delay_seconds
        if self._ids.chance(self.post.reorder):
            held += self._ids.between(0, self.post.reorder_seconds)
        return held

    def _dispatch(self, delivery: Delivery, after_seconds: float) -> None:
        if after_seconds <= 0:
            self._queue.put_nowait(delivery)
        else:
            self._spawn(self._later(delivery, after_seconds))

    def _spawn(self, coroutine: Any) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _later(self, delivery: Delivery, after_seconds: float) -> None:
        await asyncio.sleep(after_seconds)
        self._queue.put_nowait(delivery)

    async def _carry(self) -> None:
        while True:
            delivery = await self._queue.get()
            if delivery.round != self._round:
                continue
            if delivery.attempts and delivery.wanted is not None and not delivery.wanted():
                self._end(delivery, "gone")
                continue
            attempt = await self._attempt(delivery.target, delivery.raw)
            if delivery.round == self._round:
                self._judge(delivery, attempt)

    async def _attempt(self, target: Target, raw: bytes) -> dict[str, Any]:
        began = self._clock.now_seconds()
        headers = {"User-Agent": SENDER, "Content-Type": payload.CONTENT_TYPE}
        if target.secret and self.post.signing:
            headers["X-Mailchimp-Signature"] = payload.signature(target.secret, raw, int(began))
        status, error = 0, ""
        try:
            async with asyncio.timeout(self.post.timeout_seconds):
                status = await self._wire.post(target.url, headers, raw)
        except (OSError, ValueError) as failure:
            error = type(failure).__name__
        took_ms = round((self._clock.now_seconds() - began) * 1000, 1)
        return {"at": iso(int(began)), "status": status, "error": error, "duration_ms": took_ms}

    def _judge(self, delivery: Delivery, attempt: dict[str, Any]) -> None:
        delivery.attempts.append(attempt)
        tried = len(delivery.attempts)
        if 200 <= attempt["status"] < 300:
            self._end(delivery, "delivered")
        elif attempt["status"] == 410:
            self._end(delivery, "gone")
            if delivery.on_gone is not None:
                delivery.on_gone()
        elif tried <= len(self.post.retry_intervals_seconds):
            self._dispatch(delivery, self.post.retry_intervals_seconds[tried - 1])
        else:
            self._end(delivery, "failed")

    def _end(self, delivery: Delivery, state: str) -> None:
        self._count(delivery, state)
        self._open -= 1
        if self._open == 0:
            self._settled.set()

    def _count(self, delivery: Delivery, state: str) -> None:
        delivery.state = state
        self._counts[state] += 1


async def _status_of_get(http: httpx.AsyncClient, url: str) -> int:
    try:
        answer = await http.get(url, headers={"User-Agent": VALIDATOR})
    except httpx.UnsupportedProtocol as error:
        raise httpx.InvalidURL(str(error)) from error
    except httpx.TransportError:
        return 0
    return answer.status_code
