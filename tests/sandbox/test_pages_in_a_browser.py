"""The pages as a browser shows them, on a screen and on a phone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.conftest import House

pytestmark = pytest.mark.browser

CHROMIUM = os.environ.get("BOTHWAYS_TEST_CHROMIUM", "/usr/bin/chromium")


@pytest.fixture
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    if not os.path.exists(CHROMIUM):
        pytest.skip(f"there is no Chromium at {CHROMIUM}")
    with sync_api.sync_playwright() as player:
        chromium = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.mark.parametrize("width", [1200, 390])
def test_pages_fit_the_screen_and_nothing_fails_to_load(house: House, browser: Any, width: int) -> None:
    """No sideways scrolling, no error in the console, without JavaScript."""
    member = house.control.add(house.list.id, "a-rather-long-address@maple-street.test", tags=["vip"])
    assert member is not None
    page = browser.new_context(viewport={"width": width, "height": 800}, java_script_enabled=False).new_page()
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text))
    page.on("requestfailed", lambda request: errors.append(request.url))
    one = f"/lists/{house.list.id}"
    for path in ("/", f"/accounts/{house.account}", one, f"{one}/members/{member['contact_id']}", "/faults"):
        page.goto(house.url + path)
        box = page.locator("main").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width, path
        assert page.locator("h1").is_visible()
    assert errors == []


def test_the_sign_up_form_works_without_javascript(house: House, browser: Any) -> None:
    """Filled in by keyboard."""
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(f"{house.url}/lists/{house.list.id}/sign-up")
    page.get_by_label("Address").fill("jo@maple-street.test")
    page.get_by_label("First name").press("Enter")
    page.wait_for_url("**/sign-up?said=*")
    assert "You are subscribed." in page.get_by_role("status").inner_text()
    assert house.control.member(house.list.id, "jo@maple-street.test")
