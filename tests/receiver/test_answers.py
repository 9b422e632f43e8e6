"""What each call of a webhook is answered, and what is kept of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text

from processor import broker
from processor.kit import Kit
from processor.mailchimp.webhook import sign
from processor.seals import hook_secret_bind
from processor.store import hooks
from processor.store.sealing import Sealer
from processor.web.app import build
from processor.web.server import Running
from processor.web.webhooks import MAX_AMPERSANDS
from tests.receiver.conftest import KINDS, empty_database
from tests.receiver.house import FORM, Clock, Rung, add_hook, body_of, kept, make_kit, make_settings
from tests.receiver.wire import Wire, status_of

SECRET = "the-signing-secret"
FORM_HEADERS = {"Content-Type": FORM}


@pytest.fixture(scope="module", params=KINDS)
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Running, Kit]]:
    """One process for all tests here: starting one takes longer than any of them."""
    folder = tmp_path_factory.mktemp("answers")
    with empty_database(request.param, folder) as url:
        kit = make_kit(make_settings(folder, url, max_body_bytes=20_000), bell=Rung(), now=Clock())
        with Running(build(kit), body_seconds=0.5) as server:
            yield server, kit
        kit.store.close()


@pytest.fixture
def server(running: tuple[Running, Kit]) -> Running:
    """The process under test."""
    return running[0]


@pytest.fixture
def kit(running: tuple[Running, Kit]) -> Kit:
    """What it works with, its inbox empty."""
    with running[1].store.write() as c:
        c.execute(text("DELETE FROM events"))
    return running[1]


@pytest.fixture
def clock(kit: Kit) -> Clock:
    """Its clock."""
    assert isinstance(kit.now, Clock)
    return kit.now


@pytest.fixture
def bell(kit: Kit) -> Rung:
    """Its bell."""
    assert isinstance(kit.bell, Rung)
    return kit.bell


def path_of(token: str) -> str:
    return f"/webhooks/mailchimp/{token}"


def test_a_delivery_is_answered_200_and_kept_byte_for_byte(
    http: httpx.Client, kit: Kit, bell: Rung, clock: Clock
) -> None:
    """What Mailchimp posts is in the inbox, due at once, and a worker is rung for."""
    body = b"type=subscribe&data%5Bid%5D=\xff\x00&&=&data[x]=1"
    answer = http.post(
        path_of(add_hook(kit)), content=body, headers={"Content-Type": FORM + "; charset=utf-8"}
    )
    assert answer.status_code == 200
    assert len(answer.content) < 10
    with kit.store.read() as c:
        row = c.execute(text("SELECT connection_id, body, content_type, signed, status FROM events")).one()
    assert (row.connection_id, bytes(row.body), row.status) == ("con_one", body, "received")
    assert row.content_type == FORM + "; charset=utf-8"
    assert not row.signed
    assert bell.wait_for(broker.PROCESS, "con_one")


def test_a_redelivery_is_answered_200_and_kept_once(http: httpx.Client, kit: Kit) -> None:
    """The same bytes again are a twin, counted and not kept."""
    path = path_of(add_hook(kit))
    for _ in range(3):
        assert http.post(path, content=body_of(1), headers=FORM_HEADERS).status_code == 200
    assert kept(kit.store) == {body_of(1): 2}


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_the_validator_is_answered_200_and_nothing_is_kept(http: httpx.Client, kit: Kit, method: str) -> None:
    """GET, HEAD and an empty POST are Mailchimp's checks, signed hook or not."""
    for secret in (None, SECRET):
        assert http.request(method, path_of(add_hook(kit, secret=secret))).status_code == 200
    assert kept(kit.store) == {}


def test_an_unknown_token_looks_like_any_unknown_path(http: httpx.Client, kit: Kit) -> None:
    """Nobody learns from the answer whether there is a webhook endpoint."""
    add_hook(kit)
    for method in ("GET", "POST"):
        unknown = http.request(method, path_of("x" * 43), content=b"a=1", headers=FORM_HEADERS)
        nowhere = http.request(method, "/no/such/path", content=b"a=1", headers=FORM_HEADERS)
        assert unknown.status_code == nowhere.status_code == 404
        assert unknown.content == nowhere.content
        assert set(unknown.headers) == set(nowhere.headers)
    assert kept(kit.store) == {}


def test_a_slash_at_the_end_does_not_send_the_token_back(http: httpx.Client, kit: Kit) -> None:
    """No redirect: its Location would put the secret into somebody's log."""
    assert http.get(path_of(add_hook(kit)) + "/").status_code == 404


