"""An installation for benchmarks: sandbox, web and worker as processes of their own, and their memory."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from processor import bootstrap
from processor.bootstrap import House
from processor.config import Role, load
from processor.domain.contact import Contact
from processor.kit import utc_now
from processor.seals import token_bind
from processor.store import accounts, connections, contacts
from processor.store.ids import CONNECTION, new_id
from processor.store.migrate import migrate
from sandbox.control import Control

ACCOUNT = "bench"
ROOT = Path(__file__).resolve().parents[1]
PIECE = 5000


@dataclass
class Stand:
    """What a scenario works with. `worker_pids` are the processes whose memory counts."""

    house: House
    control: Control
    sandbox_url: str
    worker_pids: list[int] = field(default_factory=list)
    begin_anew: Callable[[], subprocess.Popen[bytes]] | None = None
    """Starts the one process of an embedded installation again."""

    def kill(self) -> None:
        """Kill the one process of an embedded installation at whatever line it is, and start it again."""
        assert self.begin_anew is not None
        for pid in self.worker_pids:
            os.killpg(pid, signal.SIGKILL)
        self.worker_pids = [self.begin_anew().pid]

    def peak_mib(self) -> float:
        """Return the most memory that one worker process held since `forget_peak`, in MiB."""
        return max(_status_kib(pid, "VmHWM") for pid in self._processes()) / 1024

    def held_mib(self) -> float:
        """Return what the largest worker process holds now, in MiB."""
        return max(_status_kib(pid, "VmRSS") for pid in self._processes()) / 1024

    def forget_peak(self) -> None:
        """Begin to watch the peak anew."""
        for pid in self._processes():
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def _processes(self) -> list[int]:
        found = list(self.worker_pids)
        for pid in found:  # Dramatiq's workers are children of the process that was started
            with suppress(OSError):
                children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
                found += [int(child) for child in children]
        return found

    def add_contacts(self, made: Iterator[Contact]) -> None:
        """Write contacts past the API: they are what the platform had before it installed anything."""
        piece: list[Contact] = []
        for contact in made:
            piece.append(contact)
            if len(piece) == PIECE:
                self._write(piece)
                piece = []
        self._write(piece)

    def _write(self, piece: list[Contact]) -> None:
        with self.house.store.write() as c:
            contacts.insert_many(c, piece, utc_now())

    def grant(self, mailchimp_account: str, customer: str = ACCOUNT) -> str:
        """Return a connection with a token, as the OAuth pages leave it, of this customer of the platform."""
        connection_id = new_id(CONNECTION)
        kit = self.house.kit
        with kit.store.write() as c:
            accounts.ensure(c, customer, utc_now())
            connections.create(
                c,
                connection_id,
                customer,
                utc_now(),
                mailchimp_account=mailchimp_account,
                account_name="Bench",
                login_name="bench",
                role="admin",
                dc="us1",
                api_base=self.sandbox_url,
                token_sealed=kit.sealer.seal(
                    self.control.token(mailchimp_account), token_bind(connection_id)
                ),
            )
        return connection_id


@contextmanager
def stand(
    folder: Path, *, database_url: str = "", redis_url: str = "", workers: int = 1, is_here: bool = False
) -> Iterator[Stand]:
    """Run a sandbox and the product until the block ends: embedded, or with PostgreSQL and Redis as web and
    worker processes; or, where it `is_here`, the sandbox alone: the caller is the worker."""
    started: list[subprocess.Popen[bytes]] = []
    sandbox_port, port = _free_port(), _free_port()
    env = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        **{k: v for k, v in os.environ.items() if k.startswith("MALLOC")},
        "PORT": str(port),
        "DATA_DIR": str(folder / "data"),
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "SECRET_KEY": secrets.token_urlsafe(48),
        "MAILCHIMP_LOGIN_URL": f"http://127.0.0.1:{sandbox_port}",
        "LOG_LEVEL": "WARNING",
        "LOG_FORMAT": "text",
    }
    commands = [] if is_here else _commands(bool(redis_url), workers)
    try:
        started.append(_start(["-m", "sandbox", "--port", str(sandbox_port)], env, folder / "sandbox.log"))
        _until_listening(sandbox_port)
        settings = load(Role.TOOL, **_as_settings(env))
        migrate(settings.database)
        house = bootstrap.build(settings)
        with (
            Control(f"http://127.0.0.1:{sandbox_port}", timeout_seconds=600) as control,
            ExitStack() as stack,
        ):
            with house.store.write() as c:
                accounts.ensure(c, ACCOUNT, utc_now())
            processes = [_start(command, env, folder / f"part{n}.log") for n, command in enumerate(commands)]
            started += processes
            if is_here:
                stack.enter_context(_doorstep(port))
            _until_listening(port)
            at_work = [p.pid for p in (processes if not redis_url else processes[1:])] or [os.getpid()]

            def begin_anew() -> subprocess.Popen[bytes]:
                started.append(_start(commands[0], env, folder / "part0.log"))
                return started[-1]

            url = f"http://127.0.0.1:{sandbox_port}"
            yield Stand(house, control, url, at_work, None if redis_url or is_here else begin_anew)
        house.close()
    finally:
        for process in reversed(started):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in started:
            try:
                process.wait(25)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


class _Yes(BaseHTTPRequestHandler):
    """Answers as a receiver does that Mailchimp asks whether it is there."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _doorstep(port: int) -> Iterator[None]:
    """Be there for Mailchimp to find, where no web process runs."""
    with ThreadingHTTPServer(("127.0.0.1", port), _Yes) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


def _commands(is_apart: bool, workers: int) -> list[list[str]]:
    if not is_apart:
        return [["-m", "workers"]]
    worker = ["-m", "dramatiq", "workers:load", "--processes", "1", "--threads", "8"]
    return [["-m", "processor", "up", "--role", "web"], *([worker] * workers)]


def _as_settings(env: dict[str, str]) -> dict[str, str]:
    return {
        name.lower(): value for name, value in env.items() if name not in {"PATH", "LOG_FORMAT"} and value
    }


def _start(command: list[str], env: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def _until_listening(port: int, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if time.monotonic() > deadline:
            raise SystemExit("a part of the installation did not start")
        time.sleep(0.1)


def _status_kib(pid: int, name: str) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return float(line.split()[1])
    return 0.0
