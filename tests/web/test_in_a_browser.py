"""The customer's way as a browser shows it: on a phone and on a desk, by keyboard, with and without scripts,
to whoever listens to it."""

from __future__ import annotations

import html
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from processor import connect, contacts, visit
from processor.domain.contact import Consent, ConsentStatus
from processor.domain.edit import ContactPatch
from processor.domain.plan import MemberState
from processor.kit import utc_now
from processor.seals import token_bind
from processor.store import conflicts, connections
from processor.store.conflicts import ConflictRow
from processor.web.server import Running as Web
from sandbox.control import Control
from sandbox.server import Running as Sandbox
from tests.web.house import ACME, Place, make_connection, open_place, stand
from workers.threads import working

pytestmark = pytest.mark.browser

CHROMIUM = os.environ.get("BOTHWAYS_TEST_CHROMIUM", "/usr/bin/chromium")
PICTURES = os.environ.get("BOTHWAYS_TEST_PICTURES")
"""Where to leave screenshots, for people."""
LONG = "Newsletter of-all-the-branches-whose-names-are-one-word-too-long"
SERIOUS = {"serious", "critical"}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A Chromium."""
    sync_api = pytest.importorskip("playwright.sync_api")
    if not os.path.exists(CHROMIUM):
        pytest.skip(f"there is no Chromium at {CHROMIUM}")
    with sync_api.sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Window:
    """A window of a browser, and everything in it that nobody should see: errors, and other hosts."""

    page: Any
    name: str
    hosts: set[str]
    errors: list[str] = field(default_factory=list)

    def listen(self) -> None:
        """Write down every error and every request to a host that is neither ours nor Mailchimp's."""
        self.page.on("console", lambda said: self.errors.append(said.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._asked)

    def _asked(self, request: Any) -> None:
        if urlsplit(request.url).netloc not in self.hosts:
            self.errors.append(f"asked {request.url}")

    def heading(self, text: str) -> None:
        """Wait until the page has this heading."""
        self.page.get_by_role("heading", level=1, name=text, exact=True).wait_for(timeout=20_000)

    def press(self, text: str) -> None:
        """Press a button or follow a link."""
        found = self.page.get_by_role("button", name=text, exact=True)
        (found if found.count() else self.page.get_by_role("link", name=text, exact=True)).first.click()

    def looked_at(self, name: str) -> None:
        """Check the page for whoever reads it with other means, and for its width; leave a picture."""
        from axe_playwright_python.sync_playwright import Axe

        if PICTURES:
            self.page.screenshot(path=f"{PICTURES}/{name}-{self.name}.png", full_page=True)
        width = self.page.viewport_size["width"]
        assert self.page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} is too wide"
        found = Axe().run(self.page).response["violations"]
        bad = [(v["id"], [n["target"] for n in v["nodes"]]) for v in found if v["impact"] in SERIOUS]
        assert bad == [], f"{name}: {bad}"


@contextmanager
def window(chromium: Any, place: Place, *, width: int = 1200, **options: Any) -> Iterator[Window]:
    """Open a window of this width; at the end nothing may have gone wrong in it."""
    context = chromium.new_context(viewport={"width": width, "height": 740}, **options)
    hosts = {urlsplit(url).netloc for url in (place.url, place.control.url)}
    made = Window(context.new_page(), str(width), hosts)
    made.listen()
    yield made
    context.close()
    assert made.errors == []


@pytest.fixture
def place(tmp_path: Path, sandbox: Sandbox, control: Control) -> Iterator[Place]:
    """The web process and its workers, over real HTTP."""
    settings = {"tick_seconds": 0.2, "worker_threads": 4}
    with open_place(tmp_path, sandbox.url, control, **settings) as made, working(made.house):
        yield made


def write(
    place: Place, contact_id: str, *, agreed: bool = True, email: str | None = None, **fields: Any
) -> None:
    """Write a contact as the platform does."""
    consent = Consent(ConsentStatus.SUBSCRIBED, utc_now(), "checkout") if agreed else Consent()
    email = email or f"{contact_id}@maple-street.test"
    contacts.put(place.kit, ACME, contact_id, ContactPatch(email=email, fields=fields, consent=consent))


