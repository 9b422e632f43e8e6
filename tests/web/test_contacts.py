"""Contacts over the API: what is named is set, null clears, the rest stays, and every refusal says where."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.web.house import ACME, SUBSCRIBED, Api

JO = "jo@maple-street.test"
BATCH = f"/v1/accounts/{ACME}/contacts/batch"


def read(api: Api, contact_id: str = "jo") -> dict[str, Any]:
    """The contact as it is now."""
    answer = api.call("GET", f"/v1/accounts/{ACME}/contacts/{contact_id}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def errors_of(answer: httpx.Response) -> dict[str, str]:
    """What a refusal says, by place."""
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return {error["field"]: error["message"] for error in answer.json()["errors"]}


def test_a_contact_is_written_and_read_back(api: Api) -> None:
    """A first write answers 201 with the whole contact; reading it gives the same."""
    address = {"addr1": "1 Elm", "city": "Leeds", "state": "", "zip": "LS1", "country": "GB"}
    fields = {"first_name": "Jo", "age": 41, "vip": True, "score": 1.5, "home": address, "note": ""}
    answer = api.put(email=JO, fields=fields, tags=["b", "a", "b"], consent=SUBSCRIBED)
    assert answer.status_code == 201
    written = answer.json()
    assert (written.pop("status"), written.pop("notes")) == ("created", [])
    assert written == read(api)
    assert written == {
        "id": "jo",
        "email": JO,
        "fields": fields,
        "tags": ["a", "b"],
        "consent": {"status": "subscribed", "at": "2026-01-15T09:00:00Z", "source": "checkout"},
        "version": 1,
    }


def test_what_is_not_named_is_kept_and_null_clears(api: Api) -> None:
    """As Mailchimp does it: a write that names one field leaves all others as they were."""
    api.put(email=JO, fields={"first_name": "Jo", "city": "Leeds"}, tags=["vip"], consent=SUBSCRIBED)
    after = api.put(fields={"city": None}).json()
    assert after["fields"] == {"first_name": "Jo", "city": None}
    assert (after["email"], after["tags"], after["version"], after["status"]) == (JO, ["vip"], 2, "changed")
    assert after["consent"]["status"] == "subscribed"
    cleared = api.put(email=None, tags=None).json()
    assert (cleared["email"], cleared["tags"]) == (None, [])


def test_a_repeated_write_changes_nothing(api: Api) -> None:
    """The same write again answers 200, `unchanged`, with the same version."""
    api.put(email=JO, tags=["vip"])
    again = api.put(email=JO, tags=["vip"])
    assert (again.status_code, again.json()["status"], again.json()["version"]) == (200, "unchanged", 1)


def test_what_was_read_can_be_written_back(api: Api) -> None:
    """A program may read a contact, change a part of it and send the whole back."""
    api.put(email=JO, fields={"city": "Leeds"}, consent=SUBSCRIBED)
    contact = read(api)
    assert api.put(**contact).json()["status"] == "unchanged"
    contact["fields"]["city"] = "Ghent"
    assert api.put(**contact).json()["fields"]["city"] == "Ghent"


def test_an_older_version_changes_nothing_and_shows_the_contact(api: Api) -> None:
    """Who had not seen the newest version is told 409, with the contact as it is, and nothing is written."""
    api.put(fields={"city": "Leeds"})
    api.put(fields={"city": "Ghent"})
    answer = api.put(fields={"city": "Bonn"}, version=1)
    assert answer.status_code == 409
    assert answer.json()["contact"] == read(api)
    assert read(api)["fields"] == {"city": "Ghent"}


def test_whoever_left_is_not_subscribed_again_without_evidence(api: Api) -> None:
    """A write that would subscribe them says what it needs; an older consent is kept out with a note."""
    api.put(email=JO, consent={"status": "unsubscribed", "at": "2026-05-01T00:00:00Z", "source": "call"})
    assert "consent" in errors_of(api.put(consent={"status": "subscribed"}))
    noted = api.put(consent=SUBSCRIBED)
    assert noted.status_code == 200
    assert noted.json()["consent"]["status"] == "unsubscribed"
    assert noted.json()["notes"] == ["consent was kept: the contact left after that time."]


def test_a_deleted_contact_is_gone_and_may_come_back(api: Api) -> None:
    """Deleting answers 204, again too; one that never was is 404; a later write goes on with its version."""
    api.put(email=JO)
    path = f"/v1/accounts/{ACME}/contacts/jo"
    assert [api.call("DELETE", path).status_code for _ in range(2)] == [204, 204]
    assert api.call("GET", path).status_code == 404
    assert api.call("DELETE", path + "anna").status_code == 404
    back = api.put(email=JO)
    assert back.status_code == 201
    assert back.json()["version"] > 1


def test_a_deletion_that_comes_late_deletes_nobody_who_came_back(api: Api) -> None:
    """A queue gives the call a second time, after the contact was made anew: by its version that is told."""
    api.put(email=JO)
    path = f"/v1/accounts/{ACME}/contacts/jo"
    assert [api.call("DELETE", f"{path}?version=1").status_code for _ in range(2)] == [204, 204]
    api.put(email=JO, fields={"city": "Leeds"})
    late = api.call("DELETE", f"{path}?version=1")
    assert (late.status_code, late.json()["code"]) == (409, "conflict")
    assert late.json()["contact"] == read(api)
    assert api.call("DELETE", f"{path}?version=soon").status_code == 422
    assert api.call("DELETE", f"{path}?version={read(api)['version']}").status_code == 204


def test_an_empty_write_makes_a_contact(api: Api) -> None:
    """`{}` for an id that is not there makes a contact without anything, also where one was deleted."""
    assert api.put().json()["status"] == "created"
    assert api.put().json()["status"] == "unchanged"
    assert api.call("DELETE", f"/v1/accounts/{ACME}/contacts/jo").status_code == 204
    assert api.put().json()["status"] == "created"
    assert read(api, "jo")["email"] is None


@pytest.mark.parametrize("contact_id", ["gid://shop/Customer/7", "jo smith", "Jörg", "batch", "a?b#c", ".."])
def test_ids_of_any_platform_can_be_used(api: Api, contact_id: str) -> None:
    """Ids with slashes, spaces, umlauts or signs go through the address, quoted."""
    from urllib.parse import quote

    quoted = quote(contact_id, safe="").replace(".", "%2E")
    assert api.put(quoted, email=JO).json()["id"] == contact_id
    assert read(api, quoted)["id"] == contact_id


@pytest.mark.parametrize(
    ("body", "place", "part"),
    [
        ({"email": "nobody"}, "email", "@"),
        ({"email": 7}, "email", "text"),
        ({"email": "a" * 320 + "@b.test"}, "email", "320"),
        ({"emial": JO}, "emial", "Known: email, fields, tags, consent, version, id"),
        ({"id": "anna"}, "id", "address"),
        ({"fields": {"a": [1]}}, "fields.a", "one value"),
        ({"fields": {"a": {"b": {"c": 1}}}}, "fields.a", "addr1"),
        ({"fields": {"a": {"addr1": 3}}}, "fields.a", "text"),
        ({"fields": {"a": "x" * 10_001}}, "fields.a", "10000"),
        ({"fields": {"a": 2**60}}, "fields.a", "exact"),
        ({"fields": {"a": "x\0y"}}, "fields.a", "NUL"),
        ({"fields": {"": 1}}, "fields.", "empty"),
        ({"fields": {str(n): n for n in range(201)}}, "fields", "at most 200"),
        ({"fields": None}, "fields", "object"),
        ({"tags": [str(n) for n in range(201)]}, "tags", "at most 200"),
        ({"tags": ["ok", "x" * 101]}, "tags.1", "at most 100"),
        ({"tags": ["ok", " "]}, "tags.1", "empty"),
        ({"tags": "vip"}, "tags", "list"),
        ({"consent": None}, "consent", "object"),
        ({"consent": {}}, "consent.status", "required"),
        ({"consent": {"status": "yes"}}, "consent.status", "subscribed"),
        ({"consent": {"status": "none", "at": "2026-01-01T00:00:00"}}, "consent.at", "offset"),
        ({"consent": {"status": "none", "at": "0001-01-01T00:00:00+14:00"}}, "consent.at", "time"),
        ({"consent": {"status": "none", "at": 1767225600}}, "consent.at", "text"),
        ({"version": "1"}, "version", "whole number"),
        ({"version": -1}, "version", ""),
        ([], "", "object"),
    ],
)
def test_a_refusal_says_where_and_what_to_send(api: Api, body: Any, place: str, part: str) -> None:
    """Each thing that is wrong is told with its place and a sentence; nothing is written."""
    errors = errors_of(api.call("PUT", f"/v1/accounts/{ACME}/contacts/jo", json=body))
    assert place in errors
    assert part in errors[place]
    assert api.call("GET", f"/v1/accounts/{ACME}/contacts/jo").status_code == 404


def test_several_errors_are_told_at_once(api: Api) -> None:
    """Who made two mistakes need not send twice to hear of both."""
    assert errors_of(api.put(email=7, tags=[1])).keys() == {"email", "tags.0"}


@pytest.mark.parametrize(
    ("raw", "part"),
    [
        (b"{", "line 1"),
        (b'{"email": NaN}', "NaN"),
        (b"\xff", "UTF-8"),
        (b"[" * 100_000, "nested"),
        (b'{"version": ' + b"9" * 5000 + b"}", ""),
        (b"", "not JSON"),
    ],
)
def test_what_is_no_json_is_400(api: Api, raw: bytes, part: str) -> None:
    """Bytes that are no JSON are told apart from JSON that is wrong."""
    headers = {"Content-Type": "application/json"}
    answer = api.call("PUT", f"/v1/accounts/{ACME}/contacts/jo", content=raw, headers=headers)
    assert answer.status_code == 400
    assert part in answer.json()["detail"]


def test_a_lone_surrogate_is_refused_in_words(api: Api) -> None:
    """JSON can spell half a character, which no database holds."""
    headers = {"Content-Type": "application/json"}
    body = json.dumps({"fields": {"a": "\ud800"}, "tags": ["\udc00"]}).encode()
    answer = api.call("PUT", f"/v1/accounts/{ACME}/contacts/jo", content=body, headers=headers)
    assert errors_of(answer).keys() == {"fields.a", "tags.0"}


def test_bodies_are_bounded_and_must_be_json(api: Api) -> None:
    """More than 1 MiB is 413, and a form or a plain text is 415."""
    path = f"/v1/accounts/{ACME}/contacts/jo"
    large = b'{"email": "' + b"x" * 1_048_576 + b'"}'
    assert (
        api.call("PUT", path, content=large, headers={"Content-Type": "application/json"}).status_code == 413
    )
    assert api.call("PUT", path, data={"email": JO}).status_code == 415


def test_a_chunked_body_is_bounded_too(api: Api) -> None:
    """A body that says no length is not read on once it is too large."""

    async def pieces() -> Any:
        for _ in range(2000):
            yield b" " * 1024

    path = f"/v1/accounts/{ACME}/contacts/jo"
    answer = api.call("PUT", path, content=pieces(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


def test_a_batch_answers_for_each_contact_in_order(api: Api) -> None:
    """One that is refused, stale or twice there does not stop the others, and each says what became of it."""
    api.put("known", email="known@maple-street.test")
    api.put("stale", email="stale@maple-street.test")
    items = [
        {"id": "new", "email": "new@maple-street.test"},
        {"id": "known", "fields": {"city": "Leeds"}},
        {"id": "stale", "version": 0, "fields": {"city": "Leeds"}},
        {"id": "bad", "email": "no address"},
        {"id": "worse", "emial": "x"},
        {"email": "nameless@maple-street.test"},
        {"id": "new", "email": "again@maple-street.test"},
        "text",
        {"id": "known2"},
    ]
    answer = api.call("POST", BATCH, json={"contacts": items})
    assert answer.status_code == 200
    found = answer.json()["contacts"]
    assert [(one["id"], one["status"]) for one in found[:8]] == [
        ("new", "created"),
        ("known", "changed"),
        ("stale", "stale"),
        ("bad", "refused"),
        ("worse", "refused"),
        (None, "refused"),
        ("new", "refused"),
        (None, "refused"),
    ]
    assert found[2]["contact"]["fields"] == {}
    assert found[3]["problem"]["errors"][0]["field"] == "email"
    assert found[4]["problem"]["errors"][0]["field"] == "emial"
    assert read(api, "new")["email"] == "new@maple-street.test"


def test_a_batch_has_at_most_500(api: Api) -> None:
    """500 contacts are written; 501 are refused as a whole, with the limit."""
    items = [{"id": str(n), "email": f"p{n}@maple-street.test"} for n in range(501)]
    assert "500" in errors_of(api.call("POST", BATCH, json={"contacts": items}))["contacts"]
    written = api.call("POST", BATCH, json={"contacts": items[:500]}).json()["contacts"]
    assert {one["status"] for one in written} == {"created"}
    assert api.call("POST", BATCH, json={"contacts": []}).json() == {"contacts": []}
