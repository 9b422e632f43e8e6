"""Connecting an account: which API address may get the token, and the calls against a real login host."""

from __future__ import annotations

import secrets
import traceback
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.errors import Invalid, MailchimpError, Passing, Reconnect
from processor.mailchimp import oauth
from processor.mailchimp.client import Mailchimp
from processor.mailchimp.limits import LocalSlots
from processor.mailchimp.oauth import Grant, believed_api_base
from tests.mailchimp.conftest import Stage
from tests.mailchimp.test_transport import server_saying, stop_in_the_middle

LOGIN = "https://login.mailchimp.com"
REDIRECT = "http://127.0.0.1:8000/connect/callback"
SECRET = "client-secret-that-nobody-may-see"


@pytest.mark.parametrize(
    ("login_url", "endpoint", "believed"),
    [
        (LOGIN, "https://us3.api.mailchimp.com", "https://us3.api.mailchimp.com"),
        (LOGIN, "https://us21.api.mailchimp.com/", "https://us21.api.mailchimp.com"),
        (LOGIN, "https://api.mailchimp.com", "https://api.mailchimp.com"),
        (LOGIN, "https://US3.API.mailchimp.com:443", "https://us3.api.mailchimp.com"),
        (LOGIN + "/", "https://us3.api.mailchimp.com", "https://us3.api.mailchimp.com"),
        ("http://127.0.0.1:8765", "http://127.0.0.1:8765", "http://127.0.0.1:8765"),
        ("http://localhost:8765/", "http://localhost:9999", "http://localhost:9999"),
        ("http://127.0.0.1:8765", "http://[::1]:8765", "http://[::1]:8765"),
        (
            "https://sandbox.maple-street.test",
            "https://sandbox.maple-street.test",
            "https://sandbox.maple-street.test",
        ),
        (
            "https://sandbox.maple-street.test",
            "https://sandbox.maple-street.test:8443",
            "https://sandbox.maple-street.test:8443",
        ),
        ("https://sandbox.maple-street.test", "http://127.0.0.5:8765", "http://127.0.0.5:8765"),
    ],
)
def test_addresses_that_may_get_the_token(login_url: str, endpoint: str, believed: str) -> None:
    """Mailchimp's own API hosts with Mailchimp's login host; else the login host itself, or loopback."""
    assert believed_api_base(login_url, endpoint) == believed


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "us3.api.mailchimp.com",
        "//us3.api.mailchimp.com",
        "http://us3.api.mailchimp.com",
        "ftp://us3.api.mailchimp.com",
        "https://us3.api.mailchimp.com:8443",
        "https://us3.api.mailchimp.com:0",
        "https://us3.api.mailchimp.com:99999",
        "https://us3.api.mailchimp.com:x",
        "https://us3.api.mailchimp.com/3.0",
        "https://us3.api.mailchimp.com//",
        "https://us3.api.mailchimp.com?x",
        "https://us3.api.mailchimp.com?",
        "https://us3.api.mailchimp.com#x",
        "https://us3.api.mailchimp.com#",
        "https://us3.api.mailchimp.com.",
        "https://us3.api.mailchimp.com.attacker.test",
        "https://attacker.test/us3.api.mailchimp.com",
        "https://attacker.test#.api.mailchimp.com",
        "https://attacker.test\\us3.api.mailchimp.com",
        "https://us3.api.mailchimp.com@attacker.test",
        "https://us3.api.mailchimp.com:443@attacker.test",
        "https://user@us3.api.mailchimp.com",
        "https://us3xapi.mailchimp.com",
        "https://us3.api-mailchimp.com",
        "https://us3.us3.api.mailchimp.com",
        "https://3.api.mailchimp.com",
        "https://us.api.mailchimp.com",
        "https://us٣.api.mailchimp.com",
        "https://us3.api.mailchimp.com\n",
        " https://us3.api.mailchimp.com",
        "https://us3.api.mail\tchimp.com",
        "https://login.mailchimp.com",
        "https://127.0.0.1",
        "http://127.0.0.1:8765",
        "https://169.254.169.254",
        "https://[::1",
        "https://",
    ],
)
def test_with_mailchimps_login_host_nobody_else_gets_the_token(endpoint: str) -> None:
    """No other host, no other scheme or port, and nothing that two readers could read differently."""
    with pytest.raises(Invalid) as refusal:
        believed_api_base(LOGIN, endpoint)
    assert refusal.value.field == "api_endpoint"


