"""Connecting an account as Mailchimp's OAuth does it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from sandbox.control import Control
from sandbox.server import Running

BACK = "http://127.0.0.1:5999/connect/callback"


class App:
    """An OAuth application and the browser of the person who connects."""

    def __init__(self, http: httpx.Client, account: str) -> None:
        self.http, self.account = http, account
        self.id, self.secret, self.back = "app-1", "app-secret", BACK

    def ask(self, answer: str = "allow", **more: str) -> httpx.Response:
        query = {
            "response_type": "code",
            "client_id": self.id,
            "redirect_uri": self.back,
            "state": "s-1",
            **more,
        }
        page = self.http.get("/oauth2/authorize", params=query)
        if page.status_code != 200:
            return page
        return self.http.post(
            "/oauth2/authorize", params=query, data={"account": self.account, "answer": answer}
        )

    def exchange(self, good_code: str, **more: str) -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            "client_id": self.id,
            "client_secret": self.secret,
            "redirect_uri": self.back,
            "code": good_code,
        }
        return self.http.post("/oauth2/token", data=form | more)


@pytest.fixture
def app(running: Running, control: Control) -> Iterator[App]:
    with httpx.Client(base_url=running.url, trust_env=False) as http:
        yield App(http, control.account("Maple Street").id)


def _query(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 302
    return {key: values[0] for key, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def test_allow_gives_a_code_and_the_code_a_token_that_works(app: App) -> None:
    """State is echoed; the token never expires and has no scope; metadata names where the API is."""
    sent_back = _query(app.ask())
    assert sent_back["state"] == "s-1"
    answer = app.exchange(sent_back["code"]).json()
    assert (answer["expires_in"], answer["scope"]) == (0, None)
    about = app.http.get(
        "/oauth2/metadata", headers={"Authorization": f"OAuth {answer['access_token']}"}
    ).json()
    assert about["api_endpoint"] == str(app.http.base_url).rstrip("/")
    assert (about["dc"], about["role"], about["accountname"]) == ("us1", "owner", "Maple Street")
    headers = {"Authorization": f"Bearer {answer['access_token']}"}
    assert app.http.get("/3.0/", headers=headers).json()["account_id"] == app.account
    assert app.http.get("/3.0/authorized-apps", headers=headers).json()["apps"][0]["name"] == "app-1"


def test_deny_comes_back_without_a_code(app: App) -> None:
    """With error=access_denied and the state."""
    assert _query(app.ask("deny")) == {"error": "access_denied", "state": "s-1"}


def test_a_code_is_good_once(app: App) -> None:
    """The second exchange is refused."""
    code = _query(app.ask())["code"]
    assert app.exchange(code).status_code == 200
    again = app.exchange(code)
    assert (again.status_code, again.json()) == (400, {"error": "invalid_grant"})


def test_a_code_is_good_for_a_short_while(app: App, control: Control) -> None:
    """Ten minutes."""
    code = _query(app.ask())["code"]
    control.clock(601)
    assert app.exchange(code).json() == {"error": "invalid_grant"}


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"redirect_uri": BACK + "/"}, "invalid_grant"),
        ({"client_id": "app-2", "client_secret": "second"}, "invalid_grant"),
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"code": "made-up"}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_a_wrong_exchange_is_refused(app: App, control: Control, wrong: dict[str, str], error: str) -> None:
    """Each with its word, as 400."""
    control.client("app-1", "app-secret", [BACK])
    control.client("app-2", "second", [BACK])
    answer = app.exchange(_query(app.ask())["code"], **wrong)
    assert (answer.status_code, answer.json()) == (400, {"error": error})


def test_an_address_that_was_not_registered_gets_nothing(app: App, control: Control) -> None:
    """Neither a code nor an error is sent to it."""
    control.client("app-1", "app-secret", [BACK])
    app.back = "http://127.0.0.1:5999/other"
    assert app.ask().status_code == 400
    app.back, app.id = BACK, "unknown"
    assert app.ask().status_code == 400


def test_an_invalid_token_is_answered_200_without_an_endpoint(app: App) -> None:
    """As the real metadata call does."""
    answer = app.http.get("/oauth2/metadata", headers={"Authorization": "OAuth nonsense"})
    assert answer.status_code == 200
    assert "api_endpoint" not in answer.json()


def test_a_token_that_was_taken_back_is_401(app: App, control: Control) -> None:
    """API Key Invalid, and no longer an authorised app."""
    token = app.exchange(_query(app.ask())["code"]).json()["access_token"]
    assert control.revoke(app.account, token) == 1
    answer = app.http.get("/3.0/ping", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["title"]) == (401, "API Key Invalid")


@pytest.mark.parametrize("make", [lambda key: {"Authorization": f"Bearer {key}"}, lambda key: None])
def test_credentials_may_be_bearer_or_basic(
    running: Running, control: Control, make: Callable[[str], dict[str, str] | None]
) -> None:
    """Any name goes with Basic; two different credentials in one request do not go."""
    key = control.account("Maple Street").api_key
    headers = make(key)
    auth = None if headers else ("anything", key)
    with httpx.Client(base_url=f"{running.url}/3.0", headers=headers, auth=auth, trust_env=False) as api:
        assert api.get("/ping").status_code == 200
        assert api.get("/ping", params={"apikey": "another"}).status_code == 401


def test_no_credential_is_401(app: App) -> None:
    """With a title of its own."""
    assert app.http.get("/3.0/ping").json()["title"] == "API Key Missing"
