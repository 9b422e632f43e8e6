"""Headers that keep browsers from doing more with an answer than it is meant for."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
PAGES = (
    (
        b"content-security-policy",
        b"default-src 'self'; base-uri 'none'; form-action 'self'; object-src 'none'; frame-ancestors 'none'",
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
)
"""For HTML only. A page that may stand in a platform's frame sends a policy of its own."""


class SecurityHeaders:
    """Adds the headers that the answer does not have itself; not where no browser comes (`machines`)."""

    def __init__(self, app: ASGIApp, *, machines: tuple[str, ...] = ()) -> None:
        self._app = app
        self._machines = machines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and complete the answer's headers."""
        if scope["type"] != "http" or scope["path"].startswith(self._machines):
            await self._app(scope, receive, send)
            return

        async def completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                there = {name.lower() for name, _ in headers}
                wanted = ALWAYS + PAGES if _is_page(headers) else ALWAYS
                headers += [header for header in wanted if header[0] not in there]
                message["headers"] = headers
            await send(message)

        await self._app(scope, receive, completed)


def _is_page(headers: list[tuple[bytes, bytes]]) -> bool:
    return any(name.lower() == b"content-type" and value.startswith(b"text/html") for name, value in headers)
