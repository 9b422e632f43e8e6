"""The web process as a process: killed, ended, and what it leaves in the log."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from bench.load import until_cut
from processor.store import hooks, open_store
from tests.receiver.house import FORM, KEY, add_hook, kept, make_kit, make_settings
from tests.receiver.wire import Wire

CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class WebProcess:
    """A web process of its own, with a live hook."""

    process: subprocess.Popen[str]
    port: int
    path: str

    def end(self, number: signal.Signals) -> float:
        """Send the signal and wait for the end; return after how many seconds it came."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(30)
        return time.monotonic() - began


@contextmanager
def web_process(database_url: str, folder: Path, *more: str) -> Iterator[WebProcess]:
    """Start a web process; whatever the test did with it, it has ended afterwards."""
    command = [sys.executable, "-m", "bench.serve", "--database-url", database_url]
    command += ["--data-dir", str(folder), *more]
    env = {**os.environ, "SECRET_KEY": KEY}
    with (folder / "log").open("a") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=env)
        assert process.stdout is not None
        try:
            said = json.loads(process.stdout.readline())
            yield WebProcess(process, said["port"], said["path"])
        finally:
            process.kill()
            process.wait(30)
            process.stdout.close()


def load_until_ended(
    database_url: str, folder: Path, number: signal.Signals, round_: int, seconds: float
) -> tuple[Counter[bytes], float]:
    """Send a web process under load the signal; return the ledger of 200s and the seconds to its end."""

    async def run(web: WebProcess) -> tuple[Counter[bytes], float]:
        answered: Counter[bytes] = Counter()
        sending = until_cut(web.port, web.path, f"{round_:04x}", seconds + 30, CONNECTIONS, answered)
        load = asyncio.create_task(sending)
        while not answered:
            assert not load.done(), "the load reached nobody"
            await asyncio.sleep(0.01)
        await asyncio.sleep(seconds)
        took = await asyncio.to_thread(web.end, number)
        return await load, took

    with web_process(database_url, folder) as web:
        return asyncio.run(run(web))


def check_ledger_survives(database_url: str, folder: Path, number: signal.Signals, rounds: int) -> None:
    """End a loaded process again and again, on one database; every 200 of every round has to be there."""
    ledger: Counter[bytes] = Counter()
    for round_ in range(rounds):
        answered, took = load_until_ended(database_url, folder, number, round_, 0.4)
        assert took < 10
        ledger += answered
    store = open_store(database_url)
    there = set(kept(store))
    store.close()
    assert not set(ledger) - there, "acknowledged, and not in the database"
    if number is signal.SIGTERM:
        assert set(ledger) == there, "kept, but its sender was not told"


def test_killed_at_any_line_nothing_acknowledged_is_missing(database_url: str, tmp_path: Path) -> None:
    """kill -9 under load, three times: every delivery that was answered 200 is in the table."""
    check_ledger_survives(database_url, tmp_path, signal.SIGKILL, 3)


@pytest.mark.slow
def test_killed_twenty_times_nothing_acknowledged_is_missing(database_url: str, tmp_path: Path) -> None:
    """The same, long enough for rarer lines."""
    check_ledger_survives(database_url, tmp_path, signal.SIGKILL, 20)


def test_ended_by_sigterm_what_was_answered_is_what_is_kept(database_url: str, tmp_path: Path) -> None:
    """A deploy under load: the ledger of 200s and the table are equal, and the end comes soon."""
    check_ledger_survives(database_url, tmp_path, signal.SIGTERM, 2)


def test_a_second_sigterm_cuts_nobody_off(tmp_path: Path) -> None:
    """Heroku's signal reaches the process and its parent's forwarded one too: twice is as good as once."""
    url = f"sqlite:///{tmp_path / 'twice.sqlite3'}"

    async def run(web: WebProcess) -> Counter[bytes]:
        answered: Counter[bytes] = Counter()
        load = asyncio.create_task(until_cut(web.port, web.path, "a", 30, CONNECTIONS, answered))
        while not answered:
            assert not load.done(), "the load reached nobody"
            await asyncio.sleep(0.01)
        web.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(web.end, signal.SIGTERM)
        return await load

    with web_process(url, tmp_path) as web:
        ledger = asyncio.run(run(web))
    store = open_store(url)
    assert set(kept(store)) == set(ledger)
    store.close()


def test_the_log_holds_no_secret_and_no_address(tmp_path: Path) -> None:
    """At the most talkative level, through every kind of answer: templates, ids and reasons only."""
    url = f"sqlite:///{tmp_path / 'log.sqlite3'}"
    kit = make_kit(make_settings(tmp_path, url))
    signed, gone = add_hook(kit, secret="whsec-very-secret"), add_hook(kit, "con_gone")
    with kit.store.write() as c:
        hooks.mark_gone(c, hooks.hash_of(gone))
    kit.store.close()
    body = b"type=subscribe&data%5Bemail%5D=jo%40maple-street.test&plain=jo@maple-street.test"
    with web_process(url, tmp_path, "--log-level", "DEBUG") as web:
        live = web.path.rpartition("/")[2]
        tokens = [live, signed, gone, "guessed-token-0123456789"]
        with httpx.Client(base_url=f"http://127.0.0.1:{web.port}") as http:
            for token in tokens:
                path = f"/webhooks/mailchimp/{token}"
                for kind in (FORM, "text/plain"):
                    http.post(path, content=body, headers={"Content-Type": kind})
                http.get(path + "?secret=whsec-very-secret")
                http.put(path)
                http.get(path + "/")
        with Wire(web.port) as wire:
            wire.send(f"GET /webhooks/mailchimp/{live} HTTP/9.9\r\n\r\n".encode())
            wire.until_closed()
        web.end(signal.SIGTERM)
    said = (tmp_path / "log").read_text()
    assert '"route": "/webhooks/mailchimp/' in said
    assert "signature_missing" in said
    for secret in [*tokens, "whsec-very-secret", "maple-street"]:
        assert secret not in said


def test_several_web_processes_share_a_port_and_end_together(tmp_path: Path) -> None:
    """Both answer; SIGTERM to the first ends all of them."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tests.receiver.many", str(port)]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, stderr=log, stdout=log)
    try:
        seen: set[str] = set()
        deadline = time.monotonic() + 20
        while len(seen) < 2 and time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                seen.add(httpx.get(f"http://127.0.0.1:{port}/who").text)
        assert len(seen) == 2
        process.terminate()
        assert process.wait(20) == 0
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.1:{port}/who")
    finally:
        process.kill()
        process.wait(10)
