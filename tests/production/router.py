"""What a hosting platform puts before its web processes: one address, any number of them behind it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading

CONNECT_SECONDS = 1.0


class Router:
    """A TCP balancer in a thread, on a free loopback port. A process that takes no connection is passed
    over; one that dies takes its connections with it, as behind a real router."""

    def __init__(self) -> None:
        self.port = 0
        self.backends: list[int] = []
        """The ports of the web processes; may be changed while it runs."""
        self._turn = itertools.count()
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="router", daemon=True)

    @property
    def url(self) -> str:
        """Where it is, without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Router:
        self._thread.start()
        assert self._started.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(5)

    def _run(self) -> None:
        self._loop.run_until_complete(self._carry())
        self._loop.close()

    async def _carry(self) -> None:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._end.wait()
        server.close()
        for writer in list(self._open):
            writer.transport.abort()
        everything = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.wait_for(asyncio.gather(*everything, return_exceptions=True), 5)
        await asyncio.sleep(0.05)  # what was closed just now is let go of in the loop's next turns

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        behind = await self._connect()
        if behind is not None:
            there, back = behind
            self._open.add(back)
            await asyncio.gather(_pipe(reader, back), _pipe(there, writer))
            self._open.discard(back)
            back.close()
        self._open.discard(writer)
        writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for _ in range(len(self.backends)):
            port = self.backends[next(self._turn) % len(self.backends)]
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(CONNECT_SECONDS):
                    return await asyncio.open_connection("127.0.0.1", port)
        return None


async def _pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await source.read(65_536):
            sink.write(piece)
            await sink.drain()
    with contextlib.suppress(OSError, RuntimeError):
        sink.close()