def test_a_retired_hook_still_takes_deliveries(http: httpx.Client, kit: Kit) -> None:
    """After a rotation, what is still under way to the old address is kept."""
    token = add_hook(kit)
    with kit.store.write() as c:
        hooks.retire(c, hooks.hash_of(token))
    assert http.post(path_of(token), content=body_of(1), headers=FORM_HEADERS).status_code == 200
    assert body_of(1) in kept(kit.store)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_hook_that_is_gone_answers_410(http: httpx.Client, kit: Kit, method: str) -> None:
    """After an uninstall Mailchimp is told to stop."""
    token = add_hook(kit)
    with kit.store.write() as c:
        hooks.mark_gone(c, hooks.hash_of(token))
    assert http.request(method, path_of(token), headers=FORM_HEADERS).status_code == 410


def test_a_signed_delivery_is_kept_as_signed(http: httpx.Client, kit: Kit, clock: Clock) -> None:
    """Where a secret is known, the right signature over the raw bytes is let in."""
    header = {"X-Mailchimp-Signature": sign(SECRET, body_of(1), clock())}
    answer = http.post(
        path_of(add_hook(kit, secret=SECRET)), content=body_of(1), headers={**FORM_HEADERS, **header}
    )
    assert answer.status_code == 200
    with kit.store.read() as c:
        assert c.execute(text("SELECT signed FROM events")).scalar_one()


@pytest.mark.parametrize("fault", ["missing", "malformed", "stale", "wrong"])
def test_a_bad_signature_is_answered_404_counted_and_not_kept(
    http: httpx.Client, kit: Kit, clock: Clock, fault: str
) -> None:
    """Knowing the address is not enough where deliveries are signed."""
    line = f'bothways_deliveries_refused_total{{reason="signature_{fault}"}} '
    before = number_in(http.get("/metrics").text, line)
    given = {
        "missing": {},
        "malformed": {"X-Mailchimp-Signature": "t=now,v1=zz"},
        "stale": {"X-Mailchimp-Signature": sign(SECRET, body_of(1), clock() - timedelta(minutes=6))},
        "wrong": {"X-Mailchimp-Signature": sign("another", body_of(1), clock())},
    }[fault]
    answer = http.post(
        path_of(add_hook(kit, secret=SECRET)), content=body_of(1), headers={**FORM_HEADERS, **given}
    )
    assert answer.status_code == 404
    assert answer.content == http.get("/no/such/path").content
    assert kept(kit.store) == {}
    assert number_in(http.get("/metrics").text, line) == before + 1


def test_a_secret_that_no_key_opens_is_503_so_that_nothing_is_lost(
    http: httpx.Client, kit: Kit, clock: Clock
) -> None:
    """A lost SECRET_KEY is the operator's to mend: Mailchimp tries again meanwhile, nobody gets in."""
    token = add_hook(kit)
    other = Sealer(["another-key-that-is-just-as-long-0123456789"])
    with kit.store.write() as c:
        hooks.activate(c, hooks.hash_of(token), "wh_1", other.seal(SECRET, hook_secret_bind("con_one")))
    header = {"X-Mailchimp-Signature": sign(SECRET, body_of(1), clock())}
    answer = http.post(path_of(token), content=body_of(1), headers={**FORM_HEADERS, **header})
    assert answer.status_code == 503
    assert kept(kit.store) == {}


def test_a_signature_counts_over_the_raw_bytes(http: httpx.Client, kit: Kit, clock: Clock) -> None:
    """One changed byte, though it means the same when decoded, is another delivery."""
    header = {"X-Mailchimp-Signature": sign(SECRET, b"type=a%20b", clock())}
    answer = http.post(
        path_of(add_hook(kit, secret=SECRET)), content=b"type=a+b", headers={**FORM_HEADERS, **header}
    )
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (FORM, 200),
        ("application/x-www-form-urlencoded; charset=UTF-8", 200),
        ("Application/JSON", 200),
        ("text/plain", 415),
        ("multipart/form-data; boundary=x", 415),
        ("", 415),
    ],
)
def test_only_forms_and_json_are_taken(http: httpx.Client, kit: Kit, content_type: str, status: int) -> None:
    """Parameters and case do not matter; other types are not Mailchimp's."""
    answer = http.post(path_of(add_hook(kit)), content=b"type=x", headers={"Content-Type": content_type})
    assert answer.status_code == status
    assert len(kept(kit.store)) == (status == 200)


def test_a_body_that_says_it_is_too_large_is_refused_unread(server: Running, kit: Kit) -> None:
    """413 comes before a byte of the body was sent, and the connection is closed."""
    with Wire(server.port) as wire:
        wire.send(_head(add_hook(kit), "Content-Length: 20001"))
        answer, seconds = wire.until_closed()
    assert status_of(answer) == 413
    assert seconds < 2


