"""Strangers that hold a connection without sending what they owe lose it."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from processor.web.deadlines import MAX_HEAD_BYTES
from processor.web.server import Running
from tests.receiver.wire import Wire, status_of

HEAD_SECONDS = 0.4
MARGIN_SECONDS = 2.0


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    async def echo(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(len(await request.body())))

    async def at_once(request: Request) -> PlainTextResponse:
        return PlainTextResponse("no")

    async def slow(request: Request) -> PlainTextResponse:
        await asyncio.sleep(HEAD_SECONDS * 2.5)
        return PlainTextResponse("late")

    routes = [
        Route("/echo", echo, methods=["GET", "POST"]),
        Route("/at-once", at_once, methods=["POST"]),
        Route("/slow", slow),
    ]
    with Running(Starlette(routes=routes), head_seconds=HEAD_SECONDS, body_seconds=HEAD_SECONDS) as running:
        yield running


def test_who_sends_nothing_is_disconnected(server: Running) -> None:
    """A connection without a first byte ends when the time for a head is over."""
    with Wire(server.port) as wire:
        got, seconds = wire.until_closed()
    assert got == b""
    assert seconds < HEAD_SECONDS + MARGIN_SECONDS


def test_who_begins_a_head_and_stops_is_disconnected(server: Running) -> None:
    """Half a head does not hold a connection."""
    with Wire(server.port) as wire:
        wire.send(b"POST /echo HTTP/1.1\r\nHost: x\r\n")
        assert wire.until_closed()[1] < HEAD_SECONDS + MARGIN_SECONDS


def test_dripping_bytes_of_a_head_wins_no_time(server: Running) -> None:
    """The time counts from the head's beginning, not from its last byte."""
    began = time.monotonic()
    with Wire(server.port) as wire:
        wire.send(b"GET /echo HTTP/1.1\r\n")
        while time.monotonic() - began < HEAD_SECONDS * 3:
            wire.send(b"X-Drip: 1\r\n")
            time.sleep(HEAD_SECONDS / 8)
        assert wire.until_closed()[1] < 0.2


def test_the_second_head_of_a_kept_connection_has_the_same_time(server: Running) -> None:
    """A connection that was good once cannot stall its next head."""
    with Wire(server.port) as wire:
        wire.send(b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n")
        assert status_of(wire.answer()) == 200
        wire.send(b"GET /ec")
        assert wire.until_closed()[1] < HEAD_SECONDS + MARGIN_SECONDS


def test_a_slow_answer_is_not_cut_off(server: Running) -> None:
    """The clock is for senders: while we work, nobody is disconnected."""
    with Wire(server.port) as wire:
        wire.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = wire.answer()
    assert status_of(answer) == 200
    assert answer.endswith(b"late")


def test_many_requests_on_one_connection_are_served(server: Running) -> None:
    """The timers of one request do not end the next, in pieces or whole."""
    with Wire(server.port) as wire:
        for _ in range(8):
            wire.send(b"POST /echo HTTP/1.1\r\nHost: x\r\n")
            time.sleep(HEAD_SECONDS / 5)
            wire.send(b"Content-Length: 4\r\n\r\nab")
            time.sleep(HEAD_SECONDS / 10)
            wire.send(b"cd")
            assert wire.answer().endswith(b"4")


def test_a_body_that_nobody_reads_has_to_end(server: Running) -> None:
    """Who was answered early may end the body, but not stream for ever into a closed matter."""
    with Wire(server.port) as wire:
        wire.send(b"POST /at-once HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert status_of(wire.answer()) == 200
        began = time.monotonic()
        while time.monotonic() - began < HEAD_SECONDS * 2:
            wire.send(b"1\r\na\r\n")
            time.sleep(HEAD_SECONDS / 10)
        assert wire.until_closed()[0] == b""


def test_a_connection_goes_on_after_a_body_that_nobody_read(server: Running) -> None:
    """An early answer does not cost a well-behaved sender its connection, nor keep it open for ever."""
    with Wire(server.port) as wire:
        wire.send(b"POST /at-once HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab")
        assert status_of(wire.answer()) == 200
        wire.send(b"cd")
        wire.send(b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n")
        assert status_of(wire.answer()) == 200
        wire.send(b"POST /at-once HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab")
        assert status_of(wire.answer()) == 200
        wire.send(b"cd")
        assert wire.until_closed()[1] < HEAD_SECONDS + MARGIN_SECONDS


def test_a_head_without_end_is_refused(server: Running) -> None:
    """A head in pieces may not grow beyond its bound."""
    with Wire(server.port) as wire:
        wire.send(b"GET /echo HTTP/1.1\r\nX-Long: ")
        for _ in range(MAX_HEAD_BYTES // 8_192 + 4):
            wire.send(b"a" * 8_192)
            time.sleep(0.002)
        assert status_of(wire.answer()) in {400, 0}  # 0: our own sending was cut off before we read it


def test_idle_strangers_do_not_keep_others_out(server: Running) -> None:
    """Three hundred open connections that say nothing leave the server answering."""
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(300)]
    try:
        with Wire(server.port) as wire:
            wire.send(b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n")
            assert status_of(wire.answer()) == 200
    finally:
        for stranger in idle:
            stranger.close()
