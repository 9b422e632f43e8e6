"""What is not an issue of a connection: a conflict, photos, and deliveries that nobody can read."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from processor.domain.issue import UNRESOLVED
from tests.codes.place import OPERATOR, Customer, Town
from tests.web.browser import text_of
from tests.whole.photos import picture

pytestmark = pytest.mark.slow


def in_step(made: Town, name: str) -> Customer:
    """A customer in step."""
    one = made.customer(name)
    one.begin()
    one.until(lambda: one.connection().row.state == "in_sync")
    return one


def test_a_conflict_is_told_and_decided_the_other_way(made: Town) -> None:
    """Both values, on the contact's page, by the API and on the command line; the button uses the other one
    on both sides."""
    one = in_step(made, "conflict")
    one.put(fields={"city": "Leeds"})
    one.until(lambda: one.member() and one.standing() == "in_sync")
    made.control.webhooks(drop=1.0)
    one.control.edit(one.audience, one.address(), merge_fields={"CITY": "Ghent"})
    made.control.webhooks(drop=0.0)
    one.put(fields={"city": "Split"})
    at = f"/v1/connections/{one.connection_id}/conflicts"
    (told,) = one.until(lambda: made.api.get(at).json()["conflicts"])
    page = one.person.gets(f"{one.here}/contact?id=x")
    (listed,) = json.loads(made.command("conflicts", one.connection_id, "--json"))
    for text in (told["words"]["happened"], text_of(page), listed["words"]["happened"]):
        assert "was changed on both sides" in text
        assert "Ghent" in text
        assert "Split" in text
    kept = one.contact_with(one.address())["fields"]["city"]
    other = ({"Ghent", "Split"} - {kept}).pop()
    page = one.person.presses(page, f"Use the other value: {other}")
    assert "The other value is used now" in text_of(page)
    one.until(lambda: (one.member() or {})["merge_fields"]["CITY"] == other)
    assert one.contact_with(one.address())["fields"]["city"] == other


def _refused(status: int, detail: str) -> Callable[[Customer, str], None]:
    def provoke(c: Customer, photo: str) -> None:
        c.break_mailchimp(status, title="Invalid Resource", detail=detail, path="/file-manager/files")
        c.town.api.post(f"/v1/photos/{photo}/push")

    return provoke


def _deleted_there(c: Customer, photo: str) -> None:
    c.town.api.post(f"/v1/photos/{photo}/push")
    c.until(lambda: _photo(c, photo)["state"] == "in_sync")
    (file,) = c.mailchimp("GET", "/file-manager/files")["files"]
    c.mailchimp("DELETE", f"/file-manager/files/{file['id']}")
    c.presses("Look now", "/photos")


def _lost_here(c: Customer, photo: str) -> None:
    for path in (c.town.data_dir / "photos").rglob("*"):
        if path.is_file():
            path.unlink()
    c.town.api.post(f"/v1/photos/{photo}/push")


def _pressed(c: Customer) -> None:
    c.mend()
    assert "Being sent to Mailchimp" in text_of(c.presses("Send to Mailchimp", "/photos"))


def _handed_over(c: Customer) -> str:
    """Hand the picture over, under the platform's own name for it; return our id."""
    body = {"name": "beach.png", "ref": "beach", "data": base64.b64encode(picture()).decode()}
    handed = c.town.api.post(f"/v1/accounts/{c.name}/photos", json=body)
    assert handed.is_success, handed.text
    return str(handed.json()["id"])


def _handed_over_again(c: Customer) -> None:
    photo = _handed_over(c)
    assert c.town.api.post(f"/v1/photos/{photo}/push").is_success


@dataclass(frozen=True)
class PhotoCase:
    """How it comes about with a photo of this id, what is said of it, and how it is mended."""

    code: str
    provoke: Callable[[Customer, str], None]
    says: str
    mend: Callable[[Customer], None] = _pressed


PHOTOS = (
    PhotoCase("photo_full", _refused(400, "Your file manager storage is full."), "storage is full"),
    PhotoCase("photo_type", _refused(400, "This file type is not supported."), "is not a kind of file that"),
    PhotoCase("photo_too_large", _refused(413, "Too much."), "and the limit is"),
    PhotoCase("photo_lost", _lost_here, "is missing from the place", _handed_over_again),
    PhotoCase("photo_gone", _deleted_there, "was deleted in Mailchimp"),
)


@pytest.mark.parametrize("case", PHOTOS, ids=lambda one: one.code)
def test_a_photo_that_does_not_go_up_says_why_and_is_sent_again(case: PhotoCase, made: Town) -> None:
    """By the API, in the portal and on the command line; the button sends it once the cause is mended."""
    one = in_step(made, case.code)
    photo = _handed_over(one)
    case.provoke(one, photo)
    one.until(lambda: _photo(one, photo)["reason"] == case.code)
    told = _photo(one, photo)
    assert told["state"] == ("excluded" if case.code == "photo_gone" else "failing")
    assert case.says in told["words"]["happened"]
    assert case.says in text_of(one.person.gets(f"{one.here}/photos"))
    shown = made.command("photos", "ls", one.connection_id)
    assert told["words"]["title" if told["state"] == "excluded" else "happened"] in shown
    case.mend(one)
    one.until(lambda: _photo(one, photo)["state"] == "in_sync")


def _photo(one: Customer, photo: str) -> dict[str, Any]:
    found: dict[str, Any] = one.town.api.get(f"/v1/photos/{photo}").json()
    return found


def test_a_delivery_that_nobody_can_read_is_kept_and_told_to_the_operator(made: Town) -> None:
    """Once, with its number; tried again it is kept as it was, and nobody is told a second time. The customer
    is not troubled with it."""
    one = in_step(made, "event_not_understood")
    one.control.send_raw(one.audience, b"type=moon&fired_at=2026-09-01+12%3A00%3A00&data%5Bphase%5D=full")
    found = one.until(lambda: one.issue("event_not_understood"))
    (event,) = one.until(lambda: made.api.get("/v1/events", params={"status": "dead"}).json()["events"])
    told = made.api.get(f"/v1/issues/{found.issue.ref}").json()
    assert (told["kind"], told["who"], told["failing"]) == ("deliveries", "operator", 1)
    assert event["id"] in told["words"]["todo"]
    assert "does not understand" in told["words"]["happened"]
    assert event["id"] in made.command("issues", "show", found.issue.ref)
    (mail,) = one.until(lambda: one.got(OPERATOR))
    assert event["id"] in mail
    assert told["words"]["title"] not in text_of(one.person.gets(one.here))
    died_at = _dead_at(made, event["id"])
    assert made.api.post(f"/v1/issues/{found.issue.ref}/retry").json() == {"retried": 1}
    one.until(lambda: _dead_at(made, event["id"]) > died_at)
    again = one.issue("event_not_understood", UNRESOLVED)
    assert again is not None
    assert again.issue.ref == found.issue.ref
    assert one.got(OPERATOR) == [mail]
    assert one.got(f"{one.name}@maple-street.test") == []


def _dead_at(made: Town, event_id: str) -> str:
    """When it was given up, "" while it is tried."""
    found = made.api.get(f"/v1/events/{event_id}").json()
    return str(found["settled_at"]) if found["status"] == "dead" else ""
