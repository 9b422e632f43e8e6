"""The OpenAPI document: every route is in it and every row of it is a route, and answers are as it says."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from starlette.routing import Route

from processor import endpoints, issues, report
from processor.domain.plan import MemberState
from processor.web.openapi import PATH, shown_path
from processor.web.routes import routes
from tests.web.house import ACME, SUBSCRIBED, Api, Place, keep, make_connection, stand
from tests.web.paper import Paper
from tests.web.test_connections import granted

ENDPOINT, NOTICE = "/v1/webhook-endpoints/{endpoint}", "/v1/webhook-notices/{notice}"
ISSUE, EMAIL = "/v1/issues/{issue}", "/v1/accounts/{account}/notify-email"
ISSUES: list[tuple[str, str, dict[str, Any]]] = [
    ("post", "/v1/issues/{issue}/leave-out", {}),
    ("get", "/v1/issues", {}),
    ("get", "/v1/issues", {"params": {"state": "open", "account": ACME}}),
    ("get", "/v1/issues", {"params": {"after": "iss_none"}}),
    ("get", "/v1/connections/{connection}/issues", {}),
    ("get", ISSUE, {}),
    ("get", ISSUE, {"key": ""}),
    ("get", f"{ISSUE}/contacts", {}),
    ("post", f"{ISSUE}/acknowledge", {}),
    ("post", f"{ISSUE}/mute", {"json": {"until": "2036-01-01T00:00:00Z", "contacts": 3}}),
    ("post", f"{ISSUE}/mute", {"json": {}}),
    ("post", f"{ISSUE}/unmute", {}),
    ("post", f"{ISSUE}/retry", {}),
    ("post", f"{ISSUE}/resolve", {}),
    ("post", f"{ISSUE}/acknowledge", {}),
    ("put", EMAIL, {"json": {"email": "jo@maple-street.test"}}),
    ("put", EMAIL, {"json": {"email": "jo"}}),
    ("get", EMAIL, {}),
    ("post", f"{EMAIL}/test", {}),
    ("get", "/v1/accounts/{account}/mails", {}),
    ("get", "/v1/mails/{mail}", {}),
]
OUTGOING: list[tuple[str, str, dict[str, Any]]] = [
    ("get", "/v1/webhook-endpoints", {}),
    ("get", "/v1/webhook-endpoints", {"params": {"account": "birch"}}),
    ("post", "/v1/webhook-endpoints", {"json": {"url": "https://hooks.maple-street.test/"}}),
    ("post", "/v1/webhook-endpoints", {"json": {"url": "https://127.0.0.1/"}}),
    ("post", "/v1/webhook-endpoints", {"json": {"url": "https://a.test/", "types": ["no.such"]}}),
    ("get", ENDPOINT, {}),
    ("get", ENDPOINT, {"key": ""}),
    ("patch", ENDPOINT, {"json": {"types": ["changes.available"], "description": "ours"}}),
    ("post", f"{ENDPOINT}/rotate-secret", {}),
    ("post", f"{ENDPOINT}/test", {}),
    ("get", f"{ENDPOINT}/notices", {"params": {"state": "waiting"}}),
    ("get", NOTICE, {}),
    ("post", f"{NOTICE}/redeliver", {}),
    ("patch", ENDPOINT, {"json": {"enabled": False}}),
    ("post", f"{ENDPOINT}/test", {}),
    ("delete", ENDPOINT, {}),
    ("delete", ENDPOINT, {}),
]


@pytest.fixture
def paper(api: Api) -> Paper:
    """The document, as a caller gets it."""
    answer = api.call("GET", PATH, key="")
    assert answer.status_code == 200
    return Paper(answer.json())


def test_every_route_is_in_it_and_vice_versa(api: Api, paper: Paper) -> None:
    """Nothing is served that is not documented, and nothing documented that is not served."""
    served = {
        (method.lower(), shown_path(route.path))
        for route in routes(api.kit, api.house.http)
        if isinstance(route, Route) and route.path.startswith("/v1")
        for method in route.methods or ()
        if method != "HEAD"
    }
    assert served == set(paper.operations())


def test_it_is_openapi_3_1_whose_references_lead_somewhere(paper: Paper) -> None:
    """Every `$ref` names a schema that is there, every schema is valid, every operation has its own name."""
    document = paper.document
    assert document["openapi"] == "3.1.0"
    schemas = document["components"]["schemas"]
    for name in re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)):
        assert name in schemas
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    names = [operation["operationId"] for operation in paper.operations().values()]
    assert len(names) == len(set(names))


def test_every_operation_is_described(paper: Paper) -> None:
    """A summary, its path's parts as parameters, a success, and 401 unless it is open."""
    for (_, path), operation in paper.operations().items():
        assert operation["summary"]
        named = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
        assert named == set(re.findall(r"\{(\w+)\}", path))
        assert any(status.startswith("2") for status in operation["responses"])
        assert operation.get("security") == [] or "401" in operation["responses"]