@pytest.mark.parametrize(
    ("login_url", "endpoint"),
    [
        ("https://sandbox.maple-street.test", "https://us3.api.mailchimp.com"),
        ("https://sandbox.maple-street.test", "https://api.sandbox.maple-street.test"),
        ("https://sandbox.maple-street.test", "https://maple-street.test"),
        ("https://sandbox.maple-street.test", "http://sandbox.maple-street.test"),
        ("https://sandbox.maple-street.test", "https://10.0.0.1"),
        ("https://sandbox.maple-street.test", "https://169.254.169.254"),
        ("https://sandbox.maple-street.test", "http://localhost.attacker.test"),
        ("https://sandbox.maple-street.test", "http://127.1:80"),
        ("https://sandbox.maple-street.test", "http://2130706433"),
        ("https://sandbox.maple-street.test", "http://0.0.0.0:80"),
        ("http://127.0.0.1:8765", "https://attacker.test"),
        ("http://127.0.0.1:8765", "http://127.0.0.1.attacker.test"),
        ("https://login.mailchimp.com.attacker.test", "https://us3.api.mailchimp.com"),
    ],
)
def test_with_another_login_host_only_it_and_loopback_get_the_token(login_url: str, endpoint: str) -> None:
    """A host of one's own speaks for itself and for this machine, never for others."""
    with pytest.raises(Invalid):
        believed_api_base(login_url, endpoint)


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_no_address_breaks_the_check(middle: str) -> None:
    """Whatever stands in the address: believed as one of Mailchimp's own hosts, or refused."""
    for endpoint in (middle, f"https://{middle}.api.mailchimp.com", f"https://us3.api.mailchimp.com{middle}"):
        try:
            believed = believed_api_base(LOGIN, endpoint)
        except Invalid:
            continue
        assert (urlsplit(believed).hostname or "").endswith("api.mailchimp.com")
        assert believed.startswith("https://")


def test_the_browser_is_sent_to_the_login_host_with_everything_it_needs() -> None:
    """Response type, client, exact redirect and state, encoded."""
    url = oauth.authorize_url(LOGIN + "/", "client 1", REDIRECT, "a&b")
    parts = urlsplit(url)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "https://login.mailchimp.com/oauth2/authorize"
    assert parse_qs(parts.query) == {
        "response_type": ["code"],
        "client_id": ["client 1"],
        "redirect_uri": [REDIRECT],
        "state": ["a&b"],
    }


def allowed_code(stage: Stage) -> str:
    """The code that the customer's browser brings back after pressing Allow in the sandbox."""
    url = oauth.authorize_url(stage.url, "app", REDIRECT, "state-1")
    back = httpx.post(url, data={"account": stage.account.id, "answer": "allow"}, trust_env=False)
    query = parse_qs(urlsplit(back.headers["location"]).query)
    assert query["state"] == ["state-1"]
    return query["code"][0]


def exchanged(stage: Stage, code: str, redirect_uri: str = REDIRECT) -> str:
    """The token for a code."""
    return oauth.exchange(
        stage.http,
        login_url=stage.url,
        client_id="app",
        client_secret=SECRET,
        code=code,
        redirect_uri=redirect_uri,
    )


def test_from_allow_to_the_first_call(stage: Stage) -> None:
    """Authorise, exchange, ask what the token is for, and use it."""
    token = exchanged(stage, allowed_code(stage))
    grant = oauth.metadata(stage.http, login_url=stage.url + "/", token=token)
    assert isinstance(grant, Grant)
    assert (grant.token, grant.api_base, grant.account_name) == (token, stage.url, "Maple Street")
    assert grant.account_key.isdigit()
    assert grant.login_id
    assert grant.role
    assert token not in repr(grant)
    Mailchimp(
        stage.http,
        api_base=grant.api_base,
        token=grant.token,
        slots=LocalSlots(),
        account_key=grant.account_key,
    ).ping()


def test_a_code_works_once_and_only_for_its_redirect(stage: Stage) -> None:
    """Used, wrong or misdirected codes ask the customer to connect again, and show no secret."""
    used = allowed_code(stage)
    exchanged(stage, used)
    for code, redirect in ((used, REDIRECT), ("wrong", REDIRECT), (allowed_code(stage), REDIRECT + "/other")):
        with pytest.raises(Reconnect) as refusal:
            exchanged(stage, code, redirect)
        assert refusal.value.code == "reconnect"
        assert SECRET not in "".join(traceback.format_exception(refusal.value)) + repr(vars(refusal.value))


def test_an_invalid_token_is_recognised_although_mailchimp_answers_well(stage: Stage) -> None:
    """Metadata answers 200 without an API address: reconnect."""
    with pytest.raises(Reconnect) as refusal:
        oauth.metadata(stage.http, login_url=stage.url, token="not-a-token")
    assert refusal.value.code == "reconnect"


def test_a_login_host_that_does_not_answer_is_passing(stage: Stage) -> None:
    """Down, cut short or talking HTML: it may work later."""
    with pytest.raises(Passing):
        oauth.metadata(stage.http, login_url="http://127.0.0.1:1", token=stage.token)
    with server_saying(stop_in_the_middle) as url, pytest.raises(Passing) as failure:
        oauth.metadata(stage.http, login_url=url, token=stage.token)
    assert stage.token not in "".join(traceback.format_exception(failure.value))
    with pytest.raises(MailchimpError):
        oauth.metadata(stage.http, login_url=stage.url + "/nowhere", token=stage.token)


def test_a_token_with_a_line_break_is_not_shown(stage: Stage) -> None:
    """The HTTP library would show such a token in the text of its error."""
    secret = secrets.token_hex(16)
    with pytest.raises(MailchimpError) as failure:
        oauth.metadata(stage.http, login_url=stage.url, token=f"{secret}\nX: y")
    assert secret not in "".join(traceback.format_exception(failure.value)) + repr(vars(failure.value))
