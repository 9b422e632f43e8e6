"""Uvicorn's HTTP protocol with deadlines for slow senders.

Uvicorn has no time-out for a request's head or body, none before the first byte, and no bound on the head's
size: a few hundred sockets that send one byte a minute would hold every place there is. Here a connection is
closed when a head does not come in time, when a body does not (after an answer of 408), and when the body of
a request that is answered already does not end.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

HEAD_SECONDS = 10.0
BODY_SECONDS = 10.0
UPLOAD_SECONDS = 120.0
"""For a photo of 10 MB through a thin line; its reader in the application has bounds of its own."""
UPLOADS = re.compile(r"/v1/accounts/[^/]+/photos")
MAX_HEAD_BYTES = 65_536

TOO_SLOW = "bothways.too_slow"
"""In the scope of a request whose body did not come in time; its application sees the sender leave."""


class DeadlineProtocol(HttpToolsProtocol):
    """One connection. A timer runs only while somebody owes us bytes: a request that comes whole has none.

    That is why the body's deadline is here and not in the application: a time-out round each read would be
    a tenth of what receiving a delivery costs.
    """

    def __init__(
        self,
        *args: Any,
        head_seconds: float = HEAD_SECONDS,
        body_seconds: float = BODY_SECONDS,
        **named: Any,
    ) -> None:
        super().__init__(*args, **named)
        self._head_seconds = head_seconds
        self._body_seconds = body_seconds
        self._timer: asyncio.TimerHandle | None = None
        self._in_head = False
        self._in_body = False
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock: the first head is due."""
        super().connection_made(transport)
        self._arm(self._head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; answer 400 and close where a head that comes in pieces grows too large."""
        was_in_head = self._in_head
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_head:
            if was_in_head:
                self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.send_400_response("The request's head is too large.")
            elif self._timer is None:
                self._arm(self._head_seconds)
        elif self._in_body and self._timer is None:
            self._arm(self._patience())

    def _patience(self) -> float:
        is_upload = UPLOADS.fullmatch(self.scope["path"]) is not None
        return max(UPLOAD_SECONDS, self._body_seconds) if is_upload else self._body_seconds

    def on_message_begin(self) -> None:
        """A head has begun."""
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is here, the body is due."""
        self._in_head = False
        self._in_body = True
        self._disarm()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body has ended. Where the answer went out before it, uvicorn has no timer left: set ours."""
        self._in_body = False
        self._disarm()
        super().on_message_complete()
        if self.cycle.response_complete:
            self._arm(self._head_seconds)

    def _arm(self, seconds: float) -> None:
        self._timer = self.loop.call_later(seconds, self._too_late)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_late(self) -> None:
        self._timer = None
        if self._in_body and not self.cycle.response_started:
            if self.flow.read_paused:  # it is we who do not read
                self._arm(self._body_seconds)
                return
            self.scope[TOO_SLOW] = True  # type: ignore[literal-required]
            self.transport.write(STATUS_LINE[408] + b"content-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()
