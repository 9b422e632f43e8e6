"""Pages, filters and orders; merge fields; many at once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.conftest import House


def _fill(house: House, count: int = 6) -> None:
    people = [
        {
            "email_address": f"p{n}@maple-street.test",
            "last_changed": f"2026-01-01T00:00:0{n}+00:00",
            "timestamp_opt": f"2026-01-01T00:00:0{9 - n}+00:00",
        }
        for n in range(count)
    ]
    house.control.put_members(house.list.id, people)


def _names(house: House, **query: Any) -> list[str]:
    answer = house.api.get(house.members(), params=query)
    assert answer.status_code == 200, answer.text
    return [member["email_address"][:2] for member in answer.json()["members"]]


def test_since_excludes_its_second_and_takes_fractions(house: House) -> None:
    """T gives what comes after T; T minus a millisecond gives T as well; before includes."""
    _fill(house)
    assert _names(house, since_last_changed="2026-01-01T00:00:03Z") == ["p4", "p5"]
    assert _names(house, since_last_changed="2026-01-01T00:00:02.999Z") == ["p3", "p4", "p5"]
    assert _names(house, before_last_changed="2026-01-01T00:00:01+00:00") == ["p0", "p1"]


def test_orders_and_pages(house: House) -> None:
    """By last_changed and by timestamp_opt, both ways, with offset and count; ten if no count is given."""
    _fill(house)
    assert _names(house, sort_field="last_changed", sort_dir="DESC", count=2, offset=1) == ["p4", "p3"]
    assert _names(house, sort_field="last_changed", count=2, offset=5) == ["p5"]
    assert _names(house, sort_field="timestamp_opt", count=2) == ["p5", "p4"]
    _fill(house, 9)
    house.control.put_members(house.list.id, [{"email_address": f"q{n}@maple.test"} for n in range(9)])
    assert len(_names(house)) == 10
    assert house.api.get(house.members("?count=1001")).status_code == 400


def test_only_what_is_asked_for_is_answered(house: House) -> None:
    """fields and exclude_fields in dot notation; a name at the top reaches nothing below."""
    _fill(house, 1)
    only = house.api.get(house.members("?fields=members.id,total_items")).json()
    assert only.keys() == {"members", "total_items"}
    assert only["members"][0].keys() == {"id"}
    without = house.api.get(house.members("?exclude_fields=email_address,members._links")).json()
    assert "_links" not in without["members"][0]
    assert "email_address" in without["members"][0]


def test_a_member_is_found_by_the_id_that_webhooks_carry(house: House) -> None:
    """unique_email_id."""
    _fill(house)
    wanted = house.control.member(house.list.id, "p3@maple-street.test")["unique_email_id"]
    assert _names(house, unique_email_id=wanted) == ["p3"]


def test_status_vip_and_interests_filter(open_house) -> None:
    """Each alone, and total_items follows."""
    house = open_house(interests=[{"title": "T", "names": ["Tea", "Jam"]}])
    tea, jam = house.list.interests["Tea"], house.list.interests["Jam"]
    house.control.put_members(
        house.list.id,
        [
            {"email_address": "p1@maple.test", "interests": [tea], "vip": True},
            {"email_address": "p2@maple.test", "interests": [tea, jam], "status": "pending"},
            {"email_address": "p3@maple.test"},
        ],
    )
    assert _names(house, vip_only="true") == ["p1"]
    assert _names(house, status="pending") == ["p2"]
    assert _names(house, interest_ids=f"{tea},{jam}", interest_match="all") == ["p2"]
    assert _names(house, interest_ids=tea) == ["p1", "p2"]
    assert _names(house, interest_ids=tea, interest_match="none") == ["p3"]


@pytest.mark.parametrize(
    ("kind", "good", "kept", "bad", "message"),
    [
        ("number", "15.5", 15.5, "AAA", "Please enter a number"),
        ("date", "12/21/1980", "1980-12-21", "soon", "Please enter a valid date"),
        ("birthday", "2/29", "02/29", "13/40", "Please enter a valid birthday (MM/DD)"),
        ("zip", "30308", "30308", "x", "Please enter a zip code (5 digits)"),
        ("url", "https://maple.test/x", "https://maple.test/x", "maple", "Please enter a complete URL"),
        ("dropdown", "Red", "Red", "Green", "Please choose one of the options"),
    ],
)
def test_merge_values_are_checked_by_type(
    house: House, kind: str, good: str, kept: Any, bad: str, message: str
) -> None:
    """A good one is kept in Mailchimp's form, a bad one is refused by field."""
    house.control.merge_field(house.list.id, "X", kind, options={"choices": ["Red"]})
    body: dict[str, Any] = {"email_address": "jo@maple.test", "status_if_new": "subscribed"}
    path = house.members("/jo@maple.test")
    assert house.api.put(path, json={**body, "merge_fields": {"X": good}}).json()["merge_fields"]["X"] == kept
    refused = house.api.put(path, json={**body, "merge_fields": {"X": bad}}).json()
    assert refused["detail"] == "Your merge fields were invalid."
    assert refused["errors"] == [{"field": "X", "message": message}]


def test_required_fields_are_demanded_unless_skipped(house: House) -> None:
    """POST and PUT demand them, skip_merge_validation does not, PATCH does not."""
    house.control.merge_field(house.list.id, "RADIO", "radio", required=True, options={"choices": ["A"]})
    body = {"email_address": "jo@maple.test", "status": "subscribed"}
    refused = house.api.post(house.members(), json=body).json()
    assert refused["errors"] == [{"field": "RADIO", "message": "Please enter a value"}]
    assert house.api.post(house.members("?skip_merge_validation=true"), json=body).status_code == 200
    assert house.api.patch(house.members("/jo@maple.test"), json={"vip": True}).status_code == 200


