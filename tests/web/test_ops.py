"""The operator's pages without scripts: who is let in, and what they read and do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from processor import endpoints, sign_in
from processor.domain.connection import ConnectionState
from processor.domain.event import EventStatus
from processor.domain.outgoing import NoticeKind
from processor.domain.plan import MemberState
from processor.kit import utc_now
from processor.sign_in import MOST_OF_ONE, hashed
from processor.store import connections, inbox, liveness, notices, notices_claim
from processor.store.inbox import Settled
from processor.store.notices_rows import Attempt, NoticeState
from processor.web.ops.masking import masked
from sandbox.control import Control
from sandbox.server import Running as Sandbox
from tests.web.browser import Person, text_of, title_of
from tests.web.house import ACME, Place, keep, make_connection, open_place, stand
from tests.whole.world import until
from workers.threads import working

PASSWORD = "a horse of another colour"
BODY = b"type=profile&fired_at=2026-09-01&data%5Bemail%5D=jo%40maple-street.test&data%5Blist_id%5D=a"
SECRET = "between the proxy and us"


class Operator(Person):
    """Somebody on call."""

    def signs_in(self, password: str = PASSWORD) -> httpx.Response:  # type: ignore[override]
        """Come in by the password."""
        return self.presses(self.gets("/ops"), "Sign in", password=password)


@pytest.fixture
def place(tmp_path: Path, sandbox: Sandbox, control: Control) -> Iterator[Place]:
    """The web process, with a password for these pages."""
    with open_place(tmp_path, sandbox.url, control, ops_password=PASSWORD) as made:
        yield made


@pytest.fixture
def operator(place: Place) -> Iterator[Operator]:
    """The operator, before signing in."""
    made = Operator(place.kit, place.url)
    yield made
    made.close()


def dead(place: Place, *bodies: bytes, code: str = "mailchimp_down") -> list[str]:
    """A live connection with these deliveries, all given up."""
    connection = make_connection(place.house, audience_id="a", audience_name="News", state="in_sync")
    names = keep(place.house, connection, *bodies)
    with place.house.store.write() as c:
        now = utc_now()
        rows = inbox.claim(c, connection, limit=10, now=now, lease_seconds=60, worker="w1")
        said = {"type": "profile", "subject": "jo@maple-street.test", "code": code, "detail": "Oops"}
        inbox.settle(c, [Settled(row.id, row.claim, EventStatus.DEAD, **said) for row in rows], now)
    return [connection, *names]


class TestWhoIsLetIn:
    """A password, or a proxy that knows the secret; nobody else."""

    def test_without_a_password_nobody(self, tmp_path: Path, sandbox: Sandbox, control: Control) -> None:
        """The page says how they are opened."""
        with open_place(tmp_path, sandbox.url, control) as place:
            answer = httpx.get(place.url + "/ops")
        assert answer.status_code == 403
        assert "OPS_PASSWORD" in answer.text

    def test_the_password_opens_them_and_leads_on(self, operator: Operator, place: Place) -> None:
        """A wrong one does not; after the right one the page that was asked for is there; then out again."""
        page = operator.gets("/ops/events?status=dead")
        assert title_of(page) == "Sign in to operate"
        assert operator.presses(page, "Sign in", password="guess").status_code == 403
        page = operator.presses(page, "Sign in", password=PASSWORD)
        assert str(page.url).endswith("/ops/events?status=dead")
        out = operator.presses(page, "Sign out")
        assert title_of(out) == "Sign in to operate"
        assert title_of(operator.gets("/ops")) == "Sign in to operate"

    def test_guessing_is_slowed_down(self, operator: Operator, place: Place) -> None:
        """After ten wrong ones even the right one has to wait; what was guessed is nowhere in the answer."""
        for n in range(MOST_OF_ONE):
            assert operator.signs_in(f"guess {n}").status_code == 403
        answer = operator.signs_in()
        assert answer.status_code == 429
        assert "Wait" in text_of(answer)
        assert "guess" not in answer.text

    @pytest.mark.parametrize(
        "to", ["https://elsewhere.test", "//elsewhere.test", "/ops\\@x", "/portal", "/opsy"]
    )
    def test_the_way_on_leads_nowhere_else(self, operator: Operator, to: str) -> None:
        """A link that somebody made does not send an operator to their site."""
        page = operator.http.get(operator.url + "/ops/sign-in", params={"to": to})
        answer = operator.presses(page, "Sign in", follow=False, password=PASSWORD)
        assert answer.headers["location"] == "/ops"

    def test_a_form_of_another_site_changes_nothing(self, operator: Operator, place: Place) -> None:
        """Without our token, or said by the browser to come from elsewhere."""
        connection, *_ = dead(place, BODY)
        operator.signs_in()
        where = f"{place.url}/ops/connections/{connection}/pause"
        assert operator.http.post(where, data={"csrf": "made up"}).status_code == 403
        page = operator.gets(f"/ops/connections/{connection}")
        token = re.search(r'name="csrf" value="(\w+)"', page.text)
        assert token
        far = {"Sec-Fetch-Site": "cross-site"}
        assert operator.http.post(where, data={"csrf": token[1]}, headers=far).status_code == 403
        with place.house.store.read() as c:
            row = connections.get(c, connection)
        assert row is not None
        assert row.state == "in_sync"

    def test_a_proxy_names_who_it_is_and_nobody_else_can(
        self, tmp_path: Path, sandbox: Sandbox, control: Control
    ) -> None:
        """With the secret; a header alone, which anybody can send, opens nothing."""
        settings = {"ops_proxy_header": "X-Forwarded-User", "ops_proxy_secret": SECRET}
        with open_place(tmp_path, sandbox.url, control, **settings) as place:
            named = {"X-Forwarded-User": "kim"}
            assert httpx.get(place.url + "/ops", headers=named).status_code == 403
            wrong = {**named, "X-Ops-Proxy-Secret": "guess"}
            assert httpx.get(place.url + "/ops", headers=wrong).status_code == 403
            right = {**named, "X-Ops-Proxy-Secret": SECRET}
            assert httpx.get(place.url + "/ops", headers=right).status_code == 200
            event = dead(place, BODY)[1]
            kim = Operator(place.kit, place.url, headers=right)
            page = kim.presses(kim.gets(f"/ops/replays/new?ids={event}"), "Send 1 event again")
            assert "asked by ops:kim" in text_of(page)
            kim.close()

    def test_a_hash_does_as_well_and_another_password_ends_sessions(self) -> None:
        """The plain one need not be in any setting."""
        kept = hashed(PASSWORD)
        assert PASSWORD not in kept
        assert sign_in.is_right(kept, PASSWORD)
        assert not sign_in.is_right(kept, PASSWORD + "!")
        assert not sign_in.is_right("", "")

    def test_no_page_is_shown_in_a_frame_or_kept(self, operator: Operator) -> None:
        """A strict policy: our own scripts and styles, nobody's frame, no copy on disk."""
        answer = operator.signs_in()
        said = answer.headers["content-security-policy"]
        assert "default-src 'none'" in said
        assert "frame-ancestors 'none'" in said
        assert answer.headers["cache-control"] == "no-store"


