"""What may become of a member, by whom."""

from __future__ import annotations

from hashlib import md5

import pytest

from tests.sandbox.conftest import House

JO = "jo@maple-street.test"
EVERYTHING = {"events": dict.fromkeys(("subscribe", "unsubscribe", "profile", "cleaned", "upemail"), True)}


def _hash(email: str) -> str:
    return md5(email.lower().encode(), usedforsecurity=False).hexdigest()


def _post(house: House, email: str = JO, status: str = "subscribed", **more: object) -> dict:
    answer = house.api.post(house.members(), json={"email_address": email, "status": status, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_member_is_found_by_hash_by_address_and_by_contact_id(house: House) -> None:
    """Reading and changing take each; tags and deletion for good only what is promised: the hash."""
    made = _post(house)
    for key in (_hash(JO), JO, JO.upper(), made["contact_id"]):
        assert house.api.get(house.members(f"/{key}")).json()["id"] == made["id"]
    tags = {"tags": [{"name": "x", "status": "active"}]}
    assert house.api.post(house.members(f"/{JO}/tags"), json=tags).status_code == 404
    assert house.api.post(house.hashed(JO, "/tags"), json=tags).status_code == 204
    again = house.api.post(house.hashed(JO, "/tags"), json={"tags": []})
    assert (again.status_code, again.content) == (204, b"")


def test_an_existing_address_is_refused_by_post_without_a_type(house: House) -> None:
    """Member Exists is the error that has no `type`, and `instance` equals the header."""
    _post(house)
    again = house.api.post(house.members(), json={"email_address": JO, "status": "subscribed"})
    assert (again.status_code, again.json()["title"]) == (400, "Member Exists")
    assert "type" not in again.json()
    assert again.json()["instance"] == again.headers["X-Request-Id"]
    assert again.headers["Content-Type"] == "application/problem+json; charset=utf-8"


def test_the_address_in_the_body_wins_over_the_path(house: House) -> None:
    """PUT on a hash that is not there creates the body's address; the second time it is Member Exists."""
    body = {"email_address": JO, "status_if_new": "subscribed"}
    stale = house.members(f"/{_hash('somebody@else.test')}")
    assert house.api.put(stale, json=body).json()["id"] == _hash(JO)
    assert house.api.put(stale, json=body).json()["title"] == "Member Exists"


def test_put_merges_and_an_empty_text_clears(house: House) -> None:
    """Keys not sent keep their value, unknown keys are ignored in silence."""
    _post(house, merge_fields={"FNAME": "Jo", "LNAME": "Ash"})
    answer = house.api.put(house.members(f"/{JO}"), json={"merge_fields": {"FNAME": "", "NO_SUCH": "x"}})
    assert answer.json()["merge_fields"] == {"FNAME": "", "LNAME": "Ash", "ADDRESS": "", "PHONE": ""}


def test_a_write_that_changes_nothing_does_not_bump_last_changed(house: House) -> None:
    """Polling by last_changed sees real changes only."""
    made = _post(house, merge_fields={"FNAME": "Jo"})
    house.control.clock(60)
    same = house.api.put(house.members(f"/{JO}"), json={"email_address": JO, "merge_fields": {"FNAME": "Jo"}})
    assert same.json()["last_changed"] == made["last_changed"]
    house.api.post(house.hashed(JO, "/tags"), json={"tags": [{"name": "new", "status": "active"}]})
    assert house.api.get(house.members(f"/{JO}")).json()["last_changed"] > made["last_changed"]


def test_the_api_may_undo_its_own_unsubscribe(house: House) -> None:
    """unsubscribed by the API -> subscribed is 200, with the recorded reason between."""
    _post(house)
    left = house.api.put(house.members(f"/{JO}"), json={"status": "unsubscribed"}).json()
    assert left["unsubscribe_reason"] == "N/A (Unsubscribed by admin)"
    back = house.api.put(house.members(f"/{JO}"), json={"status": "subscribed"})
    assert (back.status_code, back.json()["status"]) == (200, "subscribed")
    assert "unsubscribe_reason" not in back.json()


@pytest.mark.parametrize("act", ["unsubscribe", "complain", "clean"])
def test_nobody_who_left_is_brought_back_by_the_api(house: House, act: str) -> None:
    """After an opt-out, complaint or bounce: subscribed is refused, pending asks, the form brings back."""
    _post(house)
    house.control.act(house.list.id, act, JO)
    for verb in ("PUT", "PATCH"):
        refused = house.api.request(verb, house.members(f"/{JO}"), json={"status": "subscribed"})
        assert (refused.status_code, refused.json()["title"]) == (400, "Member In Compliance State")
    asked = house.api.patch(house.members(f"/{JO}"), json={"status": "pending"})
    assert asked.json()["status"] == "pending"
    assert house.api.patch(house.members(f"/{JO}"), json={"status": "subscribed"}).status_code == 400
    back = house.control.subscribe(house.list.id, JO)
    assert back is not None
    assert (back["status"], back["opt_out"]) == ("subscribed", "")


def test_archiving_keeps_the_member_and_the_default_list_hides_it(house: House) -> None:
    """DELETE answers 204, GET then 200 archived; POST brings it back with the same ids and tags."""
    made = _post(house, tags=["vip"], merge_fields={"FNAME": "Jo"})
    assert house.api.delete(house.members(f"/{JO}")).status_code == 204
    assert house.api.get(house.members(f"/{JO}")).json()["status"] == "archived"
    assert house.api.get(house.members()).json()["total_items"] == 0
    assert house.api.get(house.members("?status=archived")).json()["total_items"] == 1
    back = _post(house)
    assert (back["contact_id"], back["web_id"]) == (made["contact_id"], made["web_id"])
    assert ([tag["name"] for tag in back["tags"]], back["merge_fields"]["FNAME"]) == (["vip"], "Jo")


@pytest.mark.parametrize("status", ["archived", "cleaned", "pending"])
def test_what_is_archived_bounced_or_pending_cannot_be_removed(house: House, status: str) -> None:
    """405 with Allow and the recorded detail."""
    house.control.put_members(house.list.id, [{"email_address": JO, "status": status}])
    answer = house.api.delete(house.members(f"/{JO}"))
    assert (answer.status_code, answer.json()["title"]) == (405, "Method Not Allowed")
    assert answer.json()["detail"].startswith("This list member cannot be removed.")
    assert "GET" in answer.headers["Allow"]


def test_a_forgotten_address_comes_back_by_its_own_sign_up_only(house: House) -> None:
    """delete-permanent: 204, then 404, then refused even as pending, until the contact signs up."""
    _post(house)
    assert house.api.post(house.hashed(JO, "/actions/delete-permanent")).status_code == 204
    assert house.api.get(house.members(f"/{JO}")).status_code == 404
    for status in ("subscribed", "pending"):
        answer = house.api.post(house.members(), json={"email_address": JO, "status": status})
        assert answer.json()["title"] == "Forgotten Email Not Subscribed"
    house.control.subscribe(house.list.id, JO)
    assert house.api.get(house.members(f"/{JO}")).json()["status"] == "subscribed"


def test_an_address_change_keeps_contact_id_and_web_id(house: House) -> None:
    """id and unique_email_id change; the old hash is 404."""
    made = _post(house)
    new = "jo@oak-lane.test"
    moved = house.api.patch(house.members(f"/{JO}"), json={"email_address": new}).json()
    assert (moved["contact_id"], moved["web_id"]) == (made["contact_id"], made["web_id"])
    assert moved["id"] == _hash(new)
    assert moved["unique_email_id"] != made["unique_email_id"]
    assert house.api.get(house.members(f"/{_hash(JO)}")).status_code == 404


def test_an_address_changes_only_while_subscribed_and_only_to_a_free_one(house: House) -> None:
    """Both refusals carry their sentence in `errors`, with the field named "email address"."""
    _post(house)
    _post(house, "taken@maple-street.test")
    taken = house.api.patch(house.members(f"/{JO}"), json={"email_address": "taken@maple-street.test"}).json()
    assert taken["errors"][0]["message"].endswith('is already in this list with a status of "subscribed".')
    house.control.clean(house.list.id, JO)
    cleaned = house.api.patch(
        house.members(f"/{JO}"), json={"email_address": "free@maple-street.test"}
    ).json()
    assert cleaned["errors"][0]["field"] == "email address"
    assert 'This member\'s status is "cleaned."' in cleaned["errors"][0]["message"]


@pytest.mark.parametrize(
    ("email", "words"),
    [
        ("foo@example.com", "looks fake or invalid"),
        ("not an address", "Please provide a valid email address."),
        ("two..dots@maple.test", "Please provide a valid email address."),
    ],
)
def test_addresses_that_are_refused(house: House, email: str, words: str) -> None:
    """Fake-looking and malformed ones, each in its words."""
    answer = house.api.post(house.members(), json={"email_address": email, "status": "subscribed"})
    assert (answer.status_code, answer.json()["title"]) == (400, "Invalid Resource")
    assert words in answer.json()["detail"]


def test_a_double_opt_in_sign_up_waits_for_the_answer(open_house) -> None:
    """The form leaves the contact pending; confirming subscribes."""
    house = open_house(double_optin=True)
    assert house.control.subscribe(house.list.id, JO)["status"] == "pending"
    assert house.control.confirm(house.list.id, JO)["status"] == "subscribed"
    assert _post(house, "api@maple-street.test")["status"] == "subscribed"
