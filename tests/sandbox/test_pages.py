"""The pages where a person plays the marketer."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import httpx
import pytest
from PIL import Image

from tests.sandbox.conftest import House, Receiver

JO = "jo@maple-street.test"


@pytest.fixture
def browser(house: House) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=house.url, follow_redirects=True, trust_env=False) as browser:
        yield browser


def _member_path(house: House, email: str = JO) -> str:
    member = house.control.member(house.list.id, email)
    assert member is not None
    return f"/lists/{house.list.id}/members/{member['contact_id']}"


def test_every_page_opens_says_what_it_is_and_loads_nothing_from_elsewhere(
    house: House, browser: httpx.Client, receiver: Receiver
) -> None:
    """Status 200, the notice on top, no other host, no script, a strict policy."""
    body = {"url": receiver.url, "events": {"subscribe": True}, "sources": {"admin": True}}
    house.api.post(f"/lists/{house.list.id}/webhooks", json=body)
    address = {"addr1": "1 Street", "city": "Leeds", "state": "Y", "zip": "1"}
    house.control.add(house.list.id, JO, tags=["<b>tag</b>"], merge_fields={"ADDRESS": address})
    house.control.settle(5)
    for path in (
        "/",
        f"/accounts/{house.account}",
        f"/accounts/{house.account}/gallery",
        f"/lists/{house.list.id}",
        f"/lists/{house.list.id}?status=archived&q=x",
        f"/lists/{house.list.id}/sign-up",
        _member_path(house),
        "/deliveries",
        "/requests",
        "/faults",
        "/oauth2/authorize?response_type=code&client_id=a&redirect_uri=http://127.0.0.1:1/back",
    ):
        page = browser.get(path)
        assert page.status_code == 200, path
        assert "It is no real Mailchimp" in page.text
        assert re.findall(r'(?:src|href|action)="(?:[a-z]+:)?//', page.text) == [], path
        assert "<script" not in page.text
        assert "<b>tag" not in page.text
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert browser.get("/static/sandbox.css").status_code == 200


def test_an_account_and_an_audience_are_opened_by_hand(browser: httpx.Client) -> None:
    """Two forms."""
    page = browser.post("/accounts", data={"name": "Oak Lane"})
    assert "Oak Lane" in page.text
    page = browser.post(f"{page.url.path}/lists", data={"name": "Friends", "double_optin": "on"})
    assert "Friends" in page.text
    assert page.url.path.startswith("/lists/")


def test_a_member_is_added_found_edited_and_leaves(house: House, browser: httpx.Client) -> None:
    """Each by a form, and the page says what happened."""
    page = browser.post(f"/lists/{house.list.id}/members", data={"email": JO, "first_name": "Jo"})
    assert "Added." in page.text
    assert JO in browser.get(f"/lists/{house.list.id}?q=MAPLE-street").text
    path = _member_path(house)
    browser.post(f"{path}/edit", data={"merge.FNAME": "Joan", "merge.ADDRESS.addr1": ""})
    browser.post(f"{path}/tags", data={"tags": "vip, friend"})
    browser.post(f"{path}/address", data={"new_email": "joan@oak-lane.test"})
    member = house.control.member(house.list.id, "joan@oak-lane.test")
    assert (member["merge_fields"]["FNAME"], member["tags"]) == ("Joan", ["friend", "vip"])
    page = browser.post(f"{path}/acts/unsubscribe")
    assert "The API may not subscribe them again" in page.text
    browser.post(f"{path}/acts/sign-up")
    assert house.control.member(house.list.id, "joan@oak-lane.test")["status"] == "subscribed"
    for act, status in (("bounce", "cleaned"), ("archive", "archived"), ("resubscribe", "subscribed")):
        browser.post(f"{path}/acts/{act}")
        assert house.control.member(house.list.id, "joan@oak-lane.test")["status"] == status
    assert "Deleted for good." in browser.post(f"{path}/acts/delete").text
    assert house.control.members(house.list.id) == {}


def test_what_mailchimp_refuses_is_said_in_its_words(house: House, browser: httpx.Client) -> None:
    """And nothing breaks."""
    page = browser.post(f"/lists/{house.list.id}/members", data={"email": "foo@example.com"})
    assert "looks fake or invalid" in page.text


def test_the_sign_up_form_brings_back_who_was_deleted(house: House, browser: httpx.Client) -> None:
    """As the contact's own act."""
    house.control.add(house.list.id, JO)
    house.control.delete(house.list.id, JO)
    page = browser.post(f"/lists/{house.list.id}/sign-up", data={"email": JO})
    assert "You are subscribed." in page.text
    assert house.control.member(house.list.id, JO)["status"] == "subscribed"


def test_a_photo_is_uploaded_and_deleted(house: House, browser: httpx.Client) -> None:
    """And is seen by the API in between."""
    packet = io.BytesIO()
    Image.new("RGB", (300, 200)).save(packet, "PNG")
    path = f"/accounts/{house.account}/gallery"
    page = browser.post(path, files={"file": ("beach.png", packet.getvalue(), "image/png")})
    assert "beach.png is in the gallery." in page.text
    assert "300 × 200" in page.text
    file = house.api.get("/file-manager/files").json()["files"][0]
    assert "beach.png was deleted." in browser.post(f"{path}/{file['id']}/delete").text


def test_mailchimp_is_broken_and_mended_by_a_switch(house: House, browser: httpx.Client) -> None:
    """The page shows what is set."""
    page = browser.post("/faults", data={"api": "503", "percent": "100", "drop": "50", "signing": "on"})
    assert "Something is broken at the moment." in page.text
    assert house.api.get("/ping").status_code == 503
    assert house.control.faults()["webhooks"]["drop"] == 0.5
    browser.post("/faults", data={"do": "mend"})
    assert house.api.get("/ping").status_code == 200


def test_access_is_taken_back_on_the_account_page(house: House, browser: httpx.Client) -> None:
    """Role and plan are set there too."""
    path = f"/accounts/{house.account}"
    browser.post(path, data={"role": "viewer", "plan_limit": "5"})
    assert house.control.accounts()[0]["role"] == "viewer"
    browser.post(f"{path}/revoke", data={"secret": house.token})
    assert house.api.get("/ping").status_code == 401


def test_another_site_cannot_press_the_buttons(browser: httpx.Client) -> None:
    """A browser says where a POST comes from."""
    answer = browser.post("/accounts", data={"name": "x"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert browser.post("/_control/reset", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_an_address_that_leads_nowhere_is_a_page(browser: httpx.Client) -> None:
    """404 in words."""
    page = browser.get("/lists/none")
    assert (page.status_code, "There is no such audience." in page.text) == (404, True)