def test_the_overview_says_what_stands_still_and_why(operator: Operator, place: Place) -> None:
    """No worker; then, with one, nothing is wrong."""
    connection = make_connection(place.house, audience_id="a", audience_name="News", state="in_sync")
    stopped = make_connection(place.house, audience_id="b", audience_name="Offers")
    with place.house.store.write() as c:
        connections.set_state(c, stopped, ConnectionState.RECONNECT, utc_now(), problem_code="reconnect")
    said = text_of(operator.signs_in())
    assert "No worker is running" in said
    assert "Offers acme Reconnect Mailchimp: it waits for the customer." in said
    with place.house.store.write() as c:
        liveness.say_alive(c, "w1", utc_now())
    assert "Everything moves" in text_of(operator.gets("/ops"))
    assert title_of(operator.gets(f"/ops/connections/{connection}")) == "News"
    part = operator.gets("/ops", **{"HX-Request": "true"})
    assert "<html" not in part.text
    assert "Everything moves" in part.text


def test_an_event_shows_delivery_meaning_decision_and_history(operator: Operator, place: Place) -> None:
    """Addresses in part; what happened and what to do in the catalogue's words."""
    _, event = dead(place, BODY)
    operator.signs_in()
    listed = text_of(operator.gets("/ops/events?status=dead&since=2h"))
    assert event in listed
    assert "j…@m…" in listed
    page = operator.gets(f"/ops/events/{event}")
    said = text_of(page)
    for part in (
        "Mailchimp does not answer",
        "Type profile",
        "j…%40m…",
        "Mailchimp says: Oops",
        "dead (attempt 1)",
    ):
        assert part in said, part
    assert "maple-street" not in page.text
    assert title_of(operator.gets("/ops/events/evt_999")) == "There is nothing here"
    assert "Write a time" in text_of(operator.gets("/ops/events?since=yesterday"))
    assert "no such status" in text_of(operator.gets("/ops/events?status=lost"))


def test_addresses_are_shown_where_the_setting_says_so(
    tmp_path: Path, sandbox: Sandbox, control: Control
) -> None:
    """Whose installation allows it sees whom an event is about."""
    settings = {"ops_password": PASSWORD, "ops_mask_addresses": False}
    with open_place(tmp_path, sandbox.url, control, **settings) as place:
        _, event = dead(place, BODY)
        operator = Operator(place.kit, place.url)
        operator.signs_in()
        assert "jo@maple-street.test" in text_of(operator.gets(f"/ops/events/{event}"))
        operator.close()


