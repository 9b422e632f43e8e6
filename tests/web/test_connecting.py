"""Connecting Mailchimp by a link: the page, the sign-in, the way into the portal; and what goes wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from processor import connect, report
from processor.store import connections
from sandbox.control import Control
from sandbox.server import Running as Sandbox
from tests.web.browser import Person, forms_of, text_of, title_of
from tests.web.house import ACME, Clock, Place, open_api, open_place

MAPLE = "Maple & <Sons>"


@pytest.fixture
def maple(place: Place) -> str:
    """A Mailchimp account with one audience."""
    account = place.control.account(MAPLE)
    place.control.audience(account.id, "News")
    return account.id


@pytest.fixture
def marketer(place: Place) -> Iterator[Person]:
    """The marketer, with nothing done yet."""
    made = Person(place.kit, place.url)
    yield made
    made.close()


def states(place: Place) -> list[str]:
    """The states of the account's connections."""
    return [one.state.value for one in report.connections_of(place.kit, ACME)]


def test_a_marketer_connects_and_comes_to_the_set_up(marketer: Person, place: Place, maple: str) -> None:
    """The page names the account and says what will happen; behind the sign-in the portal is open."""
    page = marketer.gets(connect.make_link(place.kit, ACME))
    assert page.status_code == 200
    said = text_of(page)
    assert f"connect Mailchimp for {ACME}" in said
    assert "never brings back anybody who left" in said
    assert states(place) == []
    sent = marketer.presses(page, "Go to Mailchimp")
    answer = marketer.http.get(marketer.signs_in(sent, maple))
    (one,) = report.connections_of(place.kit, ACME)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/portal/connections/{one.row.id}/setup"
    assert states(place) == ["setup"]
    assert marketer.gets("/portal").status_code == 200


def test_a_link_works_once(marketer: Person, place: Place) -> None:
    """The second time it says so, and what to do; nothing is sent to Mailchimp."""
    link = connect.make_link(place.kit, ACME)
    page = marketer.gets(link)
    assert marketer.presses(page, "Go to Mailchimp").status_code == 303
    again = marketer.presses(page, "Go to Mailchimp")
    for bad in (again, *(marketer.gets(path) for path in (link, "/connect?link=nonsense", "/connect"))):
        assert bad.status_code == 422
        assert "has been used or is too old" in text_of(bad)
        assert "click it again" in text_of(bad)


def test_looking_at_the_link_does_not_use_it_up(marketer: Person, place: Place) -> None:
    """Mail scanners look, and people load pages twice; whoever presses the button still gets through."""
    link = connect.make_link(place.kit, ACME)
    assert marketer.http.head(link).status_code == 200
    assert marketer.gets(link, **{"Sec-Purpose": "prefetch"}).status_code == 200
    page = marketer.gets(link)
    assert marketer.presses(page, "Go to Mailchimp").status_code == 303


def test_a_link_is_too_old_after_a_quarter_of_an_hour(tmp_path: Path) -> None:
    """As long as somebody needs to click it, and no longer."""
    clock = Clock()
    with open_api(tmp_path, clock) as api:
        link = connect.make_link(api.kit, ACME).partition("8000")[2]
        clock.pass_seconds(899)
        assert api.call("GET", link, key="").status_code == 200
        clock.pass_seconds(2)
        answer = api.call("GET", link, key="")
    assert answer.status_code == 422
    assert "too old" in text_of(answer)


def test_a_form_of_another_site_begins_nothing(marketer: Person, place: Place) -> None:
    """Nor does anything that is not our form; the link is still good."""
    link = connect.make_link(place.kit, ACME)
    sent = dict(forms_of(marketer.gets(link))[0].values)
    url = f"{place.url}/connect"
    cross = marketer.http.post(url, data=sent, headers={"Sec-Fetch-Site": "cross-site"})
    assert cross.status_code == 422
    assert "from another site" in text_of(cross)
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    for odd in (
        {"json": sent},
        {"files": {"link": b"x"}},
        {"content": b"x=1" * 90_000, "headers": kind},
        {"content": b"&x=1" * 2000, "headers": kind},
        {"content": b"\xff=%ff%00", "headers": kind},
    ):
        assert marketer.http.post(url, **odd).status_code == 422  # type: ignore[arg-type]
    assert marketer.http.post(url, data=sent).status_code == 303


def test_who_says_no_has_changed_nothing(marketer: Person, place: Place, maple: str) -> None:
    """Denied at Mailchimp: a page in words, and no connection."""
    sent = marketer.presses(marketer.gets(connect.make_link(place.kit, ACME)), "Go to Mailchimp")
    page = marketer.gets(marketer.signs_in(sent, maple, "deny"))
    assert page.status_code == 422
    assert "access was not allowed. Nothing has been changed." in text_of(page)
    assert states(place) == []


