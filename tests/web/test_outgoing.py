"""`/v1/webhook-endpoints`: made, changed, fenced; the secret is shown once."""

from __future__ import annotations

from typing import Any

import pytest

from processor.store import endpoints
from tests.web.house import ACME, BIRCH, Api

ALL = "/v1/webhook-endpoints"
URL = "https://hooks.maple-street.test/in"


def _made(api: Api, key: str | None = None, **named: Any) -> dict[str, Any]:
    answer = api.call("POST", ALL, key=key, json={"url": URL, **named})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_a_secret_is_shown_once_and_kept_sealed(api: Api) -> None:
    """In no other answer, and not in the database."""
    made = _made(api)
    one = f"{ALL}/{made['id']}"
    assert made["secret"].startswith("whsec_")
    assert made["secret"] not in api.call("GET", one).text + api.call("GET", ALL).text
    fresh = api.call("POST", f"{one}/rotate-secret").json()
    assert fresh["secret"] != made["secret"]
    assert fresh["two_secrets_until"] is not None
    with api.house.store.read() as c:
        row = endpoints.get(c, made["id"])
    assert row is not None
    assert len(row.secrets) == 2
    for secret in (made["secret"], fresh["secret"]):
        assert secret.removeprefix("whsec_") not in str(row.secrets)


def test_a_tenant_sees_its_own_endpoints_only(api: Api) -> None:
    """Another account's, and those of all accounts, are not there for it."""
    everybodys, acmes = _made(api), _made(api, key=api.acme_key)
    assert (everybodys["account"], acmes["account"]) == (None, ACME)
    listed = api.call("GET", ALL, key=api.acme_key).json()["endpoints"]
    assert [row["id"] for row in listed] == [acmes["id"]]
    assert len(api.call("GET", ALL).json()["endpoints"]) == 2
    assert api.call("POST", ALL, key=api.acme_key, json={"url": URL, "account": BIRCH}).status_code == 404
    assert api.call("GET", ALL, key=api.acme_key, params={"account": BIRCH}).status_code == 404
    notice = api.call("POST", f"{ALL}/{acmes['id']}/test").json()["id"]
    for method, path in (
        ("GET", f"{ALL}/{acmes['id']}"),
        ("DELETE", f"{ALL}/{acmes['id']}"),
        ("POST", f"{ALL}/{acmes['id']}/rotate-secret"),
        ("POST", f"{ALL}/{acmes['id']}/test"),
        ("GET", f"{ALL}/{acmes['id']}/notices"),
        ("GET", f"/v1/webhook-notices/{notice}"),
        ("POST", f"/v1/webhook-notices/{notice}/redeliver"),
        ("GET", f"{ALL}/{everybodys['id']}"),
    ):
        assert api.call(method, path, key=api.birch_key).status_code == 404


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://127.0.0.1/in", "private network"),
        ("https://[::ffff:169.254.169.254]/in", "private network"),
        ("http://hooks.maple-street.test/in", "https://"),
        ("https://jo:secret@hooks.maple-street.test/in", "password"),
        ("hooks.maple-street.test", "not the address"),
        ("", "empty"),
    ],
)
def test_an_address_that_leads_nowhere_good_is_refused(api: Api, url: str, words: str) -> None:
    """With a sentence that says why, when it is made and when it is changed."""
    made = _made(api)
    for method, path in (("POST", ALL), ("PATCH", f"{ALL}/{made['id']}")):
        answer = api.call(method, path, json={"url": url})
        assert answer.status_code == 422
        assert words in answer.json()["detail"]
        assert "secret@" not in answer.text


def test_an_endpoint_is_changed_disabled_enabled_and_removed(api: Api) -> None:
    """What is not named stays."""
    one = f"{ALL}/{_made(api, description='ours', types=['test'])['id']}"
    changed = api.call("PATCH", one, json={"types": ["changes.available", "run.completed"]}).json()
    assert (changed["types"], changed["description"]) == (["changes.available", "run.completed"], "ours")
    off = api.call("PATCH", one, json={"enabled": False}).json()
    assert (off["state"], off["reason"]) == ("disabled", "by_hand")
    assert api.call("POST", f"{one}/test").status_code == 409
    on = api.call("PATCH", one, json={"enabled": True}).json()
    assert (on["state"], on["reason"]) == ("enabled", None)
    assert api.call("POST", f"{one}/test").status_code == 202
    assert api.call("DELETE", one).status_code == 204
    assert api.call("GET", one).status_code == 404
    assert api.call("GET", f"{one}/notices").status_code == 404


def test_there_is_an_end_to_endpoints(api: Api) -> None:
    """Each is told of every change, so an account has so many and no more."""
    for _ in range(20):
        _made(api, key=api.acme_key)
    refused = api.call("POST", ALL, key=api.acme_key, json={"url": URL})
    assert refused.status_code == 409
    _made(api, key=api.birch_key)


def test_notices_are_listed_page_by_page(api: Api) -> None:
    """Newest first, each once."""
    made = _made(api)
    one = f"{ALL}/{made['id']}"
    sent = [api.call("POST", f"{one}/test").json()["id"] for _ in range(5)]
    seen, after = [], None
    while True:
        page = api.call("GET", f"{one}/notices", params={"limit": 2, **({"after": after} if after else {})})
        seen += [row["id"] for row in page.json()["notices"]]
        after = page.json()["cursor"]
        if after is None:
            break
    assert seen == sent[::-1]
    assert api.call("GET", f"{one}/notices", params={"after": "x"}).status_code == 422