def people(place: Place) -> str:
    """Put people on both sides; return the Mailchimp account."""
    account = place.control.account("Maple Street Photography and Framing")
    fields = [
        {"tag": "CITY", "name": "City", "type": "text"},
        {"tag": "SIZE", "name": "Size", "type": "dropdown", "options": {"choices": ["S", "M", "L"]}},
    ]
    place.control.audience(account.id, LONG)
    news = place.control.audience(account.id, "News", merge_fields=fields)
    there = [
        {"email_address": f"p{n}@birch-lane.test", "merge_fields": {"FNAME": f"P{n}"}} for n in range(12)
    ]
    there[0]["status"] = "unsubscribed"
    there.append({"email_address": "jo@maple-street.test", "merge_fields": {"FNAME": "Jo", "CITY": "Leeds"}})
    place.control.put_members(news.id, there)
    write(place, "jo", first_name="Joanna", city="Leeds", size="M")
    write(place, "kim", first_name="Kim")
    write(place, "lee", email="lee@example.com", first_name="Lee")
    write(place, "max", agreed=False, first_name="Max")
    return account.id


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (360, "dark")])
def test_the_whole_way(place: Place, chromium: Any, width: int, scheme: str) -> None:
    """Connect, set up, preview, start, watch, look at who needs it, pause, disconnect, and the receipt."""
    people(place)
    with window(chromium, place, width=width, color_scheme=scheme) as w:
        w.page.goto(visit.make_link(place.kit, ACME).url)
        w.heading("Connect Mailchimp")
        w.looked_at("1-connect")
        w.press("Connect Mailchimp")
        w.press("Allow")
        w.heading("Set-up")
        w.looked_at("2-set-up-empty")
        w.page.get_by_role("radio", name="News 12").check()
        w.page.get_by_role("row", name="City").wait_for()
        row = w.page.get_by_role("row", name="City")
        assert row.get_by_role("combobox", name="Platform field for City").input_value() == "city"
        assert "Leeds" in row.inner_text()
        row.get_by_role("combobox", name="Platform field for City").select_option("size")
        row.get_by_text("M", exact=True).wait_for()
        row.get_by_role("combobox", name="Platform field for City").select_option("city")
        w.looked_at("3-set-up")
        w.press("Save and go on to the preview")
        w.heading("Preview")
        w.looked_at("4-preview-before")
        w.press("Make a preview")
        w.page.get_by_role("heading", name="Start the first sync").wait_for(timeout=20_000)
        w.looked_at("5-preview")
        with w.page.expect_download() as file:
            w.press("Download the whole list as CSV")
        assert "kim@maple-street.test" in Path(file.value.path()).read_text()
        w.press("Start first sync")
        w.heading("First sync")
        w.looked_at("6-first-sync")
        w.page.get_by_role("link", name="Go to the overview").wait_for(timeout=20_000)
        w.looked_at("7-first-sync-done")
        w.press("Go to the overview")
        w.heading("News")
        w.looked_at("8-overview")
        w.page.get_by_role("heading", name="Needs your attention").wait_for(timeout=20_000)
        w.page.get_by_text("lee@example.com").first.wait_for()
        w.looked_at("8-overview-with-an-issue")
        w.press("Contacts")
        w.heading("Contacts that need a look")
        w.looked_at("9-contacts")
        w.press("Overview")
        w.press("Pause")
        w.page.get_by_text("Paused. Whatever changes meanwhile is kept.").wait_for()
        w.looked_at("10-paused")
        w.press("Go on")
        w.page.get_by_text("Going on.").wait_for()
        w.press("Set-up")
        w.heading("Set-up")
        w.page.get_by_role("heading", name="What stands in the way").wait_for()
        w.looked_at("11-set-up-later")
        w.press("Disconnect")
        w.heading("Disconnect Mailchimp")
        w.looked_at("12-disconnect")
        w.press("Disconnect Mailchimp")
        w.heading("Disconnected")
        w.looked_at("13-receipt")
        w.page.goto(f"{place.url}/portal")
        w.heading("Your Mailchimp connections")
        w.looked_at("14-first")
        w.press("Leave these pages")
        w.heading("You have left")
        w.looked_at("15-left")
    news = place.control.accounts()[0]["lists"][1]
    left = place.control.member(news, "p0@birch-lane.test")
    assert left is not None
    assert left["status"] == "unsubscribed"