def test_an_answer_works_once_and_in_its_own_browser_only(marketer: Person, place: Place, maple: str) -> None:
    """A callback that is replayed, or that somebody else is lured into, connects and opens nothing."""
    sent = marketer.presses(marketer.gets(connect.make_link(place.kit, ACME)), "Go to Mailchimp")
    callback = marketer.signs_in(sent, maple)
    victim = Person(place.kit, place.url)
    lured = victim.gets(callback)
    victim.presses(victim.gets(connect.make_link(place.kit, "victim")), "Go to Mailchimp")
    lured_too = victim.gets(callback)
    for page in (lured, lured_too):
        assert page.status_code == 422
        assert "was started elsewhere" in text_of(page)
    assert victim.gets("/portal").status_code == 403
    victim.close()
    assert states(place) == []
    assert marketer.http.get(callback).status_code == 303
    assert marketer.http.get(callback).status_code == 422
    assert len(states(place)) == 1


def test_a_code_that_mailchimp_refuses_is_told(marketer: Person, place: Place, maple: str) -> None:
    """The sign-in was not accepted: start again, nothing changed."""
    sent = marketer.presses(marketer.gets(connect.make_link(place.kit, ACME)), "Go to Mailchimp")
    page = marketer.gets(re.sub(r"code=\w+", "code=wrong", marketer.signs_in(sent, maple)))
    assert page.status_code == 409
    assert "Mailchimp did not accept the sign-in" in text_of(page)
    assert states(place) == []


def test_a_login_host_that_does_not_answer_is_told(tmp_path: Path, control: Control) -> None:
    """Mailchimp is unreachable during the sign-in: try later, in words."""
    with Sandbox() as gone, open_place(tmp_path, gone.url, gone.control) as place:
        account = gone.control.account("Maple Street")
        marketer = Person(place.kit, place.url)
        sent = marketer.presses(marketer.gets(connect.make_link(place.kit, ACME)), "Go to Mailchimp")
        callback = marketer.signs_in(sent, account.id)
        gone.stop()
        page = marketer.gets(callback)
        marketer.close()
    assert page.status_code == 503
    assert "Mailchimp does not answer now" in text_of(page)


def test_connecting_again_goes_on_where_it_stopped(marketer: Person, place: Place, maple: str) -> None:
    """After Mailchimp took the access away, a new sign-in is all that it takes: no second connection."""
    marketer.connects(maple)
    (one,) = report.connections_of(place.kit, ACME)
    audience = place.control.accounts()[0]["lists"][0]
    with place.house.store.write() as c:
        now = place.kit.now()
        connections.update(c, one.row.id, now, audience_id=audience, audience_name="News")
        connections.update(c, one.row.id, now, last_full_sweep_at=now, watermark=now, next_sweep_at=now)
        connections.set_state(c, one.row.id, "reconnect", now, problem_code="reconnect")
    page = marketer.gets(f"/portal/connections/{one.row.id}")
    assert "Mailchimp no longer accepts our access" in text_of(page)
    back = marketer.gets(marketer.signs_in(marketer.presses(page, "Reconnect Mailchimp"), maple))
    assert title_of(back) == "News"
    assert "Mailchimp accepts our access again." in text_of(back)
    assert "reconnect" not in states(place)
    assert len(states(place)) == 1


def test_another_mailchimp_account_is_refused(marketer: Person, place: Place, maple: str) -> None:
    """Signing in elsewhere by mistake changes nothing, and the page names both."""
    marketer.connects(maple)
    (one,) = report.connections_of(place.kit, ACME)
    with place.house.store.write() as c:
        connections.set_state(c, one.row.id, "reconnect", place.kit.now(), problem_code="reconnect")
    other = place.control.account("Birch Lane")
    page = marketer.gets(f"/portal/connections/{one.row.id}")
    refused = marketer.gets(marketer.signs_in(marketer.presses(page, "Reconnect Mailchimp"), other.id))
    assert refused.status_code == 422
    assert MAPLE in text_of(refused)
    assert "Birch Lane" in text_of(refused)
    assert states(place) == ["reconnect"]


def test_pages_are_shut_to_everything_but_themselves(marketer: Person, place: Place) -> None:
    """No script, no frame, no other host but the sign-in's, no referrer, nothing cached."""
    page = marketer.gets(connect.make_link(place.kit, ACME))
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    # Browsers hold the redirect of a form against the policy as well.
    assert f"form-action 'self' {place.control.url}" in policy
    assert (page.headers["cache-control"], page.headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert "<script" not in page.text
    for path in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert path.startswith(("/static/", "#"))
        assert path.startswith("#") or marketer.http.get(place.url + path).status_code == 200
    cookie = marketer.presses(page, "Go to Mailchimp").headers["set-cookie"]
    assert cookie.startswith("bothways-connect=")
    for part in ("HttpOnly", "SameSite=lax", "Path=/", "Max-Age=600"):
        assert part in cookie


def test_over_https_the_cookie_is_for_this_host_only(tmp_path: Path) -> None:
    """`__Host-` and Secure: no neighbour under the same domain can set or read it."""
    with open_api(tmp_path, Clock(), public_url="https://sync.maple-street.test") as api:
        link = connect.make_link(api.kit, ACME).partition("link=")[2]
        answer = api.call("POST", "/connect", key="", data={"link": link})
    assert isinstance(answer, httpx.Response)
    assert answer.status_code == 303
    assert answer.headers["set-cookie"].startswith("__Host-bothways-connect=")
    assert "Secure" in answer.headers["set-cookie"]
