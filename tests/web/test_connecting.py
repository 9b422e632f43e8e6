"""Connecting Mailchimp in a browser: link, sign-in, audience; and each way in which it goes wrong."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from processor import connect, report
from processor.store import connections
from sandbox.control import Control
from sandbox.server import Running as Sandbox
from tests.web.house import ACME, Clock, Place, open_api, open_place

AUDIENCE = "/connect/audience"


class Marketer:
    """Somebody with a browser and an account at Mailchimp."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.account = place.control.account("Maple & <Sons>")
        self.http = httpx.Client(follow_redirects=False, timeout=30)

    def opens(self, link: str) -> httpx.Response:
        """Open the link that the platform gave."""
        return self.http.get(link)

    def answers(self, at_mailchimp: httpx.Response, answer: str = "allow") -> str:
        """Allow or deny on Mailchimp's page; return where it sends the browser."""
        form = {"answer": answer, "account": self.account.id}
        sent = self.http.post(at_mailchimp.headers["location"], data=form)
        return str(sent.headers["location"])

    def connects(self) -> httpx.Response:
        """All of it, up to the page that offers the audiences."""
        return self.http.get(self.answers(self.opens(connect.make_link(self.place.kit, ACME))))

    def sends(self, page: httpx.Response, **changed: str) -> httpx.Response:
        """Send the page's form, with some of its values changed."""
        return self.http.post(self.place.url + AUDIENCE, data={**fields(page), **changed})


def fields(page: httpx.Response) -> dict[str, str]:
    """What the form holds as it stands, with the choice that is ticked."""
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    ticked = re.findall(r'type="radio" name="(\w+)" value="([^"]*)" required checked', page.text)
    return {**hidden, **dict(ticked)}


def text_of(page: httpx.Response) -> str:
    """What somebody reads on the page."""
    body = page.text.partition("<body>")[2]
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body)))


@pytest.fixture
def marketer(place: Place) -> Iterator[Marketer]:
    """The marketer, with nothing done yet."""
    made = Marketer(place)
    yield made
    made.http.close()


def state_of(place: Place) -> list[tuple[str, str | None]]:
    """The states and audiences of the account's connections."""
    found = report.connections_of(place.kit, ACME)
    return [(one.state.value, one.row.audience_name) for one in found]


def test_a_marketer_connects_and_chooses_an_audience(marketer: Marketer, place: Place) -> None:
    """Link, sign-in, the list of audiences with their sizes, the choice; then the first sync runs."""
    news = place.control.audience(marketer.account.id, "News")
    place.control.audience(marketer.account.id, "Members <b>only</b>")
    place.control.put_members(news.id, [{"email_address": f"p{n}@maple-street.test"} for n in range(1234)])
    page = marketer.connects()
    assert page.status_code == 200
    said = text_of(page)
    assert "Mailchimp is connected" in said
    assert "Maple & <Sons>" in said
    assert "News 1,234 subscribed contacts" in said
    assert "Members <b>only</b> 0 subscribed contacts" in said
    assert state_of(place) == [("setup", None)]
    done = marketer.sends(page, audience=news.id)
    assert done.status_code == 200
    assert "First sync running" in text_of(done)
    assert state_of(place) == [("importing", "News")]
    assert len(place.control.audience_info(news.id)["webhooks"]) == 1


def test_the_only_audience_is_ticked_already(marketer: Marketer, place: Place) -> None:
    """Who has one audience only confirms it."""
    place.control.audience(marketer.account.id, "News")
    page = marketer.connects()
    assert "audience" in fields(page)
    assert marketer.sends(page).status_code == 200
    assert state_of(place) == [("importing", "News")]


def test_an_account_without_audiences_can_make_one_and_look_again(marketer: Marketer, place: Place) -> None:
    """The page says what is missing, and its button looks again without a new sign-in."""
    page = marketer.connects()
    assert "There is no audience in this account yet." in text_of(page)
    place.control.audience(marketer.account.id, "News")
    again = marketer.sends(page, again="1")
    assert "News 0 subscribed contacts" in text_of(again)
    assert marketer.sends(again).status_code == 200


def test_a_form_without_a_choice_asks_for_one(marketer: Marketer, place: Place) -> None:
    """Nothing is chosen for anybody."""
    for name in ("News", "Members"):
        place.control.audience(marketer.account.id, name)
    again = marketer.sends(marketer.connects())
    assert "Choose one of your audiences first." in text_of(again)
    assert state_of(place) == [("setup", None)]


