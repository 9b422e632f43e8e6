"""The portal's page of photos: both sides seen, sent, brought, and every refusal in words."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from processor.photos.keep import Handed, keep
from processor.store import connections, photos
from sandbox.control import Control
from sandbox.server import Running as Sandbox
from tests.web.browser import Person, text_of
from tests.web.house import ACME, BIRCH, Place, make_connection, open_place
from tests.web.test_connections import granted
from tests.whole.world import until
from workers.threads import working


def picture(colour: int = 90, size: tuple[int, int] = (320, 200)) -> bytes:
    """A small picture; another colour is another content."""
    packet = io.BytesIO()
    Image.new("RGB", size, (colour, 10, 120)).save(packet, "PNG")
    return packet.getvalue()


@dataclass
class Gallery:
    """A connected account whose photos are to be seen."""

    place: Place
    connection_id: str

    @property
    def here(self) -> str:
        return f"/portal/connections/{self.connection_id}/photos"

    def hand(self, name: str, data: bytes, **handed: Any) -> str:
        """Hand a photo over as the platform does."""
        return keep(self.place.kit, ACME, Handed(name, **handed), iter([data])).photo.id

    def state(self, photo_id: str) -> str:
        with self.place.house.store.read() as c:
            found = photos.get(c, photo_id)
        assert found is not None
        return found.state

    def put_there(self, name: str, data: bytes) -> None:
        """Put a picture into Mailchimp as the marketer does, on the sandbox's page."""
        account = self.place.control.accounts()[0]["id"]
        answer = httpx.post(
            f"{self.place.control.url}/accounts/{account}/gallery", files={"file": (name, data)}
        )
        assert answer.status_code == 303, answer.text

    def there(self) -> list[str]:
        """The names that stand on the sandbox's page of pictures."""
        account = self.place.control.accounts()[0]["id"]
        page = httpx.get(f"{self.place.control.url}/accounts/{account}/gallery").text
        return re.findall(r"[\w.-]+\.(?:png|jpg)(?=<)", page)


@pytest.fixture
def gallery(tmp_path: Path, sandbox: Sandbox, control: Control) -> Iterator[Gallery]:
    """The web process and its workers, with a connection that works."""
    with open_place(tmp_path, sandbox.url, control, tick_seconds=0.2, worker_threads=4) as place:
        connection_id, audience, _ = granted(place, control)
        with place.house.store.write() as c:
            connections.update(
                c, connection_id, place.kit.now(), state="in_sync", audience_id=audience, audience_name="News"
            )
        with working(place.house):
            yield Gallery(place, connection_id)


def test_a_photo_goes_each_way_by_pressing_a_button(gallery: Gallery) -> None:
    """What is sent appears in Mailchimp's gallery; what was put there by hand comes here; both are shown, and
    the browser asks nobody but us."""
    person = Person(gallery.place.kit, gallery.place.url).enters()
    photo = gallery.hand("beach.png", picture(1))
    page = person.gets(gallery.here)
    assert "Here only" in text_of(page)
    person.presses(page, "Send to Mailchimp beach.png")
    until(lambda: gallery.there() == ["beach.png"])
    gallery.put_there("poster.png", picture(2))
    person.presses(person.gets(gallery.here), "Look now")
    until(lambda: "Bring here" in text_of(person.gets(gallery.here)))
    page = person.gets(gallery.here)
    sources = re.findall(r'<img src="([^"]+)"', page.text)
    assert len(sources) == 2
    for source in sources:
        assert source.startswith("/portal/")
        shown = person.gets(source)
        assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")
    person.presses(page, "Bring here poster.png")
    until(lambda: "Everything that Mailchimp has is here too" in text_of(person.gets(gallery.here)))
    until(lambda: gallery.state(photo) == "in_sync")
    until(lambda: text_of(person.gets(gallery.here)).count("Up to date") == 2)
    person.close()


def test_refusals_are_told_with_what_to_do(gallery: Gallery) -> None:
    """In Mailchimp's words where they are Mailchimp's."""
    person = Person(gallery.place.kit, gallery.place.url).enters()
    detail = "Your storage is full. Upgrade your plan."
    gallery.place.control.fail(400, path="/file-manager/files", method="POST", detail=detail, title="No room")
    photo = gallery.hand("beach.png", picture(3), push=True)
    until(lambda: gallery.state(photo) == "failing")
    told = text_of(person.gets(gallery.here))
    assert "Mailchimp has no room for photos" in told
    assert detail in told
    gallery.place.control.mend()
    person.presses(person.gets(gallery.here), "Send to Mailchimp beach.png")
    until(lambda: gallery.state(photo) == "in_sync")
    person.close()


def test_the_rules_are_set_in_a_form(gallery: Gallery) -> None:
    """And what is no number of minutes is said to be none."""
    person = Person(gallery.place.kit, gallery.place.url).enters()
    page = person.gets(gallery.here)
    done = person.presses(page, "Save", folder="Shop & Co", push_at_once="1", replace=None, look_minutes="15")
    assert "Saved." in text_of(done)
    assert 'value="Shop &amp; Co"' in done.text
    photo = gallery.hand("beach.png", picture(4))
    until(lambda: gallery.state(photo) == "in_sync")
    wrong = person.presses(person.gets(gallery.here), "Save", look_minutes="often")
    assert (wrong.status_code, "how many minutes" in text_of(wrong)) == (422, True)
    person.close()


def test_nobody_sees_another_accounts_photos(gallery: Gallery) -> None:
    """Neither by the page, nor by the picture's own address, nor by sending it."""
    photo = gallery.hand("beach.png", picture(5))
    other = make_connection(gallery.place.house, BIRCH, audience_id="b")
    person = Person(gallery.place.kit, gallery.place.url).enters(BIRCH)
    for path in (gallery.here, f"{gallery.here}/{photo}/picture", f"{gallery.here}/there/1"):
        assert person.gets(path).status_code == 404
    theirs = f"/portal/connections/{other}/photos"
    assert person.gets(f"{theirs}/{photo}/picture").status_code == 404
    page = person.gets(theirs)
    sent = person.http.post(
        f"{gallery.place.url}{theirs}/send",
        data={"csrf": re.findall(r'name="csrf" value="([^"]+)"', page.text)[0], "photo": photo},
    )
    assert sent.status_code == 404
    assert gallery.state(photo) == "excluded"
    person.close()
