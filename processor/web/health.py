"""`/healthz`, `/readyz` and `/metrics`: whether the process lives, whether it can work, and how it does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from processor import broker
from processor.attempt import write_down
from processor.errors import BothwaysError
from processor.kit import Kit
from processor.receive import Receiver
from processor.report.overview import oldest_due
from processor.store import liveness
from processor.store.migrate import pending
from processor.web import metrics, metrics_of_work
from processor.web.metrics import Metric

OK = "ok"
SPARE = frozenset({"redis"})
"""Parts without which deliveries are still taken and carried out."""
FRESH = timedelta(seconds=10)
WAIT_SECONDS = 3.0
"""Kubernetes' default for a probe is 1 s and load balancers' 5 s: better a clear no than none."""


class Health:
    """The three endpoints. Their questions run in threads of their own, one at a time each: a database that
    hangs must not take the threads that others wait for."""

    def __init__(self, kit: Kit, receiver: Receiver, *, wait_seconds: float = WAIT_SECONDS) -> None:
        self._kit = kit
        self._receiver = receiver
        self._wait_seconds = wait_seconds
        self._threads = ThreadPoolExecutor(4, "health")
        self._asking: dict[str, Future[Any]] = {}
        self._is_migrated = False
        self._numbers: tuple[datetime, list[Metric]] | None = None
        self._parts: dict[str, Callable[[], str]] = {
            "database": self._database,
            "migrations": self._migrations,
            "receiver": self._writer,
        }
        if kit.settings.redis_url:
            verify = kit.settings.redis_tls_verify
            self._redis = broker.redis_client(kit.settings.redis_url, verify_tls=verify)
            self._parts["redis"] = self._redis_answers

    def routes(self) -> list[Route]:
        """Return the routes to these endpoints."""
        return [
            Route("/healthz", self.alive, name="healthz"),
            Route("/readyz", self.ready, name="readyz"),
            Route("/metrics", self.numbers, name="metrics"),
        ]

    def close(self) -> None:
        """Let its threads finish what they are at, and end them. Safe to repeat; waits for the database."""
        self._threads.shutdown(cancel_futures=True)
        if self._kit.settings.redis_url:
            self._redis.close()

    async def alive(self, request: Request) -> Response:  # noqa: ARG002
        """200 as long as the process can answer at all; asks nobody."""
        return _json({"status": OK}, 200)

    async def ready(self, request: Request) -> Response:  # noqa: ARG002
        """200 when deliveries can be taken, 503 when not; says of each part how it is, in words without
        hosts or secrets.

        Redis away is "degraded" and still 200: pokes are lost and the clock does without them, whereas a
        router that took this process out would lose deliveries.
        """
        answers = await asyncio.gather(*(self._ask(name, part) for name, part in self._parts.items()))
        parts = dict(zip(self._parts, answers, strict=True))
        bad = {name for name, said in parts.items() if said != OK}
        status = "not ready" if bad - SPARE else "degraded" if bad else OK
        told = {"status": status, "parts": parts, **await self._work()}
        return _json(told, 503 if bad - SPARE else 200)

    async def _work(self) -> dict[str, Any]:
        """Whether anybody carries out what is taken here; for people, not for routers: it is no reason to
        turn deliveries away."""
        found = await self._ask("work", self._workers)
        return found if isinstance(found, dict) else {}

    async def numbers(self, request: Request) -> Response:  # noqa: ARG002
        """Prometheus' text. Without the database the numbers of this process remain."""
        found = await self._ask("numbers", lambda: metrics.of_inbox(self._kit.store, self._kit.now()))
        from_inbox = found if isinstance(found, list) else []
        work = await self._ask("work numbers", self._numbers_of_work)
        shown = [
            metrics.of_database(isinstance(found, list)),
            *from_inbox,
            *(work if isinstance(work, list) else []),
            *(await self._of_redis()),
            *metrics.of_receiver(self._receiver.tally),
        ]
        return Response(metrics.exposition(shown), media_type=metrics.MEDIA_TYPE)

    async def _of_redis(self) -> list[Metric]:
        if not self._kit.settings.redis_url:
            return []
        waiting = await self._ask("pokes", lambda: broker.pokes_waiting(self._redis))
        return metrics_of_work.of_redis(waiting if isinstance(waiting, int) else None)

    def _numbers_of_work(self) -> list[Metric]:
        """Counting everybody's members costs something: what was read lately will do."""
        now = self._kit.now()
        if self._numbers is None or not timedelta(0) <= now - self._numbers[0] < FRESH:
            write_down(self._kit)
            self._numbers = now, metrics_of_work.of_work(self._kit.store, now)
        return self._numbers[1]

    def _workers(self) -> dict[str, Any]:
        now = self._kit.now()
        with self._kit.store.read() as c:
            alive, oldest = liveness.alive(c, now), oldest_due(c, now)
        age_seconds = round(max(0.0, (now - oldest).total_seconds()), 1) if oldest else 0.0
        return {"workers_alive": len(alive), "oldest_waiting_seconds": age_seconds}

    async def _ask(self, name: str, question: Callable[[], Any]) -> Any:
        """Return the answer, or a text that says why there is none."""
        asked = self._asking.get(name)
        if asked is None or asked.done():
            asked = self._asking[name] = self._threads.submit(question)
        try:
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(asked)), self._wait_seconds)
        except TimeoutError:
            return f"no answer within {self._wait_seconds:g} s"
        except BothwaysError as error:
            return f"fails ({error.code})"
        except Exception as error:
            return f"fails ({type(error).__name__})"

    def _database(self) -> str:
        return OK if self._kit.store.is_up() else "does not answer"

    def _migrations(self) -> str:
        # Once they are current they stay so: this process's version does not change.
        self._is_migrated = self._is_migrated or not pending(self._kit.settings.database)
        return OK if self._is_migrated else "not current: run `bothways migrate`"

    def _writer(self) -> str:
        return OK if self._receiver.is_taking else "takes no deliveries"

    def _redis_answers(self) -> str:
        self._redis.ping()
        return OK


def _json(facts: dict[str, Any], status: int) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(json.dumps(facts), status, headers, media_type="application/json")