def test_a_replay_is_planned_run_watched_and_ended(operator: Operator, place: Place) -> None:
    """Nothing is sent before the button is pressed; the rate is heeded; the end is told."""
    connection, *_ = dead(place, *(b"type=profile&n=%d" % n for n in range(5)))
    operator.signs_in()
    page = operator.gets("/ops/replays/new?status=dead")
    said = text_of(page)
    assert "5 events would be sent round again: 5 dead. Nothing has been sent yet." in said
    assert "4 have a later event of the same member" in said
    assert "Nobody can tell now" in text_of(operator.gets("/ops/replays/new?status=dead&look=1"))
    page = operator.presses(page, "Send 5 events again", per_minute="60")
    said = text_of(page)
    assert "Sending · 2 of 5 events" in said
    page = operator.presses(page, "Send nothing more")
    assert "Cancelled · 2 of 5 events" in text_of(page)
    assert "2 sent" in text_of(operator.gets("/ops/replays"))
    assert "5 events" in text_of(operator.gets("/ops/replays"))
    page = operator.gets("/ops/replays/new?status=dead")
    assert "Choose a rate" in text_of(operator.presses(page, "Send 3 events again", per_minute="99999999"))
    stand(place.house, connection, "jo", state=MemberState.FAILING, reason="email_fake")
    page = operator.gets(f"/ops/replays/new?kind=members&connection={connection}")
    page = operator.presses(page, "Send 1 contact again")
    assert "All sent · 1 of 1 contacts" in text_of(page)


def test_webhooks_to_the_platform_are_sent_again(operator: Operator, place: Place) -> None:
    """Chosen at an endpoint, planned, and begun; each keeps its id."""
    operator.signs_in()
    assert "There is no endpoint yet" in text_of(operator.gets("/ops/webhooks"))
    endpoint, _ = endpoints.create(place.kit, ACME, "https://hooks.maple-street.test/in")
    with place.house.store.write() as c:
        refs = [notices.keep(c, endpoint.id, ACME, NoticeKind.ISSUE_OPENED, {}, utc_now()) for _ in range(3)]
        for held in notices_claim.claim(
            c, endpoint.id, limit=3, now=utc_now(), lease_seconds=60, worker="w1"
        ):
            attempt = Attempt(held.id, 1, utc_now(), 0.1, 500, "status")
            notices_claim.settle(c, held, attempt, utc_now(), state=NoticeState.DEAD)
    page = operator.gets("/ops/webhooks")
    path = re.findall(r'href="(/ops/replays/new[^"]*state=dead)"', page.text)[0].replace("&amp;", "&")
    planned = operator.gets(path)
    assert "3 webhooks would be sent to" in text_of(planned)
    assert "keeps its webhook-id" in text_of(planned)
    begun = operator.presses(planned, "Send 3 webhooks again")
    assert "All sent · 3 of 3 webhooks" in text_of(begun)
    with place.house.store.read() as c:
        found = [notices.by_ref(c, ref) for ref in refs]
    assert {row.state for row in found if row} == {NoticeState.WAITING}
    assert "There is nothing left to send" in text_of(operator.presses(planned, "Send 3 webhooks again"))
    assert "3 webhooks" in text_of(operator.gets("/ops/replays"))


def test_a_connection_is_paused_resumed_and_swept(operator: Operator, place: Place) -> None:
    """By a press each; what cannot be done is said."""
    connection, *_ = dead(place, BODY)
    operator.signs_in()
    here = f"/ops/connections/{connection}"
    assert "goes round the audience" in text_of(operator.presses(operator.gets(here), "Sweep now"))
    paused = operator.presses(operator.gets(here), "Pause")
    assert "Paused Off" in text_of(paused)
    assert "Sweep now" not in paused.text
    assert "Going on." in text_of(operator.presses(paused, "Go on"))


def test_the_calls_of_an_event_are_shown(tmp_path: Path, sandbox: Sandbox, control: Control) -> None:
    """With their answers and how long they took, as soon as the event was worked on."""
    settings = {"ops_password": PASSWORD, "tick_seconds": 0.2, "worker_threads": 2, "event_attempts": 1}
    with open_place(tmp_path, sandbox.url, control, **settings) as place, working(place.house):
        connection = make_connection(
            place.house, audience_id="a", state="in_sync", api_base=sandbox.url, token="none"
        )
        (event,) = keep(place.house, connection, BODY)
        operator = Operator(place.kit, place.url)
        operator.signs_in()

        def shown() -> str | None:
            said = text_of(operator.gets(f"/ops/events/{event}"))
            return said if "GET /lists/{list_id}/members/{member_id}" in said else None

        assert "Answer: 401" in until(shown)
        assert "GET /lists" in text_of(operator.gets(f"/ops/connections/{connection}"))
        operator.close()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("to jo.x@maple-street.test now", "to j…@m… now"),
        ("a=jo%2Bnews%40maple.test&b=1", "a=j…%40m…&b=1"),
        ("JO@MAPLE.TEST,kim@x.test", "J…@M…,k…@x…"),
        ("nobody here", "nobody here"),
        ("x" * 300_000, "x" * 300_000),
    ],
)
def test_addresses_are_masked(text: str, shown: str) -> None:
    """In part, so that two people can be told apart, and quickly whatever the text."""
    assert masked(text, True) == shown
    assert masked(text, False) == text