@pytest.mark.parametrize(("width", "scheme"), [(1200, "dark"), (360, "light")])
def test_by_keyboard_and_without_scripts(place: Place, chromium: Any, width: int, scheme: str) -> None:
    """From the platform's link to the first sync with the keys alone."""
    people(place)
    with window(chromium, place, width=width, color_scheme=scheme, java_script_enabled=False) as w:
        page = w.page
        page.goto(connect.make_link(place.kit, ACME))
        w.heading("Connect Mailchimp")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Allow").press("Enter")
        w.heading("Set-up")
        page.get_by_role("radio", name="News 12").press("Space")
        page.get_by_role("button", name="Show the fields of this audience").press("Enter")
        page.get_by_role("row", name="City").wait_for()
        page.get_by_role("button", name="Save and go on to the preview").press("Enter")
        w.heading("Preview")
        page.get_by_role("button", name="Make a preview").press("Enter")
        start = page.get_by_role("button", name="Start first sync")
        for _ in range(20):
            if start.count():
                break
            page.wait_for_timeout(300)  # the page loads itself anew for those who wait
            page.reload()
        start.press("Enter")
        w.heading("First sync")
        fits(w)


def fits(w: Window) -> None:
    """Fail where the page is wider than the screen; measured without scripts of its own."""
    box = w.page.locator("main").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= w.page.viewport_size["width"]


@pytest.mark.parametrize("width", [1200, 360])
def test_pages_that_ask_for_somebody(place: Place, chromium: Any, width: int) -> None:
    """What stopped, what is wrong with a form, who is left out: each readable, and never by colour alone."""
    account = people(place)
    news = place.control.accounts()[0]["lists"][1]
    connection_id = make_connection(place.house, mailchimp_account=account, api_base=place.control.url)
    token = place.kit.sealer.seal(place.control.token(account), token_bind(connection_id))
    here = f"{place.url}/portal/connections/{connection_id}"
    brake = {"what": "unsubscribe", "where": "here", "found": 210, "of": 1000, "run": None, "sweep": "x"}
    detail = "Going on would unsubscribe 210 of 1,000 contacts here, since Mailchimp says that they left."
    set_up = {"audience_id": news, "audience_name": "News", "token_sealed": token}
    with window(chromium, place, width=width) as w:
        w.page.goto(visit.make_link(place.kit, ACME).url)
        change(place, connection_id, state="reconnect", problem_code="reconnect", **set_up)
        w.page.goto(here)
        w.page.get_by_role("button", name="Reconnect Mailchimp").wait_for()
        w.looked_at("20-reconnect")
        stopped = {"state": "paused", "problem_code": "brake", "problem_detail": detail}
        change(place, connection_id, **stopped, brake=brake, paused_at=utc_now())
        w.page.goto(here)
        w.page.get_by_role("button", name="Go on with these changes").wait_for()
        w.looked_at("21-brake")
        stand(place.house, connection_id, "max", state=MemberState.EXCLUDED, reason="no_consent")
        w.page.goto(f"{here}/contacts?state=excluded")
        w.looked_at("22-left-out")
        contacts.put(
            place.kit, ACME, "kim", ContactPatch(email="kim@maple-street.test", fields={"city": "A"})
        )
        with place.house.store.write() as c:
            found = ConflictRow(ACME, connection_id, "kim", "city", "A", "B", "platform", utc_now())
            conflicts.note(c, [found])
        for name, path in (("22-contact", "contact?id=kim"), ("22-conflicts", "conflicts")):
            w.page.goto(f"{here}/{path}")
            w.page.get_by_role("button", name="Use the other value: B").wait_for()
            w.looked_at(name)
        change(place, connection_id, state="setup", problem_code=None, problem_detail=None)
        w.page.goto(f"{here}/setup")
        w.page.get_by_role("radio", name="Our subscribers have agreed").check()
        w.press("Save and go on to the preview")
        w.page.get_by_role("alert").wait_for()
        w.looked_at("23-set-up-wrong")
        w.page.goto(f"{place.url}/portal/connections/con_nobody")
        w.heading("There is nothing here")
        w.looked_at("24-nothing-here")
        w.page.goto(connect.make_link(place.kit, ACME))
        w.looked_at("25-connect-link")
        w.page.goto(f"{place.url}/connect?link=old")
        w.looked_at("26-old-connect-link")
        w.page.goto(f"{place.url}/portal?link=old")
        w.looked_at("27-old-portal-link")
        w.page.context.clear_cookies()
        w.page.goto(f"{place.url}/portal")
        w.looked_at("28-outside")
        # A refusal is told in the console as well; nothing else is.
        w.errors = [said for said in w.errors if "status of 4" not in said]