def test_a_link_works_once(marketer: Marketer, place: Place) -> None:
    """The second time it says so, and what to do; nothing is sent to Mailchimp."""
    link = connect.make_link(place.kit, ACME)
    assert marketer.opens(link).status_code == 303
    for bad in (link, f"{place.url}/connect?link=nonsense", f"{place.url}/connect"):
        again = marketer.opens(bad)
        assert again.status_code == 422
        assert "has been used or is too old" in text_of(again)
        assert "click it again" in text_of(again)


def test_a_preview_of_the_link_does_not_use_it_up(marketer: Marketer, place: Place) -> None:
    """Mail scanners ask with HEAD; the person who clicks afterwards still gets through."""
    link = connect.make_link(place.kit, ACME)
    assert marketer.http.head(link).status_code == 200
    assert marketer.opens(link).status_code == 303


def test_a_link_is_too_old_after_a_quarter_of_an_hour(tmp_path: Path) -> None:
    """As long as somebody needs to click it, and no longer."""
    clock = Clock()
    with open_api(tmp_path, clock) as api:
        link = connect.make_link(api.kit, ACME)
        clock.pass_seconds(901)
        answer = api.call("GET", link.partition("8000")[2], key="")
    assert answer.status_code == 422
    assert "too old" in text_of(answer)


def test_who_says_no_has_changed_nothing(marketer: Marketer, place: Place) -> None:
    """Denied at Mailchimp: a page in words, and no connection."""
    begun = marketer.opens(connect.make_link(place.kit, ACME))
    page = marketer.http.get(marketer.answers(begun, "deny"))
    assert page.status_code == 422
    assert "access was not allowed. Nothing has been changed." in text_of(page)
    assert state_of(place) == []


def test_an_answer_works_once_and_in_its_own_browser_only(marketer: Marketer, place: Place) -> None:
    """A callback that is replayed, or that somebody else is lured into, connects nothing."""
    begun = marketer.opens(connect.make_link(place.kit, ACME))
    callback = marketer.answers(begun)
    with httpx.Client(timeout=30) as victim:
        lured = victim.get(callback)
        victim.get(connect.make_link(place.kit, "victim"))
        lured_too = victim.get(callback)
    for page in (lured, lured_too):
        assert page.status_code == 422
        assert "was started elsewhere" in text_of(page)
    assert state_of(place) == []
    assert marketer.http.get(callback).status_code == 200
    assert marketer.http.get(callback).status_code == 422
    assert len(state_of(place)) == 1


def test_a_code_that_mailchimp_refuses_is_told(marketer: Marketer, place: Place) -> None:
    """The sign-in was not accepted: start again, nothing changed."""
    callback = marketer.answers(marketer.opens(connect.make_link(place.kit, ACME)))
    page = marketer.http.get(re.sub(r"code=\w+", "code=wrong", callback))
    assert page.status_code == 409
    assert "Mailchimp did not accept the sign-in" in text_of(page)
    assert state_of(place) == []


def test_a_login_host_that_does_not_answer_is_told(tmp_path: Path, control: Control) -> None:
    """Mailchimp is unreachable during the sign-in: try later, in words."""
    with Sandbox() as gone, open_place(tmp_path, gone.url, gone.control) as place:
        marketer = Marketer(place)
        callback = marketer.answers(marketer.opens(connect.make_link(place.kit, ACME)))
        gone.stop()
        page = marketer.http.get(callback)
        marketer.http.close()
    assert page.status_code == 503
    assert "Mailchimp does not answer now" in text_of(page)


def test_audiences_that_cannot_be_read_now_can_be_read_later(marketer: Marketer, place: Place) -> None:
    """The account is connected all the same; the page's button tries again."""
    place.control.audience(marketer.account.id, "News")
    place.control.fail(503)
    page = marketer.connects()
    assert page.status_code == 503
    assert "Mailchimp is connected" in text_of(page)
    assert "Mailchimp does not answer now" in text_of(page)
    place.control.mend()
    again = marketer.sends(page, again="1")
    assert "News" in text_of(again)
    assert marketer.sends(again).status_code == 200


def test_a_choice_that_fails_halfway_can_be_sent_again(marketer: Marketer, place: Place) -> None:
    """Mailchimp breaks while the webhook is made: the choice is kept on the page, and one webhook results."""
    news = place.control.audience(marketer.account.id, "News")
    page = marketer.connects()
    place.control.fail(500, path="/lists/*/webhooks*", method="POST")
    failed = marketer.sends(page)
    assert failed.status_code == 503
    place.control.mend()
    done = marketer.sends(failed)
    assert done.status_code == 200
    assert "First sync running" in text_of(done)
    assert len(place.control.audience_info(news.id)["webhooks"]) == 1


