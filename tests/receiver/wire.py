"""A client that sends exactly these bytes, at exactly this pace."""

from __future__ import annotations

import socket
import time


class Wire:
    """One TCP connection to a server on this machine."""

    def __init__(self, port: int, timeout_seconds: float = 10.0) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout_seconds)

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send; a connection that the server has closed meanwhile is no error here."""
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return

    def answer(self) -> bytes:
        """Return what comes until one whole answer with a Content-Length is there, or the end."""
        got = b""
        while True:
            head, separator, body = got.partition(b"\r\n\r\n")
            if separator and len(body) >= _length(head):
                return got
            piece = self._receive()
            if not piece:
                return got
            got += piece

    def until_closed(self) -> tuple[bytes, float]:
        """Return all that comes until the server closes, and after how many seconds it did."""
        began, got = time.monotonic(), b""
        while piece := self._receive():
            got += piece
        return got, time.monotonic() - began

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(65_536)
        except ConnectionResetError:
            return b""


def status_of(answer: bytes) -> int:
    """Return the status in the first line; 0 where there is no answer."""
    return int(answer.split(b" ", 2)[1]) if answer else 0


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0
