"""Processes as an operator has them: started by the Procfile's commands, each in a group of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def procfile() -> dict[str, str]:
    """Return the Procfile's commands by process type."""
    lines = (ROOT / "Procfile").read_text().splitlines()
    return {name: command.strip() for name, _, command in (line.partition(":") for line in lines if line)}


def free_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def environment(**settings: object) -> dict[str, str]:
    """Return a clean environment in which `python` and `dramatiq` are ours."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {"PATH": path, "LANG": "C.UTF-8", **{name: str(value) for name, value in settings.items()}}


class Process:
    """One process with its children. Nothing but this group is ever signalled."""

    def __init__(self, name: str, command: str, env: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self._command, self._env = command, dict(env)
        self.start()

    def start(self) -> None:
        """Start it, again where it has ended."""
        with self.log.open("ab") as out:
            self._popen = subprocess.Popen(  # `exec`: its exit code is the command's own
                ["sh", "-c", f"exec {self._command}"],
                cwd=ROOT,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def group(self) -> int:
        """The number of its process group."""
        return self._popen.pid

    @property
    def is_running(self) -> bool:
        """Whether its first process runs."""
        return self._popen.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the whole group, as a hosting platform does."""
        with suppress(ProcessLookupError):
            os.killpg(self.group, number)

    def kill(self) -> None:
        """Kill the whole group at once, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        self._popen.wait(10)

    def stop(self, within_seconds: float = 25.0) -> int:
        """Ask it to end, as at a deploy; return its exit code. Fails when it takes longer."""
        self.signal(signal.SIGTERM)
        return self._popen.wait(within_seconds)

    def wait(self, within_seconds: float) -> int:
        """Wait until it ends by itself; return its exit code."""
        return self._popen.wait(within_seconds)

    def said(self) -> str:
        """Return everything that it has written so far."""
        return self.log.read_text(errors="replace")


def group_of(pid: int) -> int:
    """Return the process group of a process, 0 where there is none."""
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def until_listening(port: int, process: Process, seconds: float = 20.0) -> None:
    """Wait until somebody takes connections on the port; fail with the process's words if it ends before."""
    deadline = time.monotonic() + seconds
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        assert process.is_running, process.said()
        assert time.monotonic() < deadline, process.said()
        time.sleep(0.05)
