"""A sandbox for each module, an account and an audience for each test, and a receiver of webhooks."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from sandbox.control import Control, ListHandle
from sandbox.server import Running
from sandbox.settings import Settings


@dataclass
class Received:
    """One request that the receiver got."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A receiver of webhooks; `answer` says which status each POST gets, by its number from 0."""

    url: str
    seen: list[Received] = field(default_factory=list)
    answer: Callable[[int], int] = lambda _: 200
    answer_get: int = 200

    @property
    def posts(self) -> list[Received]:
        return [request for request in self.seen if request.method == "POST"]


@dataclass
class House:
    """An account with one audience, and a client that holds its token."""

    account: str
    list: ListHandle
    token: str
    api: httpx.Client
    control: Control
    url: str

    def hashed(self, email: str, rest: str = "") -> str:
        digest = hashlib.md5(email.lower().encode(), usedforsecurity=False).hexdigest()
        return self.members(f"/{digest}{rest}")

    def members(self, rest: str = "") -> str:
        return f"/lists/{self.list.id}/members{rest}"


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with Running(Settings(port=0, seed=7)) as sandbox:
        yield sandbox


@pytest.fixture
def control(running: Running) -> Iterator[Control]:
    running.control.reset()
    running.control.settle(5)
    yield running.control
    running.control.mend()


@pytest.fixture
def open_house(running: Running, control: Control) -> Iterator[Callable[..., House]]:
    clients = []

    def make(**audience: object) -> House:
        account = control.account("Maple Street")
        made = control.audience(account.id, **audience)
        token = control.token(account.id)
        api = httpx.Client(
            base_url=f"{running.url}/3.0", headers={"Authorization": f"Bearer {token}"}, trust_env=False
        )
        clients.append(api)
        return House(account.id, made, token, api, control, running.url)

    yield make
    for api in clients:
        api.close()


@pytest.fixture
def house(open_house: Callable[..., House]) -> House:
    return open_house()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver("")
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with lock:
                number = len(found.posts)
                found.seen.append(Received(self.command, self.path, dict(self.headers), body))
            self.send_response(found.answer(number) if self.command == "POST" else found.answer_get)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = _take

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.url = f"http://127.0.0.1:{server.server_port}/hook/secret-path"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()
