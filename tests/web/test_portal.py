"""The way into the portal, and the fences around it: links, sessions, frames, forms, tenants."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from processor import connect, uninstall, visit
from processor.config import Settings
from processor.domain.connection import ConnectionState
from processor.web.portal.standing import COLOURS
from tests.web.browser import Person, form_with, forms_of, text_of, title_of
from tests.web.house import ACME, BIRCH, Api, Clock, Place, make_connection, make_settings, open_api

SHOP = "https://app.maple-street.test"
HTTPS = {"public_url": "https://sync.maple-street.test"}
IN_A_FRAME = {"Sec-Fetch-Dest": "iframe"}


@pytest.fixture
def person(place: Place) -> Iterator[Person]:
    """Somebody with a browser, not let in yet."""
    made = Person(place.kit, place.url)
    yield made
    made.close()


def path_of(link: str) -> str:
    """The link without its host."""
    return "/portal" + link.partition("/portal")[2]


def cookie_of(answer: object) -> dict[str, str]:
    """The cookie that an answer sets, as what the browser brings next time."""
    said = answer.headers["set-cookie"]  # type: ignore[attr-defined]
    return {"Cookie": str(said.partition(";")[0])}


def test_the_platform_asks_for_a_link_to_its_own_account_only(api: Api) -> None:
    """A key for all accounts or for this one; the answer says until when."""
    path = f"/v1/accounts/{ACME}/portal-links"
    for key in (api.key, api.acme_key):
        made = api.call("POST", path, key=key)
        assert made.status_code == 201
        assert made.json()["url"].startswith("http://127.0.0.1:8000/portal?link=")
        assert made.json()["expires_at"] == "2026-09-01T12:15:00Z"
    assert api.call("POST", path, key=api.birch_key).status_code == 404
    assert api.call("POST", path, key="").status_code == 401


def test_a_link_lets_one_browser_in_once(person: Person, place: Place) -> None:
    """The second browser is told, and what to do; so is whoever makes one up."""
    link = visit.make_link(place.kit, ACME).url
    assert person.http.get(link).headers["location"] == "/portal"
    assert title_of(person.gets("/portal")) == "Connect Mailchimp"
    other = Person(place.kit, place.url)
    for bad in (link, "/portal?link=made-up", "/portal?link="):
        answer = other.gets(bad)
        assert answer.status_code == 410
        assert "works once, for 15 minutes" in text_of(answer)
        assert "Open it again from the platform" in text_of(answer)
    assert other.gets("/portal").status_code == 403
    other.close()
    again = person.gets(link)
    assert again.status_code == 410
    assert f"Go on as {ACME}" in text_of(again)


def test_whoever_only_looks_at_a_link_does_not_use_it_up(person: Person, place: Place) -> None:
    """HEAD, and what a browser fetches before anybody clicked."""
    link = visit.make_link(place.kit, ACME).url
    assert person.http.head(link).status_code == 200
    for header in (
        {"Sec-Purpose": "prefetch"},
        {"Sec-Purpose": "prefetch;prerender"},
        {"Purpose": "prefetch"},
    ):
        answer = person.http.get(link, headers=header)
        assert answer.status_code == 503
        assert "set-cookie" not in answer.headers
    assert person.http.get(link).status_code == 303


def test_links_and_visits_end_by_themselves(api: Api, clock: Clock) -> None:
    """A link after a quarter of an hour, a visit after eight hours however busy; nothing of it is kept."""
    late = path_of(visit.make_link(api.kit, ACME).url)
    clock.pass_seconds(15 * 60)
    assert api.call("GET", late, key="").status_code == 410
    came = api.call("GET", path_of(visit.make_link(api.kit, ACME).url), key="")
    brought = cookie_of(came)
    clock.pass_seconds(8 * 3600 - 1)
    assert api.call("GET", "/portal/connect", key="", headers=brought).status_code == 200
    clock.pass_seconds(1)
    over = api.call("GET", "/portal/connect", key="", headers=brought)
    assert over.status_code == 403
    assert "more than eight hours ago" in text_of(over)
    assert visit.visitor(api.kit, brought["Cookie"].partition("=")[2]) is None


def test_leaving_closes_the_pages_in_this_browser(person: Person) -> None:
    """The cookie that is left opens nothing, even where somebody has copied it."""
    page = person.enters().gets("/portal/connect")
    copied = dict(person.http.cookies)
    left = person.presses(page, "Leave these pages")
    assert "closed in this browser now" in text_of(left)
    copy = Person(person.kit, person.url, cookies=copied)
    assert copy.gets("/portal").status_code == 403
    copy.close()


def test_the_cookie_is_shut(person: Person, place: Place) -> None:
    """No script reads it, no other site sends it; over https it is this very host's."""
    cookie = person.http.get(visit.make_link(place.kit, ACME).url).headers["set-cookie"]
    assert cookie.startswith("bothways-portal=")
    assert cookie.endswith("; Path=/; Max-Age=28800; HttpOnly; SameSite=Lax")


