"""Uvicorn's HTTP protocol with deadlines for slow senders.

Uvicorn has no time-out for a request's head, none before the first byte, and no bound on the head's size:
a few hundred sockets that send one byte a minute would hold every place there is. Here a connection is
closed when a head does not arrive in time, and when a request was answered but its body does not end.
The time for a body that is being read is the business of whoever reads it.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0
MAX_HEAD_BYTES = 65_536


class DeadlineProtocol(HttpToolsProtocol):
    """One connection. A timer runs only while somebody owes us bytes: a request that comes whole has none."""

    head_seconds = HEAD_SECONDS

    _timer: asyncio.TimerHandle | None = None
    _in_head = False
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock: the first head is due."""
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; answer 400 and close where a head that comes in pieces grows too large."""
        was_in_head = self._in_head
        super().data_received(data)
        if not self._in_head or self.transport.is_closing():
            return
        if was_in_head:
            self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES:
            self.send_400_response("The request's head is too large.")
        elif self._timer is None:
            self._arm()

    def on_message_begin(self) -> None:
        """A head has begun."""
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is here: from now on the reader of the body watches the time."""
        self._in_head = False
        self._disarm()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body has ended. Where the answer went out before it, uvicorn has no timer left: set ours."""
        super().on_message_complete()
        if self.cycle.response_complete:
            self._arm()

    def on_response_complete(self) -> None:
        """Give a sender that was answered early as long to end its body as it has for a head."""
        super().on_response_complete()
        if self.cycle.more_body and not self.transport.is_closing():
            self._arm()

    def _arm(self) -> None:
        self._disarm()
        self._timer = self.loop.call_later(self.head_seconds, self._too_late)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_late(self) -> None:
        self._timer = None
        self.transport.close()
