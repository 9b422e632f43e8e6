"""Every call of Mailchimp's own specification is served, and answered in the form that it describes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from tests.sandbox.conftest import House, Receiver

SWAGGER = Path(__file__).parents[2] / ".." / "shared" / "mailchimp" / "marketing.swagger.json"
pytestmark = pytest.mark.skipif(not SWAGGER.exists(), reason="the specification is not beside this checkout")

JO = "jo@maple-street.test"
HASH = hashlib.md5(JO.encode(), usedforsecurity=False).hexdigest()
CONTACT = {"company": "C", "address1": "1 Street", "city": "Leeds", "state": "", "zip": "", "country": "GB"}
LIST_BODY = {
    "name": "News",
    "contact": CONTACT,
    "permission_reminder": "You signed up.",
    "campaign_defaults": {"from_name": "N", "from_email": "n@maple.test", "subject": "s", "language": "en"},
    "email_type_option": True,
}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="

# Where the real API differs from the specification: path of the error in the answer, and the fact.
EXCEPTIONS: list[tuple[str, str]] = [
    (r"\.sms_subscription_status$", 'recorded in 2026 as "" where no phone is known; the enum lacks it'),
]


def _spec() -> dict[str, Any]:
    return json.loads(SWAGGER.read_text())


def _schema_of(method: str, template: str, status: int) -> dict[str, Any] | None:
    responses = _spec()["paths"][template][method.lower()]["responses"]
    return responses.get(str(status), responses["default"] if status >= 400 else {}).get("schema")


def _faults(schema: dict[str, Any], answer: Any) -> list[str]:
    found = []
    for error in Draft202012Validator(schema).iter_errors(answer):
        place = "$" + "".join(f".{part}" for part in error.absolute_path)
        if not any(re.search(pattern, place) for pattern, _ in EXCEPTIONS):
            found.append(f"{place}: {error.message[:200]}")
    return found


class Journey:
    """Makes the calls, keeps what later ones need, and remembers what was answered to which."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.answers: list[tuple[str, str, Any, httpx.Response]] = []
        self.ids: dict[str, Any] = {"list_id": house.list.id, "subscriber_hash": HASH}

    def __call__(self, method: str, template: str, body: Any = None, **query: Any) -> dict[str, Any]:
        path = re.sub(r"{(\w+)}", lambda found: str(self.ids[found[1]]), template)
        answer = self.house.api.request(method, path, json=body, params=query or None)
        self.answers.append((method, template, body, answer))
        assert answer.is_success, f"{method} {template}: {answer.text}"
        return answer.json() if answer.content else {}

    def round(
        self, collection: str, key: str, make: Any, change: Any, verb: str = "PATCH", name: str = "id"
    ) -> None:
        """Create, list, read and change one resource; its id is kept for the calls below it."""
        self.ids[key] = self("POST", collection, make)[name]
        self("GET", collection)
        self("GET", f"{collection}/{{{key}}}")
        self(verb, f"{collection}/{{{key}}}", change)


def _travel(go: Journey, receiver: Receiver) -> None:
    one = "/lists/{list_id}"
    member = f"{one}/members/{{subscriber_hash}}"
    go("GET", "/")
    go("GET", "/ping")
    go.ids["app_id"] = go("GET", "/authorized-apps")["apps"][0]["id"]
    go("GET", "/authorized-apps/{app_id}")
    go("GET", "/lists", count=5, include_total_contacts="true")
    go("GET", one, include_total_contacts="true")
    go.round(
        f"{one}/merge-fields",
        "merge_id",
        {"name": "Size", "type": "number"},
        {"name": "Sizes"},
        name="merge_id",
    )
    categories = f"{one}/interest-categories"
    go.round(
        categories, "interest_category_id", {"title": "T", "type": "radio"}, {"title": "U", "type": "radio"}
    )
    interests = f"{categories}/{{interest_category_id}}/interests"
    go.round(interests, "interest_id", {"name": "One"}, {"name": "Two"})
    go("POST", f"{one}/members", {"email_address": JO, "status": "subscribed", "tags": ["a", "b"]})
    go("PUT", member, {"email_address": JO, "status_if_new": "subscribed", "merge_fields": {"FNAME": "Jo"}})
    go("PATCH", member, {"vip": True, "location": {"latitude": 53.8, "longitude": -1.5}})
    go("POST", one, {"members": [{"email_address": JO, "status": "subscribed"}], "update_existing": True})
    go(
        "POST",
        one,
        {"members": [{"email_address": "new@maple.test", "status": "pending"}, {"email_address": JO}]},
    )
    go("POST", f"{member}/tags", {"tags": [{"name": "c", "status": "active"}]})
    go("GET", f"{member}/tags")
    go.round(f"{member}/notes", "note_id", {"note": "Called."}, {"note": "Called twice."})
    go("POST", f"{member}/events", {"name": "opened", "properties": {"a": "b"}})
    for part in ("events", "activity", "activity-feed", "goals"):
        go("GET", f"{member}/{part}")
    go("GET", f"{one}/members", count=1000)
    go("GET", member)
    go("GET", f"{one}/tag-search", name="a")
    go.round(f"{one}/segments", "segment_id", {"name": "s", "static_segment": [JO]}, {"name": "s2"})
    go(
        "POST",
        f"{one}/segments/{{segment_id}}",
        {"members_to_add": [JO], "members_to_remove": ["no@maple.test"]},
    )
    go("POST", f"{one}/segments/{{segment_id}}/members", {"email_address": JO})
    go("GET", f"{one}/segments/{{segment_id}}/members")
    hook = {"url": receiver.url, "events": {"subscribe": True}, "sources": {"user": True}}
    go.round(f"{one}/webhooks", "webhook_id", hook, {"events": {"profile": True}})
    go.round("/batch-webhooks", "batch_webhook_id", {"url": receiver.url + "/b"}, {"enabled": False})
    go.ids["batch_id"] = go("POST", "/batches", {"operations": [{"method": "GET", "path": "/ping"}]})["id"]
    go("GET", "/batches")
    go("GET", "/batches/{batch_id}")
    go.round("/file-manager/folders", "folder_id", {"name": "Photos"}, {"name": "Pictures"})
    photo = {"name": "p.png", "file_data": PIXEL, "folder_id": go.ids["folder_id"]}
    go.round("/file-manager/files", "file_id", photo, {"name": "q.png"})
    go("GET", "/file-manager/folders/{folder_id}/files")
    _take_down(go, one, member)


