"""Webhooks arrive whatever the receiver's HTTP is like."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from sandbox.wire import Wire

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _body(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    return await reader.readexactly(int(length.partition(b":")[2]))


def _posted(answers: list[bytes], *, close: bool, times: int = 1) -> tuple[list[int], int]:
    """The statuses that the wire got, and how many connections it opened."""
    opened = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        while True:
            try:
                await _body(reader)
            except asyncio.IncompleteReadError:
                break
            for part in answers:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.01)
            if close:
                break
        writer.close()

    async def run() -> list[int]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        wire = Wire()
        try:
            return [await wire.post(f"http://127.0.0.1:{port}/x?y=1", {}, b"a=b") for _ in range(times)]
        finally:
            wire.close()
            server.close()
            await server.wait_closed()
            await asyncio.sleep(0.02)

    return asyncio.run(run()), opened


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"], 200),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", b"0\r\n\r\n"], 200),
        ([b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"], 503),
        ([b"HTTP/1.1 204 No Content\r\n\r\n"], 204),
    ],
)
def test_a_connection_is_kept_between_answers(answers: list[bytes], status: int) -> None:
    """With a length, in chunks, after a 100, and without a body."""
    assert _posted(answers, close=False, times=3) == ([status] * 3, 1)


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.0 200 OK\r\n\r\nok", b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"],
)
def test_an_answer_may_end_with_the_connection(answer: bytes) -> None:
    """Then the next delivery opens another one."""
    assert _posted([answer], close=True, times=2) == ([200, 200], 2)


def test_a_kept_connection_that_was_closed_is_replaced() -> None:
    """The receiver may close an idle one at any time without a word."""
    assert _posted([b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"], close=True, times=2) == ([200, 200], 2)


def test_a_receiver_that_dies_after_its_status_has_answered() -> None:
    """What matters was said."""
    assert _posted([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"], close=True) == ([200], 1)


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n"])
def test_what_is_no_answer_is_an_error(answer: bytes) -> None:
    """Nothing, and nonsense."""
    with pytest.raises(OSError):
        _posted([answer], close=True)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "http://", "no address"])
def test_what_is_no_http_address_is_refused(url: str) -> None:
    """With a ValueError."""
    with pytest.raises(ValueError):
        asyncio.run(Wire().post(url, {}, b""))
