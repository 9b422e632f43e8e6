"""One log line per request: the route's template, never the path, because a webhook's path is a secret."""

from __future__ import annotations

import itertools
import logging
import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence

from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from processor.log import bind, say

logger = logging.getLogger(__name__)

HEADER = b"x-request-id"
ID = "bothways.request_id"
"""Where the scope keeps the request's id."""
UNMATCHED = "(no route)"
_GIVEN = re.compile(rb"[A-Za-z0-9._-]{8,64}")


def request_ids() -> Callable[[], str]:
    """Return a maker of ids: unique across processes by a random start, cheap by counting on from it."""
    start, count = secrets.token_hex(6), itertools.count(1)
    return lambda: f"{start}-{next(count):x}"


class Access:
    """Gives each request an id (taken from `X-Request-Id` where the proxy sent one) and logs what came of it.

    A success of the `quiet` route is logged at DEBUG, and its path is told from others before routing: a line
    and a bound context for each of thousands of deliveries a second would cost as much as keeping them.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        routes: Sequence[BaseRoute],
        quiet: str = "",
        new_id: Callable[[], str] | None = None,
    ) -> None:
        self._app = app
        self._templates = dict(_templates(routes))
        self._quiet = quiet
        self._quiet_start = quiet.partition("{")[0] or "(none)"
        self._new_id = new_id or request_ids()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; log it when it is answered or has failed."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = scope[ID] = _given_id(scope) or self._new_id()
        header = (HEADER, request_id.encode())
        status = sent_bytes = 0

        async def numbered(message: Message) -> None:
            nonlocal status, sent_bytes
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), header]
            else:
                sent_bytes += len(message.get("body", b""))
            await send(message)

        try:
            if scope["path"].startswith(self._quiet_start):
                await self._app(scope, receive, numbered)
            else:
                with bind(request=request_id):
                    await self._app(scope, receive, numbered)
        finally:
            self._log(scope, status, sent_bytes, time.perf_counter() - began)

    def _log(self, scope: Scope, status: int, sent_bytes: int, seconds: float) -> None:
        template = self._templates.get(id(scope.get("route")), UNMATCHED)
        level = logging.DEBUG if status == 200 and template == self._quiet else logging.INFO
        if not logger.isEnabledFor(level):
            return
        say(
            logger,
            level,
            "request",
            route=template,
            method=scope["method"],
            status=status,
            duration_ms=round(seconds * 1000, 1),
            bytes=sent_bytes,
            request=scope[ID],
        )


def _given_id(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == HEADER:
            return value.decode() if _GIVEN.fullmatch(value) else None
    return None


def _templates(routes: Sequence[BaseRoute], prefix: str = "") -> Iterator[tuple[int, str]]:
    for route in routes:
        if isinstance(route, Route):
            yield id(route), prefix + route.path
        elif isinstance(route, Mount):
            yield id(route), prefix + route.path
            yield from _templates(route.routes, prefix + route.path)
