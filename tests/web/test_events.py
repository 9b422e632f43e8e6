"""Events over the API: what arrived, what became of it in words, and sending it round again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from processor.domain.event import EventStatus
from processor.store import inbox
from processor.store.inbox import Settled
from tests.web.house import ACME, Api, Clock, keep, make_connection

BODY = b"type=profile&data%5Bemail%5D=jo%40maple-street.test"


def settle(api: Api, connection: str, status: EventStatus, **said: Any) -> None:
    """Let a worker claim what is due on the connection, and come to this end with it."""
    now = api.kit.now()
    with api.house.store.write() as c:
        claimed = inbox.claim(c, connection, limit=100, now=now, lease_seconds=60, worker="w1")
        inbox.settle(c, [Settled(one.id, one.claim, status, **said) for one in claimed], now)


def listed(api: Api, query: str = "") -> list[str]:
    """The ids of the events of one page."""
    answer = api.call("GET", f"/v1/events{query}")
    assert answer.status_code == 200, answer.text
    return [event["id"] for event in answer.json()["events"]]


def test_events_are_listed_newest_first_page_by_page(api: Api) -> None:
    """Each event is on one page, and the last page has no cursor."""
    connection = make_connection(api.house)
    ids = keep(api.house, connection, *(b"n=%d" % n for n in range(25)))
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = api.call("GET", f"/v1/events?limit=10{cursor and f'&after={cursor}'}").json()
        seen += [event["id"] for event in page["events"]]
        cursor = page["cursor"]
    assert seen == ids[::-1]


def test_events_can_be_chosen(api: Api, clock: Clock) -> None:
    """By status (one or several), type, time and connection; all conditions hold at once."""
    one, two = make_connection(api.house), make_connection(api.house, audience_id="b")
    (dead,) = keep(api.house, one, b"n=1")
    settle(api, one, EventStatus.DEAD, code="mailchimp_down", type="profile")
    early = quote(clock().isoformat())
    clock.pass_seconds(60)
    late = quote(clock().isoformat())
    (skipped,) = keep(api.house, two, b"n=2")
    settle(api, two, EventStatus.SKIPPED, type="campaign")
    (new,) = keep(api.house, two, b"n=3")
    assert listed(api) == [new, skipped, dead]
    assert listed(api, "?status=dead") == [dead]
    assert listed(api, "?status=dead&status=skipped") == [skipped, dead]
    assert listed(api, "?type=campaign") == [skipped]
    assert listed(api, "?code=mailchimp_down") == [dead]
    assert listed(api, f"?connection={two}") == [new, skipped]
    assert listed(api, f"?since={late}") == [new, skipped]
    assert listed(api, f"?until={late}&since={early}") == [dead]
    assert listed(api, f"?connection={two}&status=dead") == []
    assert listed(api, f"?account={ACME}") == [new, skipped, dead]


@pytest.mark.parametrize(
    "query", ["status=lost", "since=yesterday", "limit=501", "after=con_1", "type=", "connection=%00", "x=1"]
)
def test_a_filter_that_is_wrong_is_told(api: Api, query: str) -> None:
    """With its name, and never as an empty list."""
    answer = api.call("GET", f"/v1/events?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].split(".")[0] == query.partition("=")[0]


def test_an_event_tells_what_failed_and_what_to_do(api: Api, clock: Clock) -> None:
    """The body as it arrived, every failed attempt, and the catalogue's words for the code."""
    connection = make_connection(api.house)
    (event,) = keep(api.house, connection, BODY)
    later = clock() + timedelta(seconds=5)
    settle(api, connection, EventStatus.RETRYING, code="network", due_at=later)
    clock.pass_seconds(5)
    said = {"code": "mailchimp_down", "detail": "Internal error", "instance": "abc-1", "type": "profile"}
    settle(api, connection, EventStatus.DEAD, subject="jo@maple-street.test", **said)
    found = api.call("GET", f"/v1/events/{event}").json()
    assert (found["id"], found["status"], found["attempts"]) == (event, "dead", 2)
    assert found["body"] == BODY.decode()
    assert (found["detail"], found["instance"]) == ("Internal error", "abc-1")
    assert [(line["outcome"], line["code"]) for line in found["history"]] == [
        ("retrying", "network"),
        ("dead", "mailchimp_down"),
    ]
    assert found["words"].keys() == {"title", "happened", "todo"}
    assert all(found["words"].values())


