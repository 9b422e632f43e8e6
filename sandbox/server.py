"""Runs the sandbox: in the foreground, or in a thread beside a test."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import replace
from types import TracebackType

import uvicorn

from sandbox.app import build
from sandbox.control import Control
from sandbox.settings import Settings

_START_SECONDS = 10.0


def _server(settings: Settings) -> uvicorn.Server:
    # What hangs by a fault hangs for ever, so a stop does not wait long.
    config = uvicorn.Config(
        build(settings),
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)


def run(settings: Settings) -> None:
    """Serves until it is interrupted."""
    _server(settings).run()


class Running:
    """A sandbox in a thread on a free port.

    >>> with Running() as sandbox:
    ...     account = sandbox.control.account("Maple Street")

    `url` is where it is, without a slash at its end; `control` prepares, breaks and watches it.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or Settings(port=0)
        self._socket: socket.socket | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self.url = ""
        self.control: Control

    def start(self) -> Running:
        """Starts it and waits until it answers. Raises RuntimeError where it does not."""
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((self._settings.host, self._settings.port))
        port = self._socket.getsockname()[1]
        self.url = f"http://{self._settings.host}:{port}"
        self.control = Control(self.url)
        self._server = _server(replace(self._settings, port=port))
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="sandbox", daemon=True
        )
        self._thread.start()
        until = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if time.monotonic() > until or not self._thread.is_alive():
                raise RuntimeError("the sandbox did not start")
            time.sleep(0.01)
        return self

    def stop(self) -> None:
        """Stops it, waits for its end, and frees the port."""
        self.control.close()
        if self._server and self._thread:
            self._server.should_exit = True
            self._thread.join(_START_SECONDS)
        if self._socket:
            self._socket.close()

    def __enter__(self) -> Running:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
