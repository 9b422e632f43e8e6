"""The changes feed: whole contacts, in order, each change once, and a call that waits for the next."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.web.house import ACME, BIRCH, Api, Place, make_key

FEED = f"/v1/accounts/{ACME}/changes"


def read(api: Api, query: str = "") -> dict[str, Any]:
    """One page of the feed."""
    answer = api.call("GET", FEED + query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_the_feed_tells_what_changed_and_why(api: Api) -> None:
    """Each change has the whole contact after it, each name with before and after, and its cause."""
    api.put("jo", email="jo@maple-street.test", fields={"city": "Leeds"})
    api.put("jo", fields={"city": "Ghent"})
    api.call("DELETE", f"/v1/accounts/{ACME}/contacts/jo")
    first, second, third = read(api)["changes"]
    assert (first["id"], first["version"], first["origin"]) == ("jo", 1, "platform")
    assert second["what"] == {"fields.city": {"before": "Leeds", "after": "Ghent"}}
    assert second["why"]["cause"] == "api"
    assert second["contact"]["fields"] == {"city": "Ghent"}
    assert third["contact"] is None


def test_paging_by_the_cursor_gives_each_change_once(api: Api) -> None:
    """A reader that passes on each cursor sees every change, in order, then nothing until there is more."""
    for n in range(25):
        api.put(str(n), email=f"p{n}@maple-street.test")
    seen, cursor, more = [], "", True
    while more:
        page = read(api, f"?limit=10{cursor}")
        seen += [change["id"] for change in page["changes"]]
        cursor, more = f"&after={page['cursor']}", page["more"]
    assert seen == [str(n) for n in range(25)]
    assert read(api, f"?limit=10{cursor}")["changes"] == []
    api.put("25")
    assert [change["id"] for change in read(api, f"?limit=10{cursor}")["changes"]] == ["25"]


def test_a_feed_can_leave_out_the_platforms_own_changes(api: Api) -> None:
    """`origin=mailchimp` gives only what came from there, and its cursor passes over the rest."""
    api.put("jo")
    page = read(api, "?origin=mailchimp")
    assert page["changes"] == []
    assert read(api, f"?after={page['cursor']}")["changes"] == []


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("?after=nonsense", "after"),
        ("?after=c-1", "after"),
        ("?limit=0", "limit"),
        ("?limit=ten", "limit"),
        ("?limit=1&limit=2", "limit"),
        ("?wait=31", "wait"),
        ("?wait=nan", "wait"),
        ("?origin=elsewhere", "origin"),
        ("?waite=1", "waite"),
    ],
)
def test_a_query_that_is_wrong_is_told(api: Api, query: str, place: str) -> None:
    """A name that is not known is refused rather than passed over: it may be a spelling mistake."""
    api.put("jo")
    answer = api.call("GET", FEED + query)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [place]


def test_a_cursor_that_the_feed_has_not_come_to_is_refused(api: Api) -> None:
    """Another account's, or one from before a backup was put back: waiting until the feed comes to it would
    pass over everything before, so the reader is told to read all contacts anew."""
    for n in range(3):
        api.put(str(n), account=BIRCH)
    api.put("jo")
    theirs = api.call("GET", f"/v1/accounts/{BIRCH}/changes").json()["cursor"]
    refused = api.call("GET", f"{FEED}?after={theirs}&wait=5")
    assert (refused.status_code, refused.json()["code"]) == (410, "cursor_expired")
    cursor = api.call("GET", f"/v1/accounts/{ACME}/contacts").json()["changes"]
    api.put("anna")
    assert [change["id"] for change in read(api, f"?after={cursor}")["changes"]] == ["anna"]


def test_a_waiting_call_is_answered_when_something_changes(api: Api) -> None:
    """The call stands until there is a change, and then brings it at once, long before its wait is over."""
    api.put("jo")
    cursor = read(api)["cursor"]

    async def story() -> tuple[Any, float]:
        waiting = asyncio.create_task(api.calling("GET", f"{FEED}?after={cursor}&wait=20"))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        began = time.monotonic()
        await api.calling("PUT", f"/v1/accounts/{ACME}/contacts/anna", json={})
        return await waiting, time.monotonic() - began

    answer, seconds = asyncio.run(story())
    assert [change["id"] for change in answer.json()["changes"]] == ["anna"]
    assert seconds < 5


def test_a_waiting_call_ends_with_its_wait(api: Api) -> None:
    """With nothing new it is answered with nothing, and with a cursor to go on from."""
    api.put("jo")
    cursor = read(api)["cursor"]
    began = time.monotonic()
    page = read(api, f"?after={cursor}&wait=0.3")
    assert 0.3 <= time.monotonic() - began < 5
    assert page == {"changes": [], "cursor": cursor, "more": False}


def test_a_waiting_call_ends_when_the_process_stops(api: Api) -> None:
    """A deploy does not wait for half a minute, and the caller loses nothing."""
    api.put("jo")
    cursor = read(api)["cursor"]

    async def story() -> tuple[Any, float]:
        waiting = asyncio.create_task(api.calling("GET", f"{FEED}?after={cursor}&wait=30"))
        await asyncio.sleep(0.1)
        began = time.monotonic()
        api.kit.stopping.set()
        return await waiting, time.monotonic() - began

    answer, seconds = asyncio.run(story())
    assert answer.json()["cursor"] == cursor
    assert seconds < 5


def test_waiting_holds_no_thread_and_no_connection(api: Api) -> None:
    """A hundred waiting calls leave the others their threads and the database its connections."""
    api.put("jo", account=BIRCH)
    api.put("jo")
    cursor = read(api)["cursor"]

    async def story() -> float:
        calls = [api.calling("GET", f"{FEED}?after={cursor}&wait=20") for _ in range(100)]
        waiting = [asyncio.create_task(one) for one in calls]
        await asyncio.sleep(0.7)
        began = time.monotonic()
        answer = await api.calling("GET", f"/v1/accounts/{BIRCH}/contacts/jo")
        seconds = time.monotonic() - began
        assert answer.status_code == 200
        assert not any(one.done() for one in waiting)
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return seconds

    assert asyncio.run(story()) < 10


def test_a_caller_that_hangs_up_holds_nothing(place: Place) -> None:
    """Over real HTTP: the server need not wait for a call whose caller has left."""
    key = make_key(place.house, ACME)
    headers = {"Authorization": f"Bearer {key}"}
    with (
        httpx.Client(base_url=place.url, headers=headers, timeout=0.5) as http,
        pytest.raises(httpx.ReadTimeout),
    ):
        http.get(f"{FEED}?wait=30")
    began = time.monotonic()
    place.web.stop()
    assert time.monotonic() - began < 5


def test_a_stopping_server_answers_who_waits(place: Place) -> None:
    """Over real HTTP: the process is told to stop, the call is answered with its cursor, the server ends."""
    key = make_key(place.house, ACME)
    headers = {"Authorization": f"Bearer {key}"}
    with ThreadPoolExecutor(1) as threads:
        url = f"{place.url}{FEED}?wait=30"
        waiting = threads.submit(httpx.get, url, headers=headers, timeout=40)
        time.sleep(0.5)
        began = time.monotonic()
        place.kit.stopping.set()
        place.web.stop()
        assert waiting.result().status_code == 200
    assert time.monotonic() - began < 5