def test_an_event_that_needed_nothing_is_no_failure(api: Api) -> None:
    """Skipped is not an error: no words of a failure are shown for it."""
    connection = make_connection(api.house)
    (event,) = keep(api.house, connection, BODY)
    settle(api, connection, EventStatus.SKIPPED, outcome={"why": "nothing_new"})
    found = api.call("GET", f"/v1/events/{event}").json()
    assert (found["words"], found["outcome"]) == (None, {"why": "nothing_new"})


def test_a_body_of_any_bytes_is_shown(api: Api) -> None:
    """Bytes that are no text are shown as U+FFFD; the event is never a 500."""
    (event,) = keep(api.house, make_connection(api.house), bytes(range(256)))
    assert "\ufffd" in api.call("GET", f"/v1/events/{event}").json()["body"]


@pytest.mark.parametrize("name", ["evt_999", "evt_x", "evt_", "999", "evt_" + "9" * 40, "con_1"])
def test_an_event_that_is_not_there_is_404(api: Api, name: str) -> None:
    """Whatever the id looks like."""
    assert api.call("GET", f"/v1/events/{name}").status_code == 404


def test_a_replay_says_first_what_it_would_do(api: Api) -> None:
    """A dry run tells how many events of which status, shows some, and sends nothing."""
    connection = make_connection(api.house)
    keep(api.house, connection, b"n=1", b"n=2")
    settle(api, connection, EventStatus.DEAD, code="network")
    keep(api.house, connection, b"n=3")
    asked = {"connection": connection, "dry_run": True}
    found = api.call("POST", "/v1/replays", json=asked).json()
    assert (found["count"], found["by_status"], found["not_now"]) == (2, {"dead": 2}, 1)
    assert (found["dry_run"], found["sent"], len(found["sample"])) == (True, 0, 2)
    assert len(listed(api, "?status=dead")) == 2


def test_a_replay_sends_events_round_again_and_says_who_did_it(api: Api) -> None:
    """They are received again, with the key in their history; a second replay finds nothing to do."""
    connection = make_connection(api.house)
    (event,) = keep(api.house, connection, BODY)
    settle(api, connection, EventStatus.DEAD, code="network")
    first = api.call("POST", "/v1/replays", json={"status": "dead"}, key=api.acme_key).json()
    assert (first["count"], first["sent"], first["dry_run"]) == (1, 1, False)
    found = api.call("GET", f"/v1/events/{event}").json()
    assert found["status"] == "received"
    assert found["history"][-1]["outcome"] == "replayed"
    assert found["history"][-1]["by"].startswith("key:key_")
    again = api.call("POST", "/v1/replays", json={"ids": [event]}).json()
    assert (again["count"], again["not_now"], again["sent"]) == (0, 1, 0)


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        ({}, None),
        ({"dry_run": True}, None),
        ({"ids": []}, "ids"),
        ({"ids": ["evt_1", "con_2"]}, "ids.1"),
        ({"ids": ["evt_1"] * 1001}, "ids"),
        ({"status": "lost"}, "status"),
        ({"status": ["dead"]}, "status"),
        ({"dry_run": "no"}, "dry_run"),
        ({"since": "today"}, "since"),
        ({"everything": True}, "everything"),
    ],
)
def test_a_replay_must_say_which_events(api: Api, asked: dict[str, Any], place: str | None) -> None:
    """Nothing named is refused: a typing mistake must not send everything round again."""
    answer = api.call("POST", "/v1/replays", json=asked)
    assert answer.status_code == 422
    if place is not None:
        assert [error["field"] for error in answer.json()["errors"]] == [place]


def test_a_replay_of_a_received_status_touches_nothing(api: Api) -> None:
    """Events that wait already are counted as such and left alone."""
    keep(api.house, make_connection(api.house), b"n=1")
    found = api.call("POST", "/v1/replays", json={"status": "received"}).json()
    assert (found["count"], found["not_now"], found["sent"]) == (0, 1, 0)
