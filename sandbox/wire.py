"""The least HTTP that carries webhooks: POST over kept connections, many times quicker than a full client.

Thousands of deliveries share two cores with their receiver, so what the sender spends the receiver lacks.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import cast
from urllib.parse import urlsplit

import httptools

_Place = tuple[str, str, int]


class Wire:
    """Connections to receivers, kept open between deliveries."""

    def __init__(self) -> None:
        self._idle: dict[_Place, list[_Line]] = {}

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """The status of the answer. Raises OSError where there is none, ValueError for a URL of no use.

        A kept connection that the other side has closed meanwhile is replaced once.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the URL is not an http address")
        place = (parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = {"Host": parts.netloc.rpartition("@")[2], **headers, "Content-Length": str(len(body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        raw = f"POST {target} HTTP/1.1\r\n{head}\r\n".encode() + body
        kept = self._idle.setdefault(place, [])
        while kept:
            line = kept.pop()
            if not line.closed:
                try:
                    return await self._exchange(place, line, raw)
                except ConnectionError:
                    break
        return await self._exchange(place, await _connect(place), raw)

    def close(self) -> None:
        """Closes what is kept open."""
        for kept in self._idle.values():
            for line in kept:
                line.close()
        self._idle.clear()

    async def _exchange(self, place: _Place, line: _Line, raw: bytes) -> int:
        try:
            status = await line.exchange(raw)
        except BaseException:
            # Given up in the middle, by time-out too: what comes later on this line belongs to nobody.
            line.close()
            raise
        if line.closed:
            return status
        self._idle.setdefault(place, []).append(line)
        return status


async def _connect(place: _Place) -> _Line:
    scheme, host, port = place
    secure = ssl.create_default_context() if scheme == "https" else None
    _, line = await asyncio.get_running_loop().create_connection(_Line, host, port, ssl=secure)
    return line


class _Line(asyncio.Protocol):
    """One connection: one question at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._answer: asyncio.Future[int] | None = None
        self._status = 0
        self.closed = False

    async def exchange(self, raw: bytes) -> int:
        assert self._transport is not None, "not connected"
        self._parser, self._status = httptools.HttpResponseParser(self), 0
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(raw)
        return await self._answer

    def close(self) -> None:
        self.closed = True
        if self._transport is not None:
            self._transport.abort()

    # -- called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._parser is None:
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionAbortedError(str(error)))
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if self._status >= 200 and exc is None:
            # Without a length the answer ends where the connection does.
            self._done()
        self._fail(exc or ConnectionResetError("closed without an answer"))

    # -- called by the parser

    def on_headers_complete(self) -> None:
        assert self._parser is not None, "an answer without a question"
        self._status = self._parser.get_status_code()

    def on_message_complete(self) -> None:
        assert self._parser is not None, "an answer without a question"
        if self._status < 200:
            # 100 Continue and its like: the answer is still to come.
            return
        self._done()
        if not self._parser.should_keep_alive():
            self.close()

    def _done(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(self._status)

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