def test_batch_subscribe_answers_200_and_per_contact(house: House) -> None:
    """Existing without update_existing, fake, twice, and left: each an error of its own."""
    one = house.list.id
    house.control.add(one, "here@maple.test")
    house.control.add(one, "left@maple.test")
    house.control.unsubscribe(one, "left@maple.test")
    emails = ["here@maple.test", "foo@example.com", "new@maple.test", "new@maple.test"]
    members = [{"email_address": email, "status": "subscribed"} for email in emails]
    answer = house.api.post(f"/lists/{one}", json={"members": members})
    assert answer.status_code == 200
    body = answer.json()
    assert (body["total_created"], body["total_updated"], body["error_count"]) == (1, 0, 3)
    codes = {error["email_address"]: error["error_code"] for error in body["errors"]}
    assert codes["here@maple.test"] == "ERROR_CONTACT_EXISTS"
    assert codes["foo@example.com"] == codes["new@maple.test"] == "ERROR_GENERIC"
    left = [{"email_address": "left@maple.test", "status": "subscribed"}]
    again = house.api.post(f"/lists/{one}", json={"members": left, "update_existing": True}).json()
    assert (again["error_count"], again["errors"][0]["error_code"]) == (1, "ERROR_GENERIC")
    assert house.control.member(one, "left@maple.test")["status"] == "unsubscribed"


def test_batch_subscribe_updates_and_replaces_tags_when_told_to(house: House) -> None:
    """sync_tags works with update_existing only."""
    one = house.list.id
    house.control.add(one, "jo@maple.test", tags=["old"])
    people = [{"email_address": "jo@maple.test", "status": "subscribed", "tags": ["new"]}]
    house.api.post(f"/lists/{one}", json={"members": people, "sync_tags": True})
    assert house.control.member(one, "jo@maple.test")["tags"] == ["old"]
    body = {"members": people, "sync_tags": True, "update_existing": True}
    assert house.api.post(f"/lists/{one}", json=body).json()["total_updated"] == 1
    assert house.control.member(one, "jo@maple.test")["tags"] == ["new"]


def test_a_duplicate_keeps_the_first_status_where_it_is_allowed(house: House) -> None:
    """skip_duplicate_check."""
    people = [
        {"email_address": "jo@maple.test", "status": "pending"},
        {"email_address": "JO@maple.test", "status": "subscribed", "merge_fields": {"FNAME": "Jo"}},
    ]
    path = f"/lists/{house.list.id}?skip_duplicate_check=true"
    assert house.api.post(path, json={"members": people}).json()["error_count"] == 0
    found = house.control.member(house.list.id, "jo@maple.test")
    assert (found["status"], found["merge_fields"]["FNAME"]) == ("pending", "Jo")


def test_more_than_500_at_once_are_refused(house: House) -> None:
    """400."""
    people = [{"email_address": f"p{n}@maple.test", "status": "subscribed"} for n in range(501)]
    assert house.api.post(f"/lists/{house.list.id}", json={"members": people}).status_code == 400


def test_a_hundred_thousand_are_put_in_and_paged(house: House) -> None:
    """A page of a thousand far in, and a lookup."""
    people = ({"email_address": f"p{n}@maple.test", "merge_fields": {"FNAME": "P"}} for n in range(100_000))
    assert house.control.put_members(house.list.id, people) == 100_000
    query = {
        "count": 1000,
        "offset": 80_000,
        "sort_field": "last_changed",
        "exclude_fields": "members._links",
    }
    assert len(house.api.get(house.members(), params=query).json()["members"]) == 1000
    assert house.api.get(house.members("/p77777@maple.test")).status_code == 200


def test_marketing_permissions_are_shown_and_set_where_the_list_has_them(open_house) -> None:
    """Their ids are read from a member; no webhook tells of them."""
    house = open_house(marketing_permissions=True)
    house.control.add(house.list.id, "jo@maple.test")
    path = house.members("/jo@maple.test")
    first = house.api.get(path).json()["marketing_permissions"][0]["marketing_permission_id"]
    body = {"marketing_permissions": [{"marketing_permission_id": first, "enabled": True}]}
    changed = house.api.patch(path, json=body).json()["marketing_permissions"]
    assert [permission["enabled"] for permission in changed] == [True, False, False]


def test_sms_is_shown_and_no_request_changes_it(open_house) -> None:
    """Its fields are in answers only; a contact without an address has an empty one."""
    house = open_house()
    house.control.add(house.list.id, "jo@maple.test")
    path = house.members("/jo@maple.test")
    fields = ("sms_phone_number", "sms_subscription_status", "sms_subscription_last_updated")
    assert [house.api.get(path).json()[name] for name in fields] == ["", "", ""]
    house.control.sms(house.list.id, "jo@maple.test", "subscribed", phone="+15550100")
    sent = {"sms_phone_number": "+15550199", "sms_subscription_status": "unsubscribed"}
    shown = house.api.patch(path, json=sent).json()
    assert [shown[name] for name in fields[:2]] == ["+15550100", "subscribed"]
    assert shown[fields[2]].endswith("+00:00")
    only = {"email_address": "sms:+15550101", "sms_phone": "+15550101", "sms_status": "subscribed"}
    house.control.put_members(house.list.id, [only])
    listed = house.api.get(house.members()).json()["members"]
    assert sorted(member["email_address"] for member in listed) == ["", "jo@maple.test"]
