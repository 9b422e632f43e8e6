"""Previews over the API: asked for, read, and downloaded, by whoever may."""

from __future__ import annotations

import csv
import io
from typing import Any

import httpx

from processor import preview, setup
from processor.setup import Choices
from sandbox.control import Control
from tests.web.house import ACME, BIRCH, SUBSCRIBED, Api, Place, make_connection, make_key
from tests.web.paper import Paper
from tests.web.test_connections import granted

WAITING: dict[str, Any] = {"to_mailchimp": [], "left_alone": [], "findings": [], "people": 0, "problem": None}


def test_a_preview_is_asked_for_and_read(api: Api) -> None:
    """At once it is only known that it waits; asked for again it is the same; the connection says so too."""
    connection = make_connection(api.house, audience_id="a")
    path = f"/v1/connections/{connection}/preview"
    none = api.call("GET", path)
    assert (none.status_code, none.json()["code"]) == (404, "not_found")
    asked = api.call("POST", path)
    assert asked.status_code == 202
    assert asked.json()["state"] == "waiting"
    assert asked.json().items() >= WAITING.items()
    assert api.call("POST", path).json()["id"] == asked.json()["id"]
    assert api.call("GET", path).json() == asked.json()
    stands = api.call("GET", f"/v1/connections/{connection}").json()
    assert (stands["label"], stands["line"]) == ("Preparing a preview", "Nothing has been changed yet.")


def test_where_it_cannot_be_made_it_is_said_why(api: Api) -> None:
    """No audience yet, the first sync running, access lost."""
    said = {
        "setup": (422, "Choose the audience first"),
        "importing": (409, "The first sync is running"),
        "reconnect": (409, "Reconnect first"),
    }
    for state, (status, words) in said.items():
        audience = {} if state == "setup" else {"audience_id": state}
        connection = make_connection(api.house, state=state, **audience)
        answer = api.call("POST", f"/v1/connections/{connection}/preview")
        assert answer.status_code == status
        assert words in answer.json()["detail"]


def test_another_accounts_preview_is_not_there(api: Api) -> None:
    """Neither to ask for, nor to read, nor to download."""
    theirs = make_connection(api.house, BIRCH, audience_id="a")
    for method, end in (("POST", ""), ("GET", ""), ("GET", ".csv")):
        answer = api.call(method, f"/v1/connections/{theirs}/preview{end}", key=api.acme_key)
        assert answer.status_code == 404
        assert "There is no connection" in answer.json()["detail"]


def test_a_finished_preview_is_told_in_full_and_downloaded(place: Place, control: Control) -> None:
    """Balance, examples, findings as the document says, and everybody in a file."""
    connection, audience, key = granted(place, control)
    control.put_members(
        audience, [{"email_address": "jo@maple-street.test", "merge_fields": {"FNAME": "Jo"}}]
    )
    path = f"/v1/connections/{connection}/preview"
    with httpx.Client(base_url=place.url, headers={"Authorization": f"Bearer {key}"}) as http:
        ann = {"email": "ann@maple-street.test", "consent": SUBSCRIBED}
        assert http.put(f"/v1/accounts/{ACME}/contacts/ann", json=ann).status_code == 201
        setup.save(place.kit, connection, Choices(audience_id=audience), by="Jo")
        assert http.post(path).status_code == 202
        early = http.get(f"{path}.csv")
        assert (early.status_code, early.json()["detail"][:20]) == (404, "There is no finished")
        preview.carry_out(place.kit, connection)  # what a worker does
        answer = http.get(path)
        paper = Paper(http.get("/v1/openapi.json").json())
        paper.check("get", "/v1/connections/{connection}/preview", answer)
        found = answer.json()
        assert (found["state"], found["is_young"], found["people"], found["billed"]) == ("done", True, 2, 1)
        assert [(line["code"], line["count"]) for line in found["to_mailchimp"]] == [("add_subscribed", 1)]
        assert [line["title"] for line in found["to_platform"]] == ["Add as a contact"]
        assert found["to_mailchimp"][0]["samples"][0]["contact"] == "ann"
        assert [one["code"] for one in found["findings"]] == ["plan_grows"]
        file = http.get(f"{path}.csv")
        paper.check("get", "/v1/connections/{connection}/preview.csv", file)
        assert file.headers["content-disposition"] == f'attachment; filename="preview-{connection}.csv"'
        lines = list(csv.reader(io.StringIO(file.text.removeprefix("\ufeff"))))
        assert [line[0] for line in lines[1:]] == ["jo@maple-street.test", "ann@maple-street.test"]
        theirs = {"Authorization": f"Bearer {make_key(place.house, BIRCH)}"}
        assert http.get(f"{path}.csv", headers=theirs).status_code == 404