def test_the_cookie_over_https(tmp_path: Path) -> None:
    """`__Host-`; and where pages may frame the portal, one that a browser sends from within their frame."""
    with open_api(tmp_path / "a", Clock(), **HTTPS) as api:
        plain = api.call("GET", path_of(visit.make_link(api.kit, ACME).url), key="").headers["set-cookie"]
    assert plain.startswith("__Host-bothways-portal=")
    assert plain.endswith("; HttpOnly; Secure; SameSite=Lax")
    with open_api(tmp_path / "b", Clock(), frame_origins=SHOP, **HTTPS) as api:
        framed = api.call("GET", path_of(visit.make_link(api.kit, ACME).url), key="").headers["set-cookie"]
    assert framed.endswith("; HttpOnly; Secure; SameSite=None; Partitioned")


def test_only_named_origins_may_frame_the_portal_and_nothing_else(tmp_path: Path) -> None:
    """The portal's own pages; the connect page stays shut, and so does everything without the setting."""
    for origins, wanted in (("", "'none'"), (f"{SHOP}, https://b.test:8443/", f"{SHOP} https://b.test:8443")):
        with open_api(tmp_path / str(len(origins)), Clock(), frame_origins=origins, **HTTPS) as api:
            came = api.call("GET", path_of(visit.make_link(api.kit, ACME).url), key="")
            inside = api.call("GET", "/portal/connect", key="", headers=cookie_of(came))
            outside = api.call("GET", "/portal", key="")
            link = connect.make_link(api.kit, ACME).partition(".test")[2]
            connecting = api.call("GET", link, key="")
        for page in (inside, outside):
            assert page.headers["content-security-policy"].endswith(f"frame-ancestors {wanted}")
        assert connecting.headers["content-security-policy"].endswith("frame-ancestors 'none'")


