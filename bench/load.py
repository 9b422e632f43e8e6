"""A load generator on raw sockets: each connection posts as fast as it is answered.

It runs in a process of its own (`python -m bench.load`), so that it does not share a GIL with what it
measures, and prints one JSON line. Loopback only, and it stops by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import cast

HOST = "127.0.0.1"
CONNECTIONS = 64
DRAIN_SECONDS = 15.0


class Sender(asyncio.Protocol):
    """One kept-alive connection with one request under way at a time."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[int] | None = None
        self._transport: asyncio.Transport | None = None
        self._got = b""
        self._is_lost = False

    @classmethod
    async def connect(cls, port: int) -> Sender:
        """Return a connection to this port. Raises OSError when nobody listens."""
        _, sender = await asyncio.get_running_loop().create_connection(cls, HOST, port)
        return sender

    async def send(self, request: bytes) -> int:
        """Return the answer's status. Raises ConnectionError when the connection ends before it."""
        if self._is_lost or self._transport is None:
            raise ConnectionError
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Close the connection. Safe to repeat."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop."""
        self._is_lost = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError())

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        self._got = self._got + data if self._got else data
        head, separator, body = self._got.partition(b"\r\n\r\n")
        if separator and len(body) >= _length(head):
            self._got = b""
            if self._answer is not None and not self._answer.done():
                self._answer.set_result(int(head[9:12]))


def _length(head: bytes) -> int:
    _, found, rest = head.partition(b"content-length: ")
    return int(rest.partition(b"\r\n")[0]) if found else 0


def request_of(path: str, body: bytes) -> bytes:
    """Return the bytes of one delivery, with the headers that Mailchimp sends."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: MailChimp.com\r\nAccept: */*\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def bodies(start: str) -> Iterator[bytes]:
    """Yield bodies of a subscribe delivery's size (about 440 bytes), each different."""
    for number in itertools.count():
        yield (
            f"type=subscribe&fired_at=2026-09-01+12%3A00%3A00&data%5Bid%5D={start}{number:010x}"
            f"&data%5Bemail%5D=jo{number}%40maple-street.test&data%5Bemail_type%5D=html"
            "&data%5Bip_opt%5D=192.0.2.10&data%5Bweb_id%5D=404947702"
            f"&data%5Bmerges%5D%5BEMAIL%5D=jo{number}%40maple-street.test"
            "&data%5Bmerges%5D%5BFNAME%5D=Jo&data%5Bmerges%5D%5BLNAME%5D=Maple"
            "&data%5Bmerges%5D%5BPHONE%5D=&data%5Bmerges%5D%5BADDRESS%5D="
            "&data%5Bmerges%5D%5BBIRTHDAY%5D=&data%5Blist_id%5D=8a6d823488"
        ).encode()


async def post_each(port: int, path: str, wanted: list[bytes], connections: int) -> dict[bytes, int]:
    """Post every body once over that many connections; return the status of each that was answered."""
    waiting, answered = iter(wanted), {}

    async def one() -> None:
        sender = await Sender.connect(port)
        for body in waiting:
            answered[body] = await sender.send(request_of(path, body))
        sender.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    return answered


async def until_cut(
    port: int, path: str, start: str, seconds: float, connections: int, ledger: Counter[bytes]
) -> Counter[bytes]:
    """Post new bodies until the time is over or the server ends; return the ledger, in which those stand
    that were answered 200."""
    fresh, end = bodies(start), time.monotonic() + seconds

    async def one() -> None:
        sender = await Sender.connect(port)
        while time.monotonic() < end:
            body = next(fresh)
            if await sender.send(request_of(path, body)) == 200:
                ledger[body] += 1
        sender.close()

    async def surviving() -> None:
        with suppress(OSError):
            await one()

    await asyncio.gather(*(surviving() for _ in range(connections)))
    return ledger


async def measure(port: int, path: str, start: str, seconds: float, connections: int) -> dict[str, object]:
    """Post for that time; return answers of 200 a second, p50 and p99 in milliseconds, other answers."""
    latencies, statuses = array("d"), Counter[int]()
    senders = [await Sender.connect(port) for _ in range(connections)]
    fresh, clock = bodies(start), time.perf_counter
    began = clock()

    async def one(sender: Sender, now: Callable[[], float]) -> None:
        while (sent := now()) - began < seconds:
            statuses[await sender.send(request_of(path, next(fresh)))] += 1
            latencies.append(now() - sent)

    tasks = [one(sender, clock) for sender in senders]
    await asyncio.wait_for(asyncio.gather(*tasks), seconds + DRAIN_SECONDS)
    took = clock() - began
    for sender in senders:
        sender.close()
    ordered = sorted(latencies)
    return {
        "per_second": statuses[200] / took,
        "p50_ms": ordered[len(ordered) // 2] * 1000,
        "p99_ms": ordered[int(len(ordered) * 0.99)] * 1000,
        "ok": statuses[200],
        "not_ok": sum(statuses.values()) - statuses[200],
    }


def main() -> None:
    """Measure as the arguments say and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("path")
    parser.add_argument("--start", default="a", help="makes bodies differ between runs")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    args = parser.parse_args()
    try:
        import uvloop
    except ImportError:
        run = asyncio.run
    else:
        run = uvloop.run
    print(json.dumps(run(measure(args.port, args.path, args.start, args.seconds, args.connections))))


if __name__ == "__main__":
    main()
