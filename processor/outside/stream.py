"""Connecting to what was checked, and ending in time."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from typing import Any

import httpcore

_ADDRESSES_TRIED = 3


class Checked(httpcore.NetworkBackend):
    """Connects to addresses that were checked, in the order that the resolver gave, until one takes it."""

    def __init__(
        self, addresses: Callable[[str, int, float], list[str]], connect_seconds: float, deadline: float
    ) -> None:
        self._addresses = addresses
        self._connect_seconds = connect_seconds
        self._deadline = deadline
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        """Return a stream to the host. Raises Unreached, or what httpcore raises."""
        failure: Exception = httpcore.ConnectTimeout()
        for address in self._addresses(host, port, self._left())[:_ADDRESSES_TRIED]:
            try:
                stream = self._plain.connect_tcp(address, port, self._left(), socket_options=socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _Timed(stream, self._deadline)
        raise failure

    def _left(self) -> float:
        return min(self._connect_seconds, _left(self._deadline))


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.001)


class _Timed(httpcore.NetworkStream):
    """A stream that ends with its call's time, however small the pieces in which it comes."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """As the stream's own, within what is left of the time."""
        return self._stream.read(max_bytes, self._within(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """As the stream's own, within what is left of the time."""
        self._stream.write(buffer, self._within(timeout, httpcore.WriteTimeout))

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """As the stream's own, within what is left of the time."""
        left = self._within(timeout, httpcore.ConnectTimeout)
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, left), self._deadline)

    def close(self) -> None:
        """Close it."""
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        """As the stream's own."""
        return self._stream.get_extra_info(info)

    def _within(self, timeout: float | None, late: type[httpcore.TimeoutException]) -> float:
        if time.monotonic() >= self._deadline:
            raise late()
        left = _left(self._deadline)
        return left if timeout is None else min(timeout, left)
