"""A sandbox for the tests of this folder, and a Mailchimp client on a fresh account of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from processor.mailchimp.client import Mailchimp
from processor.mailchimp.limits import LocalSlots
from processor.mailchimp.transport import Call, Timeouts, open_http
from sandbox.control import AccountHandle, Control
from sandbox.server import Running


@pytest.fixture(scope="session")
def running() -> Iterator[Running]:
    """One sandbox for all tests; each makes an account of its own in it."""
    with Running() as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    """The connection pool of a process."""
    with open_http() as client:
        yield client


@dataclass
class Stage:
    """A fresh account in the sandbox, one audience in it, and a client."""

    control: Control
    account: AccountHandle
    audience_id: str
    token: str
    url: str
    http: httpx.Client
    calls: list[Call] = field(default_factory=list)

    def client(self, **more: Any) -> Mailchimp:
        """A client of this account; `more` replaces what it is made with."""
        made: dict[str, Any] = {
            "api_base": self.url,
            "token": self.token,
            "slots": LocalSlots(),
            "account_key": self.account.id,
            "on_call": self.calls.append,
            "timeouts": Timeouts(read_seconds=5, slow_read_seconds=5),
        }
        return Mailchimp(self.http, **(made | more))

    def put(self, *members: dict[str, Any]) -> None:
        """Put members into the audience, past all checks."""
        self.control.put_members(self.audience_id, members)


@pytest.fixture
def stage(running: Running, http: httpx.Client) -> Iterator[Stage]:
    """A fresh account with an audience that has the usual fields and one group."""
    control = running.control
    account = control.account("Maple Street")
    audience = control.audience(
        account.id,
        "Newsletter",
        merge_fields=[
            {"tag": "FNAME", "name": "First Name", "type": "text"},
            {"tag": "LNAME", "name": "Last Name", "type": "text"},
            {
                "tag": "SIZE",
                "name": "Size",
                "type": "dropdown",
                "options": {"choices": ["S", "M"]},
            },
            {"tag": "AGE", "name": "Age", "type": "number"},
        ],
        interests=[{"title": "Colours", "type": "checkboxes", "names": ["Red", "Blue"]}],
    )
    yield Stage(control, account, audience.id, control.token(account.id), running.url, http)
    control.mend()


@pytest.fixture
def mailchimp(stage: Stage) -> Mailchimp:
    """A client on the fresh account."""
    return stage.client()


class _Ear(BaseHTTPRequestHandler):
    """Answers 200 to all that Mailchimp sends."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        self.server.heard.append(  # type: ignore[attr-defined]
            (dict(self.headers), self.rfile.read(int(self.headers.get("Content-Length", 0))))
        )
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@dataclass
class Listener:
    """A webhook receiver: where it is, and (headers, body) of each delivery."""

    url: str
    heard: list[tuple[dict[str, str], bytes]]


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A receiver on a free port of loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Ear)
    server.heard = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield Listener(f"http://127.0.0.1:{server.server_port}/hook", server.heard)  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()