def test_an_audience_that_is_gone_meanwhile_is_told(marketer: Marketer, place: Place) -> None:
    """Somebody deleted it between the page and the choice: the others are offered again."""
    first = place.control.audience(marketer.account.id, "News")
    place.control.audience(marketer.account.id, "Members")
    page = marketer.connects()
    place.control.drop_audience(first.id)
    failed = marketer.sends(page, audience=first.id)
    assert failed.status_code == 409
    assert "The audience was deleted" in text_of(failed)
    assert "Members 0 subscribed contacts" in text_of(failed)
    assert marketer.sends(failed).status_code == 200


def test_a_form_counts_once(marketer: Marketer, place: Place) -> None:
    """Sent twice, the first time counts, and the second says so."""
    place.control.audience(marketer.account.id, "News")
    page = marketer.connects()
    sent = fields(page)
    cookies = dict(marketer.http.cookies)
    assert marketer.sends(page).status_code == 200
    with httpx.Client(cookies=cookies) as twice:
        again = twice.post(place.url + AUDIENCE, data=sent)
    assert again.status_code == 422
    assert "the first time counts" in text_of(again)


def test_a_form_needs_the_browser_that_connected(marketer: Marketer, place: Place) -> None:
    """Without its cookie, from another site, or as something else than our form, it chooses nothing."""
    place.control.audience(marketer.account.id, "News")
    page = marketer.connects()
    url, sent = place.url + AUDIENCE, fields(page)
    with httpx.Client() as other:
        assert other.post(url, data=sent).status_code == 422
    cross = marketer.http.post(url, data=sent, headers={"Sec-Fetch-Site": "cross-site"})
    assert "from another site" in text_of(cross)
    for odd in (
        {"json": sent},
        {"files": {"token": b"x"}},
        {"content": b"x=1" * 9000, "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        {"content": b"&" * 50, "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        {"content": b"\xff=%ff%00", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
    ):
        assert marketer.http.post(url, **odd).status_code == 422  # type: ignore[arg-type]
    assert marketer.http.get(url).status_code == 405
    assert state_of(place) == [("setup", None)]
    assert marketer.sends(page).status_code == 200


def test_connecting_again_goes_on_where_it_stopped(marketer: Marketer, place: Place) -> None:
    """After Mailchimp took the access away, a new sign-in is all that it takes: no second connection."""
    place.control.audience(marketer.account.id, "News")
    marketer.sends(marketer.connects())
    (one,) = report.connections_of(place.kit, ACME)
    with place.house.store.write() as c:
        connections.set_state(c, one.row.id, "reconnect", place.kit.now(), problem_code="reconnect")
    page = marketer.connects()
    assert page.status_code == 200
    assert "Choose" not in text_of(page)
    assert state_of(place) == [("importing", "News")]


def test_pages_are_shut_to_everything_but_themselves(marketer: Marketer, place: Place) -> None:
    """No script, no frame, no other host, no referrer, nothing cached; scripts do not see the cookie."""
    begun = marketer.opens(connect.make_link(place.kit, ACME))
    cookie = begun.headers["set-cookie"]
    assert cookie.startswith("bothways-connect=")
    for part in ("HttpOnly", "SameSite=lax", "Path=/", "Max-Age=600"):
        assert part in cookie
    page = marketer.http.get(marketer.answers(begun))
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self'" in policy
    assert (page.headers["cache-control"], page.headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert "<script" not in page.text
    assert not re.findall(r"(?:src|href)=\"(?!/)", page.text)
    for path in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert marketer.http.get(place.url + path).status_code == 200


def test_over_https_the_cookie_is_for_this_host_only(tmp_path: Path) -> None:
    """`__Host-` and Secure: no neighbour under the same domain can set or read it."""
    with open_api(tmp_path, Clock(), public_url="https://sync.maple-street.test") as api:
        link = connect.make_link(api.kit, ACME)
        answer = api.call("GET", link.removeprefix("https://sync.maple-street.test"), key="")
    assert answer.status_code == 303
    assert answer.headers["set-cookie"].startswith("__Host-bothways-connect=")
    assert "Secure" in answer.headers["set-cookie"]