def test_a_chunked_body_that_grows_too_large_is_refused(server: Running, kit: Kit) -> None:
    """Without a length the bytes are counted; the rest is not read."""
    with Wire(server.port) as wire:
        wire.send(_head(add_hook(kit), "Transfer-Encoding: chunked"))
        for _ in range(6):
            wire.send(b"fa0\r\n" + b"a" * 0xFA0 + b"\r\n")
            time.sleep(0.01)
        assert status_of(wire.answer()) == 413
    assert kept(kit.store) == {}


def test_a_body_of_the_largest_size_is_kept(server: Running, http: httpx.Client, kit: Kit) -> None:
    """The bound itself is allowed, with a length and in pieces."""
    token = add_hook(kit)
    assert http.post(path_of(token), content=b"a" * 20_000, headers=FORM_HEADERS).status_code == 200
    with Wire(server.port) as wire:
        wire.send(_head(token, "Transfer-Encoding: chunked"))
        for piece in (b"b" * 10_000, b"b" * 10_000):
            wire.send(b"2710\r\n" + piece + b"\r\n")
            time.sleep(0.02)
        wire.send(b"0\r\n\r\n")
        assert status_of(wire.answer()) == 200
    assert set(kept(kit.store)) == {b"a" * 20_000, b"b" * 20_000}


def test_a_form_of_nothing_but_separators_is_refused(http: httpx.Client, kit: Kit) -> None:
    """Far more fields than Mailchimp sends are refused where it is cheap; a little less is kept."""
    path = path_of(add_hook(kit))
    assert http.post(path, content=b"&" * MAX_AMPERSANDS, headers=FORM_HEADERS).status_code == 200
    assert http.post(path, content=b"&" * (MAX_AMPERSANDS + 1), headers=FORM_HEADERS).status_code == 413


@pytest.mark.parametrize("length", ["Content-Length: 100", "Transfer-Encoding: chunked"])
def test_a_body_that_does_not_come_is_answered_408(server: Running, kit: Kit, length: str) -> None:
    """A sender has its time for the body, and then its connection is closed."""
    with Wire(server.port) as wire:
        wire.send(_head(add_hook(kit), length))
        wire.send(b"type=" if length.startswith("C") else b"5\r\ntype=\r\n")
        answer, seconds = wire.until_closed()
    assert status_of(answer) == 408
    assert seconds < 5
    assert kept(kit.store) == {}


def test_a_body_that_drips_wins_no_time(server: Running, kit: Kit) -> None:
    """The time counts for the whole body."""
    with Wire(server.port) as wire:
        wire.send(_head(add_hook(kit), "Content-Length: 1000"))
        began = time.monotonic()
        while time.monotonic() - began < 1.2:
            wire.send(b"a")
            time.sleep(0.05)
        assert status_of(wire.answer()) in {408, 0}  # 0: we wrote into the closed connection
    assert kept(kit.store) == {}


def test_a_sender_that_leaves_is_no_error(server: Running, http: httpx.Client, kit: Kit) -> None:
    """Half a body and good-bye: nothing is kept, the next is served."""
    token = add_hook(kit)
    with Wire(server.port) as wire:
        wire.send(_head(token, "Content-Length: 1000") + b"type=")
    assert http.post(path_of(token), content=body_of(1), headers=FORM_HEADERS).status_code == 200
    assert set(kept(kit.store)) == {body_of(1)}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_are_answered_405_with_those_that_work(
    http: httpx.Client, kit: Kit, method: str
) -> None:
    """Allow names what the address takes, whether the token is right or not."""
    for token in (add_hook(kit), "x" * 43):
        answer = http.request(method, path_of(token))
        assert answer.status_code == 405
        assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST"}


@pytest.mark.parametrize("token", ["%00", "%FF%FE", "a%2Fb", "%E2%98%83", "x" * 8000, ".", "%0d%0aX-Evil: 1"])
def test_any_token_is_only_unknown(http: httpx.Client, kit: Kit, token: str) -> None:
    """Strange bytes in the path are a 404 like any other."""
    assert http.post(path_of(token), content=b"a=1", headers=FORM_HEADERS).status_code == 404


def test_a_hook_is_noted_as_called(http: httpx.Client, kit: Kit) -> None:
    """So that a person sees whether the old address of a rotation is still in use."""
    token = add_hook(kit)
    http.get(path_of(token))
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        with kit.store.read() as c:
            row = hooks.find(c, hooks.hash_of(token))
        if row is not None and row.last_seen_at is not None:
            return
        time.sleep(0.01)
    raise AssertionError("the call was not noted")


def number_in(metrics: str, start: str) -> int:
    """Return the number on the line that begins so; 0 without such a line."""
    return next((int(line[len(start) :]) for line in metrics.splitlines() if line.startswith(start)), 0)


def _head(token: str, length: str) -> bytes:
    return (f"POST {path_of(token)} HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\n{length}\r\n\r\n").encode()
