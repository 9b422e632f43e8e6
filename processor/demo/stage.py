"""The demo's two processes, and the first minutes of a customer: key, contacts, connection, audience."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from processor.demo import people

ACCOUNT = "demo"
AUDIENCE = "Maple Street News"
START_SECONDS = 60.0


class DemoError(Exception):
    """The demo cannot go on; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the two sides are, and a client for each."""

    url: str
    sandbox_url: str
    api: httpx.Client
    control: httpx.Client
    log: Path

    def get(self, path: str, **params: Any) -> Any:
        """Return what the REST API answers. Raises DemoError."""
        asked = {name: value for name, value in params.items() if value != ""}
        return _said(self.api.get(path, params=asked, timeout=40))

    def send(self, method: str, path: str, body: Any) -> Any:
        """Return what the REST API answers to this. Raises DemoError."""
        return _said(self.api.request(method, path, json=body, timeout=60))

    def play(self, method: str, path: str, body: Any = None) -> Any:
        """Return what the sandbox's control path answers. Raises DemoError."""
        return _said(self.control.request(method, f"/_control{path}", json=body, timeout=60))


def _said(answer: httpx.Response) -> Any:
    if answer.is_success:
        return answer.json() if answer.content else None
    raise DemoError(
        f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:300]}"
    )


def environment(data_dir: Path, port: int, sandbox_port: int) -> dict[str, str]:
    """Return the demo's settings: everything embedded, and the sandbox in Mailchimp's place."""
    kept = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL", "SECRET_KEY"}}
    return kept | {
        "PORT": str(port),
        "DATA_DIR": str(data_dir),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "MAILCHIMP_LOGIN_URL": f"http://127.0.0.1:{sandbox_port}",
        "MAILCHIMP_CLIENT_ID": "bothways-demo",
        "MAILCHIMP_CLIENT_SECRET": "bothways-demo-secret",
        "ALLOW_PRIVATE_TARGETS": "true",
        "SWEEP_MINUTES": "1",
        "EVENT_ATTEMPTS": "4",  # so that a broken Mailchimp shows a dead event within half a minute
        "LOG_FORMAT": "text",
    }


@contextmanager
def processes(data_dir: Path, port: int, sandbox_port: int) -> Iterator[None]:
    """Run sandbox and product beside this process; end both, and nothing else, at the end."""
    for option, number in (("--port", port), ("--sandbox-port", sandbox_port)):
        _must_be_free(option, number)
    data_dir.mkdir(parents=True, exist_ok=True)
    env = environment(data_dir, port, sandbox_port)
    state = str(data_dir / "sandbox.json")
    with (data_dir / "bothways.log").open("ab") as log:
        commands = (
            ["-m", "sandbox", "--port", str(sandbox_port), "--state", state],
            ["-m", "workers"],
        )
        started: list[subprocess.Popen[bytes]] = []
        try:
            for command in commands:
                started.append(
                    subprocess.Popen(  # noqa: S603 - our own modules
                        [sys.executable, *command],
                        env=env,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        preexec_fn=_die_with_parent,
                    )
                )
            _wait(started, [f"http://127.0.0.1:{sandbox_port}/", f"http://127.0.0.1:{port}/readyz"])
            yield
        finally:
            for process in reversed(started):
                process.terminate()
            for process in started:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=25)


