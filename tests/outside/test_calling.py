"""Calls to somebody else's server, over real HTTP and TLS."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from processor.errors import Unreached
from processor.outside import Ceilings, Outside
from tests.outside.server import certificate, plain, serving

SHORT = Ceilings(connect_seconds=0.5, read_seconds=0.5, total_seconds=0.6, max_bytes=1000)


def _at_home(name: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def test_the_checked_address_is_called_under_its_name() -> None:
    """Host, method, headers and body arrive; a name is asked for once."""
    seen: list[tuple[str, dict[str, str], bytes]] = []
    asked: list[str] = []

    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        seen.append((f"{handler.command} {handler.path}", dict(handler.headers), body))
        plain(handler, 202, b"thanks", X_Kind="test")

    def resolve(name: str, port: int) -> list[str]:
        asked.append(name)
        return ["127.0.0.1"]

    with serving(answer) as port:
        way = Outside(allow_private=True, resolve=resolve)
        url = f"http://hooks.maple.test:{port}/in?a=b"
        got = way.fetch("POST", url, headers={"X-Mine": "1"}, content=b"{}")
    assert (got.status, got.body, got.headers["x-kind"]) == (202, b"thanks", "test")
    ((line, headers, body),) = seen
    assert (line, body, asked) == ("POST /in?a=b", b"{}", ["hooks.maple.test"])
    assert headers["Host"] == f"hooks.maple.test:{port}"
    assert headers["X-Mine"] == "1"


def test_a_name_that_changes_its_answer_leads_nowhere_else() -> None:
    """What was checked is what is called: a second answer is never asked for (DNS rebinding)."""
    answers = [["10.0.0.1"], ["127.0.0.1"]]
    way = Outside(resolve=lambda name, port: answers.pop(0))
    with serving(lambda handler, body: plain(handler, 200)) as port, pytest.raises(Unreached) as refused:
        way.fetch("GET", f"https://hooks.maple.test:{port}/")
    assert refused.value.reason == "not_outside"
    assert answers == [["127.0.0.1"]]


def test_a_certificate_is_checked_against_the_name(tmp_path: Path) -> None:
    """The right name is reached over TLS, another one at the same address is not."""
    server, trust = certificate(tmp_path, "hooks.maple.test")
    with serving(lambda handler, body: plain(handler, 200, b"safe"), tls=server) as port:
        way = Outside(allow_private=True, resolve=_at_home, trust=trust)
        assert way.fetch("GET", f"https://hooks.maple.test:{port}/").body == b"safe"
        with pytest.raises(Unreached) as refused:
            way.fetch("GET", f"https://other.maple.test:{port}/")
        assert refused.value.reason == "tls"
        with pytest.raises(Unreached) as refused:
            Outside(allow_private=True, resolve=_at_home).fetch("GET", f"https://hooks.maple.test:{port}/")
        assert refused.value.reason == "tls"


def test_no_redirect_is_followed() -> None:
    """It is an answer like any other."""
    seen: list[str] = []

    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        seen.append(handler.path)
        plain(handler, 302, Location="/elsewhere")

    with serving(answer) as port:
        got = Outside(allow_private=True).fetch("GET", f"http://127.0.0.1:{port}/here")
    assert (got.status, seen) == (302, ["/here"])


@pytest.mark.parametrize("told", [True, False])
def test_more_bytes_than_are_taken_end_the_call(told: bool) -> None:
    """Whether the size is told beforehand or not."""

    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        handler.send_response(200)
        if told:
            handler.send_header("Content-Length", "10000000")
        handler.end_headers()
        for _ in range(100 if told else 10_000):
            handler.wfile.write(b"x" * 1000)

    with serving(answer) as port, pytest.raises(Unreached) as refused:
        Outside(allow_private=True).fetch("GET", f"http://127.0.0.1:{port}/", ceilings=SHORT)
    assert refused.value.reason == "too_large"


def test_an_answer_may_be_left_unread() -> None:
    """Whoever needs the status only is not held up by what follows."""

    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b"x" * 100_000)

    with (
        serving(answer) as port,
        Outside(allow_private=True).opening("GET", f"http://127.0.0.1:{port}/") as arriving,
    ):
        assert arriving.status == 200


@pytest.mark.parametrize("part", ["nothing", "head", "body"])
def test_a_server_that_trickles_is_left_in_time(part: str) -> None:
    """Each piece comes within the time for one piece, and the whole within the time for all."""
    over = threading.Event()

    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        if part == "body":
            plain_head = b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n"
            handler.wfile.write(plain_head)
        elif part == "head":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not over.wait(0.1):
            if part != "nothing":
                handler.wfile.write(b"x")

    started = time.monotonic()
    with serving(answer) as port:
        with pytest.raises(Unreached) as refused:
            Outside(allow_private=True).fetch("GET", f"http://127.0.0.1:{port}/", ceilings=SHORT)
        over.set()
    assert refused.value.reason == "timeout"
    assert time.monotonic() - started < 3


def test_a_resolver_that_hangs_is_left_in_time() -> None:
    """It cannot be told to give up, so it is not waited for."""
    over = threading.Event()

    def resolve(name: str, port: int) -> list[str]:
        over.wait(10)
        return []

    started = time.monotonic()
    with pytest.raises(Unreached) as refused:
        Outside(resolve=resolve).fetch("GET", "https://hooks.maple.test/", ceilings=SHORT)
    over.set()
    assert refused.value.reason == "timeout"
    assert time.monotonic() - started < 3


def test_what_does_not_answer_is_named() -> None:
    """Nobody there, no such name, and something that is no web server."""
    with serving(lambda handler, body: plain(handler, 200)) as port:
        pass
    way = Outside(allow_private=True)
    with pytest.raises(Unreached) as refused:
        way.fetch("GET", f"http://127.0.0.1:{port}/")
    assert refused.value.reason == "connect"

    def unknown(name: str, port: int) -> list[str]:
        raise OSError("no such name")

    with pytest.raises(Unreached) as refused:
        Outside(resolve=unknown).fetch("GET", "https://nobody.maple.test/")
    assert refused.value.reason == "name_not_found"

    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        handler.wfile.write(b"220 mail.maple.test ESMTP\r\n")

    with serving(answer) as port, pytest.raises(Unreached) as refused:
        way.fetch("GET", f"http://127.0.0.1:{port}/")
    assert refused.value.reason == "not_http"