def change(place: Place, connection_id: str, **columns: Any) -> None:
    """Let a connection stand in this way."""
    with place.house.store.write() as c:
        connections.update(c, connection_id, place.kit.now(), **columns)


async def _shop(request: Request) -> HTMLResponse:
    """The page of a shop that shows the portal in a frame."""
    frame = html.escape(request.query_params["frame"])
    head = '<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Shop</title>'
    text = f'{head}<iframe title="Mailchimp" src="{frame}"></iframe>'
    return HTMLResponse(text)


@dataclass
class Framed:
    """An installation, and a shop that may show its portal in a frame."""

    place: Place
    port: int

    def page(self, host: str, link: str) -> str:
        """Return the address of the shop's page, under a host of this machine."""
        return f"http://{host}:{self.port}/?{urlencode({'frame': link})}"


@pytest.fixture
def framed(tmp_path: Path, sandbox: Sandbox, control: Control) -> Iterator[Framed]:
    """127.0.0.1 is the portal's own site, as a shop's subdomain would be; localhost is another one."""
    with ExitStack() as stack:
        port = stack.enter_context(Web(Starlette(routes=[Route("/", _shop)]))).port
        origins = f"http://127.0.0.1:{port},http://localhost:{port}"
        place = stack.enter_context(open_place(tmp_path, sandbox.url, control, frame_origins=origins))
        yield Framed(place, port)


def test_in_a_frame_the_sign_in_takes_a_tab_of_its_own(framed: Framed, chromium: Any) -> None:
    """The frame waits meanwhile, and goes on by itself when Mailchimp is connected."""
    place = framed.place
    people(place)
    with window(chromium, place) as w:
        w.hosts.add(f"127.0.0.1:{framed.port}")
        w.page.goto(framed.page("127.0.0.1", visit.make_link(place.kit, ACME).url))
        frame = w.page.frame_locator("iframe")
        frame.get_by_role("button", name="Connect Mailchimp").click()
        with w.page.expect_popup() as opened:
            frame.get_by_role("link", name="Open the sign-in in a new tab").click()
        tab = opened.value
        tab.get_by_role("button", name="Go to Mailchimp").click()
        tab.get_by_role("button", name="Allow").click()
        tab.get_by_role("heading", level=1, name="Set-up").wait_for()
        frame.get_by_role("heading", level=1, name="Set-up").wait_for(timeout=15_000)


def test_a_browser_that_keeps_no_cookie_in_a_frame_opens_a_tab(framed: Framed, chromium: Any) -> None:
    """Another site's frame: the page says why it is closed there, and its one link works."""
    place = framed.place
    with window(chromium, place) as w:
        w.hosts.add(f"localhost:{framed.port}")
        w.page.goto(framed.page("localhost", visit.make_link(place.kit, ACME).url))
        frame = w.page.frame_locator("iframe")
        frame.get_by_role("heading", level=1, name="Your browser closes these pages here").wait_for()
        if PICTURES:
            w.page.screenshot(path=f"{PICTURES}/30-frame.png")
        with w.page.expect_popup() as opened:
            frame.get_by_role("link", name="Open in a tab of its own").click()
        opened.value.get_by_role("heading", level=1, name="Connect Mailchimp").wait_for()
        w.errors = [said for said in w.errors if "status of 403" not in said]


def test_a_shop_that_is_not_named_shows_nothing(place: Place, chromium: Any) -> None:
    """Its frame stays empty, and the browser says why."""
    with Web(Starlette(routes=[Route("/", _shop)])) as shop, window(chromium, place) as w:
        w.hosts.add(f"127.0.0.1:{shop.port}")
        link = visit.make_link(place.kit, ACME).url
        w.page.goto(f"{shop.url}/?{urlencode({'frame': link})}")
        assert w.page.frame_locator("iframe").get_by_role("heading").count() == 0
        assert any("frame-ancestors" in said for said in w.errors)
        w.errors.clear()
