"""The HTTP server: uvicorn with bounds on everything that a stranger can hold."""

from __future__ import annotations

import gc
import logging
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import TracebackType

import uvicorn
from starlette.types import ASGIApp
from uvicorn.importer import import_from_string
from uvicorn.supervisors import Multiprocess

from processor.log import say
from processor.web.deadlines import BODY_SECONDS, HEAD_SECONDS, DeadlineProtocol

logger = logging.getLogger(__name__)

EVERYWHERE = "0.0.0.0"  # noqa: S104 - a dyno's router comes from another machine
CONNECTIONS = 750
"""More at once are answered 503. Each holds at most one body, so this bounds memory too; below the 1,024
open files that many systems allow."""
KEEP_ALIVE_SECONDS = 5
GRACEFUL_SECONDS = 20
"""Heroku ends a dyno 30 s after its SIGTERM; the receiver's last commit comes after this."""


def configure(
    app: ASGIApp | Callable[[], ASGIApp],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    workers: int = 1,
    factory: bool = False,
    head_seconds: float = HEAD_SECONDS,
    body_seconds: float = BODY_SECONDS,
) -> uvicorn.Config:
    """Return uvicorn's configuration.

    No access log: it prints paths, and a webhook's path is a secret (`access` writes our own line).
    Forwarded headers are believed from the addresses in FORWARDED_ALLOW_IPS, by default the loopback.
    """
    protocol = partial(DeadlineProtocol, head_seconds=head_seconds, body_seconds=body_seconds)
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        workers=workers,
        factory=factory,
        http=protocol,  # type: ignore[arg-type]  # it is only called
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=True,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )


def serve(
    app: ASGIApp,
    *,
    host: str = EVERYWHERE,
    port: int = 8000,
    sockets: Sequence[socket.socket] | None = None,
    body_seconds: float = BODY_SECONDS,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is under way.

    `sockets`, where given, are bound already and win over host and port. Returns after the signal, so that
    the caller can tidy up; exits with 3 when the address is taken or the application does not start.
    """
    server = uvicorn.Server(configure(app, host=host, port=port, body_seconds=body_seconds))
    settle_memory()
    with _outliving_signals():
        server.run(list(sockets) if sockets is not None else None)
    if not server.started:
        sys.exit(3)


def serve_many(
    factory: Callable[[], ASGIApp] | str,
    *,
    workers: int,
    host: str = EVERYWHERE,
    port: int = 8000,
    body_seconds: float = BODY_SECONDS,
) -> None:
    """Serve with that many processes on one port until SIGTERM or SIGINT.

    `factory` is a function of a module, or `package.module:function`: each process starts with nothing and
    builds its own application, so the function sets up the log too. A process that dies is started again.
    """
    settled = partial(_settled, factory)
    config = configure(
        settled, host=host, port=port, workers=workers, factory=True, body_seconds=body_seconds
    )
    Multiprocess(config, sockets=[config.bind_socket()]).run()


@contextmanager
def _outliving_signals() -> Iterator[None]:
    """Uvicorn raises the signal that ended it once more, which by default ends the process on the spot."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def settle_memory() -> None:
    """Take what is loaded by now out of the garbage collector's sight. Safe to repeat.

    A full collection walks over every object of every module: 35 ms in which nobody is answered, several
    times a second under load. What is loaded at the start stays to the end anyway.
    """
    gc.collect()
    gc.freeze()


def _settled(factory: Callable[[], ASGIApp] | str) -> ASGIApp:
    make: Callable[[], ASGIApp] = import_from_string(factory)
    app = make()
    settle_memory()
    return app


class Running:
    """A server in a thread on a free loopback port, for tests and for the demo.

    with Running(app) as server:
        httpx.get(server.url + "/healthz")
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        port: int = 0,
        head_seconds: float = HEAD_SECONDS,
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        self._socket = socket.create_server(("127.0.0.1", port), backlog=2048)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        config = configure(app, head_seconds=head_seconds, body_seconds=body_seconds)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)

    def __enter__(self) -> Running:
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise RuntimeError("the web application did not start")
            time.sleep(0.005)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Finish what is under way and end. Returns when it has ended; safe to repeat."""
        self._server.should_exit = True
        self._thread.join(GRACEFUL_SECONDS + 10)

    def _run(self) -> None:
        try:
            self._server.run([self._socket])
        except SystemExit:
            say(logger, logging.ERROR, "the web application did not start")
