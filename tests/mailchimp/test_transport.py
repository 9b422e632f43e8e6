"""Failures of the network and of Mailchimp, over real HTTP: each is the right error, none shows a secret."""

from __future__ import annotations

import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from processor.errors import MailchimpError, Passing, Reconnect
from processor.mailchimp.limits import LocalSlots
from processor.mailchimp.protocol import API_PATH, Request
from processor.mailchimp.transport import USER_AGENT, Timeouts, Transport
from tests.mailchimp.conftest import Stage

TOKEN = "0123456789abcdef0123456789abcdef-us1"
HTML = "<html><head><title>Access Denied</title></head><body>Reference #18</body></html>"


@pytest.mark.parametrize(
    ("status", "html", "code"),
    [
        (429, "", "rate_limited"),
        (429, HTML, "rate_limited"),
        (403, HTML, "rate_limited"),
        (500, "", "mailchimp_down"),
        (502, HTML, "mailchimp_down"),
        (503, HTML, "mailchimp_down"),
        (404, HTML, "mailchimp_down"),
        (200, HTML, "mailchimp_down"),
    ],
)
def test_what_passes_by_itself_is_passing(stage: Stage, status: int, html: str, code: str) -> None:
    """Limits and outages, with JSON or as a CDN's page, are Passing and recorded with their code."""
    stage.control.fail(status, html=html, account=stage.account.id)
    with pytest.raises(Passing) as refusal:
        stage.client().member(stage.audience_id, "jo@maple-street.test")
    assert (refusal.value.code, refusal.value.status) == (code, status)
    assert [(call.status, call.code) for call in stage.calls] == [(status, code)]


def test_a_role_that_is_too_low_does_not_pass_by_itself(stage: Stage) -> None:
    """A 403 with JSON is about rights: somebody has to act."""
    stage.control.change_account(stage.account.id, role="viewer")
    with pytest.raises(MailchimpError) as refusal:
        stage.client().create_webhook(stage.audience_id, "http://127.0.0.1:1/")
    assert not isinstance(refusal.value, Passing)
    assert refusal.value.code == "role_too_low"


def test_an_account_that_is_switched_off_is_said_to_be_so(stage: Stage) -> None:
    """User Disabled has its own code."""
    stage.control.change_account(stage.account.id, disabled=True)
    with pytest.raises(MailchimpError) as refusal:
        stage.client().ping()
    assert refusal.value.code == "account_disabled"


def test_a_revoked_token_means_reconnect(stage: Stage) -> None:
    """The customer took the access back."""
    client = stage.client()
    client.ping()
    stage.control.revoke(stage.account.id)
    with pytest.raises(Reconnect) as refusal:
        client.ping()
    assert (refusal.value.code, refusal.value.status) == ("reconnect", 401)


def test_an_answer_that_does_not_come_in_time_is_a_network_failure(stage: Stage) -> None:
    """Slower than the time-out: Passing, without waiting for the answer."""
    stage.control.latency(3)
    client = stage.client(timeouts=Timeouts(read_seconds=0.2))
    started = time.monotonic()
    with pytest.raises(Passing) as refusal:
        client.ping()
    assert time.monotonic() - started < 2
    assert (refusal.value.code, refusal.value.status) == ("network", None)
    assert [(call.status, call.code) for call in stage.calls] == [(None, "network")]


