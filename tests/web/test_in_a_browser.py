"""Connecting as a browser shows it: on a phone, by keyboard, without JavaScript, to whoever listens to it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from processor import connect, report
from tests.web.house import ACME, Place

pytestmark = pytest.mark.browser

CHROMIUM = os.environ.get("BOTHWAYS_TEST_CHROMIUM", "/usr/bin/chromium")


@pytest.fixture
def browser() -> Iterator[Any]:
    """A Chromium."""
    sync_api = pytest.importorskip("playwright.sync_api")
    if not os.path.exists(CHROMIUM):
        pytest.skip(f"there is no Chromium at {CHROMIUM}")
    with sync_api.sync_playwright() as player:
        chromium = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (360, "dark")])
def test_a_marketer_connects_by_keyboard_without_javascript(
    place: Place, browser: Any, width: int, scheme: str
) -> None:
    """From the link to the first sync with the keys alone; nothing overflows, and no policy is violated."""
    account = place.control.account("Maple Street Photography and Framing")
    place.control.audience(account.id, "Newsletter of-all-the-branches-whose-names-are-one-word-too-long")
    place.control.audience(account.id, "Members")
    context = browser.new_context(
        viewport={"width": width, "height": 700}, java_script_enabled=False, color_scheme=scheme
    )
    page = context.new_page()
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text))
    page.on("requestfailed", lambda request: errors.append(request.url))
    page.goto(connect.make_link(place.kit, ACME))
    page.get_by_role("button", name="Allow").press("Enter")
    assert page.get_by_role("heading", level=1).inner_text() == "Mailchimp is connected"
    group = page.get_by_role("group", name="Which audience do you want to keep in step?")
    assert group.get_by_role("radio").count() == 2
    box = page.locator("main").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    if shots := os.environ.get("BOTHWAYS_TEST_PICTURES"):
        page.screenshot(path=f"{shots}/choose-{width}.png", full_page=True)
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_role("heading", level=1, name="First sync running").wait_for()
    assert page.get_by_role("status").is_visible()
    if shots:
        page.screenshot(path=f"{shots}/connected-{width}.png", full_page=True)
    page.goto(f"{place.url}/connect?link=old")
    assert page.get_by_role("alert").is_visible()
    if shots:
        page.screenshot(path=f"{shots}/trouble-{width}.png", full_page=True)
    # The one error that the console may tell is the 422 of the last page.
    assert [text for text in errors if "422" not in text] == []
    (connection,) = report.connections_of(place.kit, ACME)
    assert connection.row.audience_name in {
        "Members",
        "Newsletter of-all-the-branches-whose-names-are-one-word-too-long",
    }
