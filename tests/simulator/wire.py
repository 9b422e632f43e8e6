"""How the product's calls reach the sandbox: over real HTTP, or straight into its application."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import httpx
from starlette.applications import Starlette

from tests.simulator.fate import Fate

CALL_SECONDS = 0.031
"""How long a call takes on the simulated clock: now and then a second begins in the middle of some work."""

JSON = {"Content-Type": "application/problem+json; charset=utf-8"}
HTML = {"Content-Type": "text/html"}


class Straight(httpx.BaseTransport):
    """Requests go into an ASGI application in this process, one at a time, without a socket."""

    def __init__(self, app: Starlette) -> None:
        self.loop = asyncio.new_event_loop()
        self._app = app
        self._lock = threading.Lock()
        self._life = app.router.lifespan_context(app)
        self.loop.run_until_complete(self._life.__aenter__())

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request out."""
        with self._lock:
            return self.loop.run_until_complete(self._carry_out(request))

    def breathe(self, seconds: float = 0.0) -> None:
        """Let the application do what it does beside requests."""
        with self._lock:
            self.loop.run_until_complete(asyncio.sleep(seconds))

    async def _carry_out(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        url = request.url
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": url.scheme,
            "path": url.path,
            "raw_path": url.raw_path,
            "query_string": url.query,
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "client": ("127.0.0.1", 1),
            "server": (url.host, url.port or 80),
        }
        said: dict[str, Any] = {"status": 500, "headers": [], "body": b""}

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                said.update(status=message["status"], headers=message.get("headers", []))
            else:
                said["body"] += message.get("body", b"")

        await self._app(scope, receive, send)  # type: ignore[arg-type]
        return httpx.Response(said["status"], headers=said["headers"], content=said["body"])

    def close(self) -> None:
        """End the application."""
        self.loop.run_until_complete(self._life.__aexit__(None, None, None))
        self.loop.close()


class Wire(httpx.BaseTransport):
    """The product's way to Mailchimp, on which calls fail and processes die. `watch` is told of each call
    that Mailchimp carried out."""

    def __init__(
        self, under: httpx.BaseTransport, fate: Fate, before: Callable[[], None], watch: Callable[[str], None]
    ) -> None:
        self._under, self._fate = under, fate
        self._before, self._watch = before, watch
        self._lock = threading.RLock()
        self.calls: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one call out, or let it fail as is its fate."""
        with self._lock:
            return self._carry_out(request)

    def _carry_out(self, request: httpx.Request) -> httpx.Response:
        fate, name = self._fate, f"{request.method} {request.url.path}"
        fate.point(f"before {name}")
        fate.go_on_there()
        fate.clock.go_on(CALL_SECONDS)
        self._before()
        kind = fate.next_fault()
        if kind in _NEVER_ARRIVED:
            return _NEVER_ARRIVED[kind]()
        answer = self._under.handle_request(request)
        answer.read()
        answer = httpx.Response(
            answer.status_code,
            headers=[(k, v) for k, v in answer.headers.multi_items() if k.lower() not in _OF_THE_WIRE],
            content=answer.content,
        )
        body = request.read().decode(errors="replace")
        asked = "&".join(f"{k}={v}" for k, v in request.url.params.multi_items() if "fields" not in k)
        self.calls.append(f"{name} {asked}{body} -> {answer.status_code}{_all_refused(answer)}")
        if request.method != "GET" or "batches" in name:
            self._watch(self.calls[-1])
        fate.point(f"after {name}")
        if kind == "500_after":
            return _problem(500, "InternalServerError")
        if kind == "timeout_after":
            raise httpx.ReadTimeout("too slow")
        if kind == "cut":
            return httpx.Response(
                200, headers=answer.headers, content=answer.content[: len(answer.content) // 2]
            )
        return answer


_OF_THE_WIRE = frozenset({"content-length", "content-encoding", "transfer-encoding"})


def _all_refused(answer: httpx.Response) -> str:
    """Say of an answer to a batch subscribe call that nobody was taken."""
    if answer.status_code != 200 or b'"new_members"' not in answer.content:
        return ""
    told = answer.json()
    return "" if told["new_members"] or told["updated_members"] else ", all refused"


def _problem(status: int, title: str) -> httpx.Response:
    body = {"type": "", "title": title, "status": status, "detail": "", "instance": "i"}
    return httpx.Response(status, headers=JSON, json=body)


def _refuse() -> httpx.Response:
    raise httpx.ConnectError("nobody there")


def _never() -> httpx.Response:
    raise httpx.ReadTimeout("too slow")


_NEVER_ARRIVED: dict[str, Callable[[], httpx.Response]] = {
    "429": lambda: _problem(429, "TooManyRequests"),
    "403_html": lambda: httpx.Response(403, headers=HTML, content=b"<html>Access Denied</html>"),
    "502_html": lambda: httpx.Response(502, headers=HTML, content=b"<html>Bad Gateway</html>"),
    "500": lambda: _problem(500, "InternalServerError"),
    "timeout": _never,
    "refused": _refuse,
}
FAULTS = (*_NEVER_ARRIVED, "500_after", "timeout_after", "cut")