SAID = {"contact": "jo", "permission": "p1", "enabled": False}


def test_answers_are_as_the_document_says(api: Api, paper: Paper) -> None:
    """One call of each kind, good and bad: the status is documented and the body fits its schema."""
    connection = make_connection(api.house, audience_id="a", state="in_sync")
    (event,) = keep(api.house, connection, b"n=1")
    stand(api.house, connection, "jo", state=MemberState.FAILING, reason="email_fake")
    one, batch = "/v1/accounts/{account}/contacts/{id}", "/v1/accounts/{account}/contacts/batch"
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("put", one, {"json": {"email": "jo@maple-street.test", "consent": SUBSCRIBED, "tags": ["a"]}}),
        ("put", one, {"json": {"fields": {"city": "Leeds"}}}),
        ("put", one, {"json": {"version": 0}}),
        ("put", one, {"json": {"version": "x"}}),
        ("put", one, {"content": b"{", "headers": {"Content-Type": "application/json"}}),
        ("get", one, {}),
        ("get", one, {"key": ""}),
        ("get", one, {"key": api.birch_key}),
        ("post", batch, {"json": {"contacts": [{"id": "a"}, {"id": "b", "email": "x"}, {}]}}),
        ("get", "/v1/accounts/{account}/changes", {}),
        ("post", "/v1/accounts/{account}/contacts/{id}/erase", {"key": api.birch_key}),
        ("delete", one, {}),
        ("get", "/v1/accounts/{account}/changes", {}),
        ("get", "/v1/accounts/{account}/connections", {}),
        ("post", "/v1/accounts/{account}/connections", {"json": {"beside": connection}}),
        ("post", "/v1/connections/{connection}/permissions", {"json": SAID}),
        ("post", "/v1/accounts/{account}/connect-links", {}),
        ("post", "/v1/accounts/{account}/portal-links", {}),
        ("get", "/v1/connections/{connection}", {}),
        ("get", "/v1/connections/{connection}/audiences", {}),
        ("get", "/v1/connections/{connection}/audiences/{audience}", {}),
        ("patch", "/v1/connections/{connection}", {"json": {"audience_id": "b"}}),
        ("get", "/v1/connections/{connection}/preview", {}),
        ("post", "/v1/connections/{connection}/preview", {}),
        ("get", "/v1/connections/{connection}/preview", {}),
        ("get", "/v1/connections/{connection}/preview.csv", {}),
        ("get", "/v1/connections/{connection}/sync", {}),
        ("post", "/v1/connections/{connection}/sync", {"json": {}}),
        ("post", "/v1/connections/{connection}/sync/cancel", {}),
        ("post", "/v1/connections/{connection}/pause", {}),
        ("post", "/v1/connections/{connection}/resume", {"json": {"accept": True}}),
        ("get", "/v1/connections/{connection}/members", {}),
        ("get", "/v1/connections/{connection}/members", {"params": {"state": "lost"}}),
        ("post", "/v1/connections/{connection}/members/retry", {"json": {}}),
        ("post", "/v1/connections/{connection}/members/retry", {"json": {"contacts": []}}),
        ("post", "/v1/connections/{connection}/members/leave-out", {"json": {"contacts": ["jo"]}}),
        ("post", "/v1/connections/{connection}/members/leave-out", {"json": {}}),
        ("get", "/v1/connections/{connection}/members", {"params": {"reason": "by_choice"}}),
        ("post", "/v1/connections/{connection}/members/take-back", {"json": {"contacts": ["jo"]}}),
        ("get", "/v1/connections/{connection}/notify-emails", {}),
        ("put", "/v1/connections/{connection}/notify-emails", {"json": {"emails": ["kim@maple.test"]}}),
        ("post", "/v1/connections/{connection}/notify-emails/test", {}),
        *ISSUES,
        ("get", "/v1/events", {}),
        ("get", "/v1/events/{event}", {}),
        ("post", "/v1/replays", {"json": {"ids": [event]}}),
        ("post", "/v1/replays", {"json": {}}),
        ("post", "/v1/replays", {"json": {"kind": "members", "connection": connection, "dry_run": True}}),
        ("get", "/v1/replays", {}),
        ("get", "/v1/replays/{replay}", {}),
        ("post", "/v1/replays/{replay}/cancel", {}),
        ("delete", "/v1/connections/{connection}", {}),
        ("get", "/v1/accounts/{account}/receipts", {}),
        ("post", "/v1/accounts/{account}/contacts/{id}/erase", {}),
        ("get", "/v1/erasures/{erasure}", {}),
        ("get", "/v1/accounts/{account}/contacts", {}),
        ("get", "/v1/accounts/{account}/contacts/{id}/history", {}),
        ("get", "/v1/accounts/{account}/contacts/{id}/consent", {}),
        ("get", "/v1/accounts/{account}/consents.csv", {}),
        ("get", "/v1/connections/{connection}/conflicts", {}),
        ("get", "/v1/connections/{connection}/drift", {}),
        ("post", "/v1/connections/{connection}/conflicts/{conflict}/use-other", {}),
        *OUTGOING,
    ]
    parts = {"account": ACME, "id": "jo", "connection": connection, "event": event}
    parts |= {"audience": "a", "erasure": "era_x", "replay": "rpl_x", "conflict": "cfl_1"}
    endpoint, _ = endpoints.create(api.kit, ACME, "https://hooks.maple-street.test/in")
    stand(api.house, connection, "kim", state=MemberState.FAILING, reason="email_fake")
    issues.review(api.kit, connection)
    parts |= {"issue": report.issues(api.kit, ACME).issues[0].issue.ref, "mail": "mail_none"}
    parts |= {"endpoint": endpoint.id, "notice": endpoints.test(api.kit, endpoint.id, ACME).ref}
    for method, path, sent in calls:
        paper.check(method, path, api.call(method.upper(), path.format(**parts), **sent))
    elsewhere = {one for one in paper.operations() if "photos" in one[1]} | {("get", PATH)}  # test_photos
    assert {(method, path) for method, path, _ in calls} == set(paper.operations()) - elsewhere


def test_answers_of_a_connected_account_are_as_it_says(place: Place) -> None:
    """The audiences of a real connection fit too."""
    connection, audience, key = granted(place, place.control)
    with httpx.Client(base_url=place.url, headers={"Authorization": f"Bearer {key}"}) as http:
        paper = Paper(http.get(PATH).json())
        path = "/v1/connections/{connection}"
        found = http.get(f"{path}/audiences".format(connection=connection))
        paper.check("get", f"{path}/audiences", found)
        chosen = http.patch(path.format(connection=connection), json={"audience_id": audience})
        paper.check("patch", path, chosen)
