"""The operator's pages as a browser shows them: on a phone and on a desk, by keyboard, to whoever listens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from processor.domain.event import EventStatus
from processor.domain.plan import MemberState
from processor.store import inbox
from processor.store.inbox import EventFilter
from sandbox.control import Control
from sandbox.server import Running as Sandbox
from tests.web.house import Place, keep, make_connection, open_place, stand
from tests.web.test_in_a_browser import chromium as chromium
from tests.web.test_in_a_browser import window
from tests.web.test_ops import BODY, PASSWORD
from tests.whole.world import until
from workers.threads import working

pytestmark = pytest.mark.browser

QUICK = {"tick_seconds": 0.2, "worker_threads": 2, "event_attempts": 2, "retry_base_seconds": 0.05}


@pytest.fixture
def place(tmp_path: Path, sandbox: Sandbox, control: Control) -> Iterator[Place]:
    """An installation at work, with a password for these pages."""
    settings = {"ops_password": PASSWORD, **QUICK}
    with open_place(tmp_path, sandbox.url, control, **settings) as made, working(made.house):
        yield made


def in_trouble(place: Place) -> str:
    """A connection at a Mailchimp that answers with errors, dead events, and somebody who is refused."""
    account = place.control.account("Maple Street")
    news = place.control.audience(account.id, "News", merge_fields=[])
    place.control.put_members(news.id, [{"email_address": "jo@maple-street.test"}])
    connection = make_connection(
        place.house,
        audience_id=news.id,
        audience_name="Newsletter of-all-the-branches-whose-names-are-one-word-too-long",
        state="in_sync",
        api_base=place.control.url,
        token=place.control.token(account.id),
    )
    place.control.fail(500)
    said = BODY.replace(b"=a", f"={news.id}".encode())
    keep(place.house, connection, *(said + b"&n=%d" % n for n in range(4)))
    stand(
        place.house,
        connection,
        "kim",
        state=MemberState.FAILING,
        reason="email_fake",
        email_key="kim@gmial.test",
        detail="kim@gmial.test looks fake or invalid, please enter a real email address.",
    )

    def all_dead() -> bool:
        with place.house.store.read() as c:
            return inbox.count(c, EventFilter(statuses=frozenset({EventStatus.DEAD}))) == 4

    until(all_dead)
    return connection


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (360, "dark")])
def test_three_in_the_morning(place: Place, chromium: Any, width: int, scheme: str) -> None:
    """Sign in by keyboard, see what is wrong, look at an event, mend it, send it again, watch it."""
    connection = in_trouble(place)
    with window(chromium, place, width=width, color_scheme=scheme) as w:
        w.page.goto(place.url + "/ops")
        w.heading("Sign in to operate")
        w.looked_at("ops-sign-in")
        w.page.keyboard.type(PASSWORD)
        w.page.keyboard.press("Enter")
        w.heading("Overview")
        w.page.get_by_text("calls got no answer that could be used").first.wait_for()
        w.looked_at("ops-overview")
        w.page.goto(place.url + "/ops/connections")
        w.heading("Connections")
        w.looked_at("ops-connections")
        w.page.goto(f"{place.url}/ops/connections/{connection}")
        w.page.get_by_role("heading", name="Last calls").wait_for()
        w.looked_at("ops-connection")
        w.page.goto(place.url + "/ops/events?status=dead")
        w.heading("Events")
        w.looked_at("ops-events")
        w.press("evt_1")
        w.heading("evt_1")
        w.looked_at("ops-event")
        place.control.mend()
        w.page.goto(place.url + "/ops/events?status=dead")
        w.press("Send these again…")
        w.heading("Send again")
        w.press("What would change now?")
        w.page.get_by_text("Now:").first.wait_for()
        w.looked_at("ops-plan")
        w.press("Send 4 events again")
        w.page.get_by_text("All sent").first.wait_for()
        w.page.get_by_text("4 of 4 events · ").first.wait_for()
        w.looked_at("ops-replay")
        w.page.goto(place.url + "/ops/replays")
        w.heading("Replays")
        w.looked_at("ops-replays")
        w.press("Sign out")
        w.heading("Sign in to operate")