def _take_down(go: Journey, one: str, member: str) -> None:
    go("DELETE", f"{one}/segments/{{segment_id}}/members/{{subscriber_hash}}")
    go("DELETE", f"{one}/segments/{{segment_id}}")
    go("DELETE", f"{member}/notes/{{note_id}}")
    for path in (
        "/batches/{batch_id}",
        "/batch-webhooks/{batch_webhook_id}",
        f"{one}/webhooks/{{webhook_id}}",
        "/file-manager/files/{file_id}",
        "/file-manager/folders/{folder_id}",
        f"{one}/interest-categories/{{interest_category_id}}/interests/{{interest_id}}",
        f"{one}/interest-categories/{{interest_category_id}}",
        f"{one}/merge-fields/{{merge_id}}",
        member,
    ):
        go("DELETE", path)
    go("POST", f"{member}/actions/delete-permanent")
    go.ids["list_id"] = go("POST", "/lists", LIST_BODY)["id"]
    go("PATCH", one, LIST_BODY | {"contact": CONTACT | {"state": "x", "zip": "y"}})
    go("DELETE", one)


@pytest.fixture
def journey(open_house: Callable[..., House], receiver: Receiver) -> Journey:
    house = open_house(marketing_permissions=True, interests=[{"title": "Topics", "names": ["Tea", "Jam"]}])
    go = Journey(house)
    _travel(go, receiver)
    return go


def test_every_call_of_the_specification_is_served(journey: Journey) -> None:
    """No call is forgotten, neither here nor in the sandbox."""
    made = {(method.lower(), template) for method, template, _, _ in journey.answers}
    known = {(method, path) for path, methods in _spec()["paths"].items() for method in methods}
    assert known - made == set()


def test_requests_and_answers_have_the_specified_form(journey: Journey) -> None:
    """What we send is accepted by the specification's schema, and so is what comes back."""
    faults = []
    for method, template, body, answer in journey.answers:
        operation = _spec()["paths"][template][method.lower()]
        sent = next(
            (part["schema"] for part in operation.get("parameters", []) if part["in"] == "body"), None
        )
        if sent and body is not None and method != "PATCH":
            faults += [f"request {method} {template} {fault}" for fault in _faults(sent, body)]
        schema = _schema_of(method, template, answer.status_code)
        if answer.content:
            assert schema, f"{method} {template} {answer.status_code} is not in the specification"
            faults += [f"{method} {template} {fault}" for fault in _faults(schema, answer.json())]
    assert faults == []


def test_answers_hold_every_field_that_the_specification_knows(journey: Journey) -> None:
    """A field that a client may read is there, apart from those that are documented as absent at times."""
    optional = {
        "unsubscribe_reason",  # absent while not unsubscribed (recorded)
        "last_note",  # absent without notes (recorded)
        "total_contacts",  # only where it is asked for
        "ecommerce_data",  # shops are not part of the sandbox
    }
    missing = set()
    for method, template, _, answer in journey.answers:
        schema = _schema_of(method, template, answer.status_code)
        if schema and answer.content:
            missing |= {f"{method} {template}: {name}" for name in _absent(schema, answer.json())}
    assert {name for name in missing if name.rpartition(": ")[2] not in optional} == set()


def _absent(schema: dict[str, Any], answer: Any) -> set[str]:
    if isinstance(answer, list):
        return {name for item in answer for name in _absent(schema.get("items") or {}, item)}
    if not isinstance(answer, dict):
        return set()
    known = schema.get("properties", {})
    if schema.get("title") in ("Resource Link", "Merge Field Options"):
        # Of a link's parts the schemas are optional; of the options each type has its own.
        return set()
    found = {name for name in known if name not in answer}
    for name in known.keys() & answer.keys():
        found |= _absent(known[name], answer[name])
    return found


@pytest.mark.parametrize(
    ("method", "template", "body"),
    [
        ("GET", "/lists/{list_id}/members/{subscriber_hash}", None),
        (
            "PUT",
            "/lists/{list_id}/members/{subscriber_hash}",
            {"email_address": "foo@example.com", "status": "pending"},
        ),
        ("POST", "/lists/{list_id}/merge-fields", {"name": "x", "type": "no such"}),
        ("POST", "/lists/{list_id}/webhooks", {"url": "not an address"}),
        ("DELETE", "/batches/{batch_id}", None),
    ],
)
def test_errors_have_the_specified_form(house: House, method: str, template: str, body: Any) -> None:
    """Problem documents with type, title, status, detail and instance."""
    ids = {"list_id": house.list.id, "subscriber_hash": "no@body.test", "batch_id": "none"}
    answer = house.api.request(method, template.format(**ids), json=body)
    assert answer.status_code >= 400
    schema = _schema_of(method, template, answer.status_code)
    assert schema
    assert _faults(schema, answer.json()) == []
