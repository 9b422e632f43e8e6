"""Keeps other web sites from pressing this one's buttons."""

from __future__ import annotations

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_ELSEWHERE = (b"cross-site", b"same-site")


class OwnPagesOnly:
    """Refuses a POST that a browser sends on behalf of another site; programs send no such header."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        app = self._app
        if scope["type"] == "http" and scope["method"] != "GET":
            headers = dict(scope["headers"])
            if headers.get(b"sec-fetch-site") in _ELSEWHERE:
                app = PlainTextResponse("Another site sent this.", 403)
        await app(scope, receive, send)
