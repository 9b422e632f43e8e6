"""The first sync over the API: begun, read, paused, resumed and cancelled, by whoever may."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from processor import brake, install, setup
from processor.brake import Found
from processor.setup import Choices
from sandbox.control import Control
from tests.web.house import BIRCH, Api, Place, make_connection
from tests.web.test_connections import granted

CALLS = (
    ("POST", "/sync", {}),
    ("GET", "/sync", {}),
    ("POST", "/sync/cancel", {}),
    ("POST", "/pause", {}),
    ("POST", "/resume", {}),
)


def call(api: Api, connection: str, method: str, end: str, **sent: Any) -> Any:
    """One call about a connection; its answer's JSON with the status beside it."""
    answer = api.call(method, f"/v1/connections/{connection}{end}", **sent)
    return answer.json() | {"status_code": answer.status_code}


def test_a_connection_is_paused_and_resumed(api: Api) -> None:
    """Twice is once; what it says follows. No body is needed where all that could be said has a default."""
    connection = make_connection(api.house, audience_id="a", state="in_sync")
    for _ in range(2):
        paused = call(api, connection, "POST", "/pause")
        assert (paused["status_code"], paused["state"]) == (200, "paused")
    for _ in range(2):
        resumed = call(api, connection, "POST", "/resume")
        assert (resumed["status_code"], resumed["state"]) == (200, "in_sync")


def test_what_the_brake_stopped_needs_a_word(api: Api) -> None:
    """The problem is told with its numbers; without `accept` it stays as it is."""
    connection = make_connection(api.house, audience_id="a", state="in_sync")
    brake.stop(api.kit, connection, Found("unsubscribe", "there", 1240, 12000))
    stands = call(api, connection, "GET", "")
    assert stands["problem"]["code"] == "brake"
    assert "1,240 of 12,000 contacts would be unsubscribed in Mailchimp" in stands["problem"]["happened"]
    assert stands["line"].startswith("1,240 of 12,000 contacts")
    refused = call(api, connection, "POST", "/resume", json={})
    assert refused["status_code"] == 409
    assert "1,240 of 12,000" in refused["detail"]
    going_on = call(api, connection, "POST", "/resume", json={"accept": True})
    assert (going_on["status_code"], going_on["state"], going_on["problem"]) == (200, "in_sync", None)


@pytest.mark.parametrize(
    ("state", "end", "words"),
    [
        ("setup", "/pause", "Nothing runs yet"),
        ("setup", "/resume", "is not paused"),
        ("setup", "/sync/cancel", "No first sync runs"),
        ("reconnect", "/pause", "Reconnect it"),
        ("reconnect", "/resume", "Reconnect it"),
        ("reconnect", "/sync", "Reconnect it first"),
        ("previewing", "/sync", "A preview is being prepared"),
        ("in_sync", "/sync", "is done"),
    ],
)
def test_what_a_state_does_not_allow_is_refused_in_words(api: Api, state: str, end: str, words: str) -> None:
    """Each says why, and changes nothing."""
    connection = make_connection(api.house, audience_id="a", state=state)
    sent = {"json": {}} if end in {"/resume", "/sync"} else {}
    answer = call(api, connection, "POST", end, **sent)
    assert answer["status_code"] == 409
    assert words in answer["detail"]
    assert call(api, connection, "GET", "")["state"] == state


def test_without_an_audience_or_a_preview_nothing_begins(api: Api) -> None:
    """Both are said before Mailchimp is asked anything."""
    empty = make_connection(api.house)
    assert "No audience is chosen" in call(api, empty, "POST", "/sync", json={})["detail"]
    ready = make_connection(api.house, audience_id="a")
    assert "Make a preview first" in call(api, ready, "POST", "/sync", json={})["detail"]
    never = call(api, ready, "GET", "/sync")
    assert (never["id"], never["run"], never["line"]) == (None, None, "The first sync has not begun.")


def test_another_accounts_sync_is_not_there(api: Api) -> None:
    """Neither to begin nor to read nor to stop."""
    theirs = make_connection(api.house, BIRCH, audience_id="a", state="in_sync")
    for method, end, sent in CALLS:
        answer = call(api, theirs, method, end, key=api.acme_key, **sent)
        assert answer["status_code"] == 404
        assert "There is no connection" in answer["detail"]
    assert call(api, theirs, "GET", "")["state"] == "in_sync"


def test_a_first_sync_is_begun_read_and_cancelled(place: Place, control: Control) -> None:
    """Beside the sandbox, with nobody at work: our webhook stands while it runs, and goes with it."""
    connection, audience, key = granted(place, control)
    setup.save(place.kit, connection, Choices(audience), "jo")
    headers = {"Authorization": f"Bearer {key}"}
    url = f"{place.url}/v1/connections/{connection}/sync"
    with httpx.Client(headers=headers, timeout=30) as http:
        begun = http.post(url, json={"skip_preview": True})
        assert begun.status_code == 202, begun.text
        assert begun.json()["phase"] == "reading"
        assert http.post(url, json={}).json()["id"] == begun.json()["id"]
        assert http.get(url).json() == begun.json()
        assert len(control.audience_info(audience)["webhooks"]) == 1
        cancelled = http.post(f"{url}/cancel")
        assert (cancelled.status_code, cancelled.json()["run"]) == (200, "cancelled")
        assert http.post(f"{url}/cancel").json() == cancelled.json()
    assert control.audience_info(audience)["webhooks"] == []
    assert install.progress(place.kit, connection).state == "setup"
