"""The page of photos as a browser shows it: both sides as pictures, and one going each way."""

from __future__ import annotations

from typing import Any

import pytest

from processor import visit
from tests.web.house import ACME
from tests.web.test_in_a_browser import chromium, window  # noqa: F401  (a fixture)
from tests.web.test_portal_photos import Gallery, gallery, picture  # noqa: F401  (a fixture)
from tests.whole.world import until

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", [360, 1200])
def test_a_photo_goes_each_way_before_your_eyes(gallery: Gallery, chromium: Any, width: int) -> None:  # noqa: F811
    """Pictures are drawn from our own host only, the page follows the work by itself, nothing goes wrong."""
    gallery.hand("beach.png", picture(1))
    gallery.put_there("poster.png", picture(2))
    with window(chromium, gallery.place, width=width) as w:
        w.page.goto(visit.make_link(gallery.place.kit, ACME).url)
        w.page.get_by_role("link", name="Photos", exact=True).click()
        w.heading("Photos")
        w.looked_at("40-photos")
        w.press("Look now")
        w.page.get_by_role("button", name="Bring here poster.png").wait_for(timeout=15_000)
        w.press("Send to Mailchimp beach.png")
        w.page.get_by_text("Up to date").wait_for(timeout=15_000)
        w.press("Bring here poster.png")
        w.page.get_by_text("Everything that Mailchimp has is here too").wait_for(timeout=15_000)
        w.page.locator(".state.green").nth(1).wait_for(timeout=15_000)
        drawn = "[...document.images].every(i => i.complete && i.naturalWidth > 0) && document.images.length"
        assert until(lambda: w.page.evaluate(drawn)) == 2
        w.looked_at("41-photos-both")
    assert gallery.there() == ["poster.png", "beach.png"] or gallery.there() == ["beach.png", "poster.png"]