def test_no_more_calls_are_open_at_once_than_there_are_slots(stage: Stage) -> None:
    """Thirty threads on one account stay below Mailchimp's ten, so none is refused."""
    stage.control.latency(0.02)
    client = stage.client(slots=LocalSlots(8))
    threads = [threading.Thread(target=client.ping) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [call.status for call in stage.calls] == [200] * 30
    assert stage.control.most_in_flight(stage.account.id) <= 8


def test_no_slot_in_time_makes_no_call(stage: Stage) -> None:
    """When all slots stay taken the call is not made, and passes later."""
    slots = LocalSlots(1)
    client = stage.client(slots=slots, slot_wait_seconds=0.02)
    with slots.hold(stage.account.id, wait_seconds=0), pytest.raises(Passing) as refusal:
        client.ping()
    assert refusal.value.code == "rate_limited"
    assert stage.calls == []


def test_mailchimp_is_told_who_we_are(stage: Stage) -> None:
    """The user agent names Bothways and its version."""
    stage.client().ping()
    assert stage.control.requests(account=stage.account.id)[-1]["user_agent"] == USER_AGENT
    assert USER_AGENT.startswith("Bothways/")


@contextmanager
def server_saying(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does to its first connection whatever `answer` does; its URL."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(65536)
            answer(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    thread.join()
    listening.close()


def hang_up(_: socket.socket) -> None:
    """Close the connection without a word."""


def talk_nonsense(connection: socket.socket) -> None:
    """Say what is not HTTP."""
    connection.sendall(b"220 mail.maple-street.test ESMTP\r\n")


def stop_in_the_middle(connection: socket.socket) -> None:
    """Promise more bytes than are sent."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")


def trickle(connection: socket.socket) -> None:
    """Send a byte now and then, so that no single wait is long."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
    try:
        for _ in range(100):
            connection.sendall(b" ")
            time.sleep(0.03)
    except OSError:
        pass  # the client had enough


def send_elsewhere(connection: socket.socket) -> None:
    """Redirect to another host."""
    connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")


def set_a_cookie(connection: socket.socket) -> None:
    """Answer well, and set a cookie as the CDN does."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nSet-Cookie: bm_sz=1; Path=/\r\nContent-Length: 2\r\n\r\n{}")


def transport(http: httpx.Client, url: str, token: str = TOKEN) -> Transport:
    """A transport with short time-outs."""
    return Transport(
        http,
        url,
        token,
        LocalSlots(),
        "account",
        timeouts=Timeouts(read_seconds=0.5, total_seconds=0.3),
    )


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (hang_up, "network"),
        (talk_nonsense, "network"),
        (stop_in_the_middle, "network"),
        (trickle, "network"),
        (send_elsewhere, "mailchimp_down"),
    ],
)
def test_a_broken_answer_is_passing(
    http: httpx.Client, answer: Callable[[socket.socket], None], code: str
) -> None:
    """Whatever goes wrong on the way passes; a redirect is not followed with the token."""
    with server_saying(answer) as url, pytest.raises(Passing) as failure:
        transport(http, url).send(ping())
    assert failure.value.code == code
    assert_no_secret(failure.value)


def ping() -> Request:
    """The simplest request."""
    return Request("GET", "/ping")


def assert_no_secret(error: BaseException) -> None:
    """Neither text, repr, arguments, causes nor traceback hold the token."""
    shown = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    assert TOKEN not in shown


def test_nobody_listening_is_passing(http: httpx.Client) -> None:
    """A refused connection is a network failure, and shows no token."""
    with pytest.raises(Passing) as failure:
        transport(http, "http://127.0.0.1:1").send(ping())
    assert failure.value.code == "network"
    assert_no_secret(failure.value)


@pytest.mark.parametrize(
    "token", [TOKEN + "\n", TOKEN + "\r\nX: y", "", TOKEN + "é", TOKEN + " x", "\x00" + TOKEN]
)
def test_a_token_that_cannot_be_a_token_is_never_sent_nor_shown(http: httpx.Client, token: str) -> None:
    """Such a one, perhaps unsealed with the wrong key, needs a new connection."""
    with pytest.raises(Reconnect) as failure:
        transport(http, "http://127.0.0.1:1", token)
    assert_no_secret(failure.value)


def test_refusals_and_clients_show_no_token(stage: Stage) -> None:
    """Not in the error of a refused call, not in a repr."""
    stage.control.fail(400, account=stage.account.id)
    client = stage.client()
    with pytest.raises(MailchimpError) as failure:
        client.ping()
    shown = "".join(traceback.format_exception(failure.value)) + repr(vars(failure.value)) + repr(client)
    assert stage.token not in shown


def test_cookies_of_one_account_are_not_sent_for_another(http: httpx.Client) -> None:
    """The shared pool keeps none of the cookies that a CDN sets."""
    with server_saying(set_a_cookie) as url:
        assert transport(http, url).send(ping()) == {}
    assert list(http.cookies.jar) == []


def test_the_api_path_is_mailchimps() -> None:
    """Calls go to /3.0 below the believed address."""
    assert API_PATH == "/3.0"