def _must_be_free(option: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise DemoError(
                f"Port {port} is taken, perhaps by a demo that is running. "
                f"End that one, or choose another port: bothways demo {option} {port + 1000}"
            ) from None


def _die_with_parent() -> None:
    """On Linux, end with the demo even when it is killed; elsewhere there is no such wish to make."""
    os.setpgrp()  # Ctrl+C is for the demo, which ends the others in order
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def _wait(started: list[subprocess.Popen[bytes]], urls: list[str]) -> None:
    deadline = time.monotonic() + START_SECONDS
    for url in urls:
        while True:
            if any(process.poll() is not None for process in started):
                raise DemoError("A part of the demo did not start: is one of its ports taken? Try --port.")
            with suppress(httpx.HTTPError):
                if httpx.get(url, timeout=5).is_success:
                    break
            if time.monotonic() > deadline:
                raise DemoError(f"{url} does not answer.")
            time.sleep(0.1)


def fill(stage: Stage) -> str:
    """Put the people on both sides, unless an earlier run has. Returns the sandbox's audience."""
    audience = _mailchimp_side(stage)
    if connection(stage) is None:  # contacts that are there already are not changed by this
        batch = list(people.contacts())
        stage.send("POST", f"/v1/accounts/{ACCOUNT}/contacts/batch", {"contacts": batch})
    return audience


def portal_link(stage: Stage) -> str:
    """Return a link that opens the customer's portal once."""
    return str(stage.send("POST", f"/v1/accounts/{ACCOUNT}/portal-links", {})["url"])


def connection(stage: Stage) -> dict[str, Any] | None:
    """Return the demo's connection, None while there is none that was not removed."""
    listed = stage.get(f"/v1/accounts/{ACCOUNT}/connections")["connections"]
    return next((one for one in listed if one["state"] not in {"removing", "removed"}), None)


def install(stage: Stage, audience: str, tell: Callable[[str], None]) -> str:
    """Connect the account as a customer does, preview and begin the first sync, or go on where an earlier run
    stopped. Returns the connection's id."""
    if connection(stage) is None:
        _connect(stage)
    known = connection(stage)
    if known is None:
        raise DemoError("The account could not be connected.")
    connection_id: str = known["id"]
    if known["state"] in {"setup", "previewing"}:
        stage.send("PATCH", f"/v1/connections/{connection_id}", {"audience_id": audience})
        _preview(stage, connection_id, tell)
        stage.send("POST", f"/v1/connections/{connection_id}/sync", {})
    return connection_id


def _preview(stage: Stage, connection_id: str, tell: Callable[[str], None]) -> None:
    """Show what the sync will change, before it changes anything."""
    stage.send("POST", f"/v1/connections/{connection_id}/preview", {})
    deadline = time.monotonic() + START_SECONDS
    while (seen := stage.get(f"/v1/connections/{connection_id}/preview"))["state"] != "done":
        if seen["state"] == "failed" or time.monotonic() > deadline:
            raise DemoError("The preview could not be made.")
        time.sleep(0.2)
    tell("What the first sync will do (nothing has been changed yet):")
    for where, lines in BALANCE.items():
        for line in seen[lines]:
            tell(f"  {where:<14} {line['count']:>4}  {line['title']}")


BALANCE = {"in Mailchimp": "to_mailchimp", "here": "to_platform", "left alone": "left_alone"}


def install_by_hand(stage: Stage) -> str:
    """Wait until a person has connected the account and begun the first sync in the portal. Returns the
    connection's id. Raises KeyboardInterrupt when they give it up."""
    while True:
        known = connection(stage)
        if known is not None and known["state"] not in {"setup", "previewing"}:
            return str(known["id"])
        time.sleep(0.5)


def _mailchimp_side(stage: Stage) -> str:
    """Return the id of the sandbox's audience, made and filled where it is not there yet."""
    for account in stage.play("GET", "/accounts")["accounts"]:
        for list_id in account["lists"]:
            return str(list_id)
    account = stage.play("POST", "/accounts", {"name": "Maple Street Shop"})
    made = stage.play("POST", f"/accounts/{account['id']}/lists", {"name": AUDIENCE})
    list_id = str(made["id"])
    stage.play("POST", f"/lists/{list_id}/merge-fields", {"tag": "CITY", "name": "City", "type": "text"})
    stage.play("POST", f"/lists/{list_id}/members", {"members": list(people.members())})
    return list_id


def _connect(stage: Stage) -> None:
    """Connect as a customer does: follow the link, allow access on the sandbox's page, come back."""
    link = stage.send("POST", f"/v1/accounts/{ACCOUNT}/connect-links", {})["url"]
    account = stage.play("GET", "/accounts")["accounts"][0]["id"]
    with httpx.Client(follow_redirects=True, timeout=30) as browser:
        address, _, token = link.partition("?link=")
        page = browser.post(address, data={"link": token})
        answer = browser.post(page.url, data={"account": account, "answer": "allow"})
    if not answer.is_success:
        raise DemoError(f"The account could not be connected: {answer.status_code}.")