@pytest.mark.parametrize(
    "origins",
    ["http://app.test", "https://app.test/path", "app.test", "https://a.test b.test", "https://a;x", "*"],
)
def test_frame_origins_that_are_none_are_refused_with_a_remedy(
    origins: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that could end a part of the policy gets into it."""
    from processor import config
    from processor.errors import ConfigError

    monkeypatch.setenv("FRAME_ORIGINS", origins)
    with pytest.raises(ConfigError) as told:
        config.load(config.Role.TOOL, secret_key="x" * 40, data_dir=tmp_path)
    assert "FRAME_ORIGINS: write each as https://host" in str(told.value)
    assert origins not in str(told.value)
    assert isinstance(make_settings(tmp_path), Settings)


def test_a_frame_whose_cookie_does_not_come_back_says_how_to_go_on(person: Person, place: Place) -> None:
    """The browser keeps the page from remembering: a link for a tab of its own, which works."""
    link = visit.make_link(place.kit, ACME).url
    came = person.http.get(link, headers=IN_A_FRAME)
    where = came.headers["location"]
    forgetful = Person(place.kit, place.url)
    shut = forgetful.gets(where, **IN_A_FRAME)
    assert shut.status_code == 403
    assert "inside another site" in text_of(shut)
    (tab,) = re.findall(r'<a class="button" href="([^"]+)" target="_blank" rel="noopener"', shut.text)
    assert title_of(forgetful.gets(tab)) == "Connect Mailchimp"
    forgetful.close()


def test_a_frame_whose_cookie_comes_back_needs_no_second_link(person: Person, place: Place) -> None:
    """It is used up at once, so that nobody finds it in the address."""
    came = person.http.get(visit.make_link(place.kit, ACME).url, headers=IN_A_FRAME)
    where = came.headers["location"]
    assert title_of(person.gets(where, **IN_A_FRAME)) == "Connect Mailchimp"
    spare = where.partition("tab=")[2]
    assert person.gets(f"/portal?link={spare}").status_code == 410


def test_the_sign_in_leaves_the_frame(person: Person, place: Place) -> None:
    """Mailchimp does not run in a frame: a link for a tab of its own, and the frame goes on by itself."""
    account = place.control.account("Maple Street")
    page = person.enters().gets("/portal/connect", **IN_A_FRAME)
    form = dict(form_with(page, "Connect Mailchimp").values)
    answer = person.http.post(f"{place.url}/portal/connect", data=form, headers=IN_A_FRAME)
    (link,) = re.findall(r'href="([^"]+/connect\?link=[^"]+)" target="_blank" rel="noopener"', answer.text)
    (poll,) = re.findall(r'hx-get="([^"]+)"', answer.text)
    waiting = {"HX-Request": "true", **IN_A_FRAME}
    assert person.gets(poll, **waiting).status_code == 204
    tab = Person(place.kit, place.url)
    tab.gets(tab.signs_in(tab.presses(tab.gets(link), "Go to Mailchimp"), account.id))
    tab.close()
    assert person.gets(poll, **waiting).headers["hx-redirect"].endswith("/setup")


def test_a_form_of_another_session_or_site_changes_nothing(person: Person, place: Place) -> None:
    """Words, and nothing done: a form without the session's token, with another's, or of another site."""
    connection = make_connection(place.house, audience_id="a", state="in_sync")
    url = f"/portal/connections/{connection}/disconnect"
    theirs = Person(place.kit, place.url)
    foreign = dict(form_with(theirs.enters(BIRCH).gets("/portal/connect"), "Connect Mailchimp").values)
    theirs.close()
    mine = dict(forms_of(person.enters().gets("/portal/connect"))[0].values)
    for form, headers in (
        ({"x": "1"}, {}),
        (foreign, {}),
        ({"csrf": "ü"}, {}),
        (mine, {"Sec-Fetch-Site": "cross-site"}),
    ):
        answer = person.http.post(place.url + url, data=form, headers=headers)
        assert answer.status_code == 403
        assert "Nothing has been changed." in text_of(answer)
    person.enters()  # a new session in the same browser makes the old form stale
    assert person.http.post(place.url + url, data=mine).status_code == 403
    assert person.http.post(place.url + url, json=mine).status_code == 422
    with place.house.store.read() as c:
        from processor.store import connections

        row = connections.get(c, connection)
    assert row is not None
    assert row.state == ConnectionState.IN_SYNC


PAGES = (
    "",
    "/setup",
    "/setup/findings",
    "/setup/value",
    "/preview",
    "/preview.csv",
    "/sync",
    "/contacts",
    "/disconnect",
)
ACTS = (
    "/setup",
    "/setup/fields",
    "/preview",
    "/sync",
    "/pause",
    "/resume",
    "/cancel",
    "/retry",
    "/reconnect",
    "/disconnect",
)


def test_an_account_reaches_its_own_only(person: Person, place: Place) -> None:
    """Each page, each form and each receipt of another account is not there, as if it never had been."""
    theirs = make_connection(place.house, BIRCH, audience_id="a", state="in_sync")
    gone = make_connection(place.house, BIRCH)
    receipt = uninstall.uninstall(place.kit, gone)
    form = dict(forms_of(person.enters().gets("/portal/connect"))[0].values)
    for path in PAGES:
        for connection in (theirs, "con_nobody"):
            assert person.gets(f"/portal/connections/{connection}{path}").status_code == 404, path
    for path in ACTS:
        answer = person.http.post(f"{place.url}/portal/connections/{theirs}{path}", data=form)
        assert answer.status_code == 404, path
    owner = Person(place.kit, place.url).enters(BIRCH)
    for path in (f"/portal/receipts/{receipt.id}", f"/portal/receipts/{receipt.id}.json"):
        assert person.gets(path).status_code == 404
        assert owner.gets(path).status_code == 200
    owner.close()
    nobody = Person(place.kit, place.url)
    for path in PAGES:
        assert nobody.gets(f"/portal/connections/{theirs}{path}").status_code == 403
    nobody.close()


def test_a_line_break_in_an_address_is_nobodys(person: Person, place: Place) -> None:
    """The router passes over one at the end of an address; the door does not."""
    connection = make_connection(place.house, audience_id="a")
    assert person.enters().gets(f"/portal/connections/{connection}%0A").status_code == 404


def test_pages_are_shut_to_other_hosts(person: Person) -> None:
    """Scripts and styles from this host only, none inline; nothing cached."""
    page = person.enters().gets("/portal/connect")
    policy = page.headers["content-security-policy"]
    for part in (
        "default-src 'none'",
        "script-src 'self';",
        "style-src 'self';",
        "connect-src 'self';",
        "base-uri 'none'",
    ):
        assert part in policy
    assert page.headers["cache-control"] == "no-store"
    assert not re.findall(r"<script(?![^>]*\ssrc=)", page.text)
    assert not re.findall(r"\sstyle=|<style|\son\w+=", page.text)
    for path in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert path.startswith(("/", "#"))
        if path.startswith("/static/"):
            assert person.gets(path).status_code == 200


def test_every_state_has_a_colour() -> None:
    """And says who must act beside it."""
    assert set(COLOURS) == set(ConnectionState)
    assert all(colour.says for colour in COLOURS.values())
