"""Runs: one unfinished of a kind at a time, ended once, with packed pages and what they have met."""

from __future__ import annotations

from datetime import timedelta

import pytest

from processor.errors import Conflict, NotFound
from processor.store import Store, runs
from processor.store.runs import RunKind, RunRow, RunState
from tests.store.build import NOW
from tests.store.build import connected as connect

PREVIEW, SYNC = RunKind.PREVIEW, RunKind.SYNC


@pytest.fixture
def connected(store: Store) -> Store:
    """A store with one connection."""
    connect(store, "con_1")
    return store


def begun(store: Store, kind: RunKind = PREVIEW, minutes: int = 0) -> RunRow:
    with store.write() as c:
        return runs.begin(c, "con_1", kind, "jo", NOW + timedelta(minutes=minutes))


def test_one_of_a_kind_is_unfinished_at_a_time(connected: Store) -> None:
    """Asked for twice it is the same; another kind is another run."""
    first = begun(connected)
    assert (first.state, first.asked_by, first.finished_at) == (RunState.WAITING, "jo", None)
    assert begun(connected).id == first.id
    assert begun(connected, SYNC).id != first.id
    with connected.write() as c:
        assert runs.end(c, first.id, RunState.DONE, NOW)
    assert begun(connected, minutes=1).id != first.id


def test_a_run_ends_once(connected: Store) -> None:
    """Who comes second changes nothing."""
    run = begun(connected)
    with connected.write() as c:
        assert runs.end(c, run.id, RunState.FAILED, NOW, code="reconnect", detail="revoked")
        assert not runs.end(c, run.id, RunState.DONE, NOW)
        ended = runs.get(c, run.id)
    assert ended is not None
    assert (ended.state, ended.code, ended.detail, ended.finished_at) == (
        RunState.FAILED,
        "reconnect",
        "revoked",
        NOW,
    )


def test_what_is_named_changes_and_the_rest_stays(connected: Store) -> None:
    """Numbers, words and JSON come back as they were written."""
    run = begun(connected)
    with connected.write() as c:
        runs.change(c, run.id, NOW, phase="reading", done=3, total=9, cursor={"at": 1}, what={"a": [1, None]})
        runs.change(c, run.id, NOW, done=4)
        found = runs.lock(c, run.id)
        assert found is not None
        assert (found.phase, found.done, found.total) == ("reading", 4, 9)
        assert (found.cursor, found.what) == ({"at": 1}, {"a": [1, None]})
        with pytest.raises(NotFound):
            runs.change(c, "run_nobody", NOW, done=1)


def test_the_newest_is_found_by_state(connected: Store) -> None:
    """Of a connection and a kind."""
    old = begun(connected)
    with connected.write() as c:
        runs.end(c, old.id, RunState.DONE, NOW)
    new = begun(connected, minutes=1)
    with connected.read() as c:
        newest, done = runs.latest(c, "con_1", PREVIEW), runs.latest(c, "con_1", PREVIEW, {RunState.DONE})
        assert newest is not None
        assert done is not None
        assert (newest.id, done.id) == (new.id, old.id)
        assert runs.latest(c, "con_1", SYNC) is None
        assert runs.finished(c, "con_1", PREVIEW) == [old.id]
        assert [run.id for run in runs.unfinished_of_kind(c, PREVIEW, 10)] == [new.id]


def test_pages_come_back_in_order_and_one_by_one(connected: Store) -> None:
    """Whatever signs the words hold; page -1 stands beside the list."""
    run = begun(connected)
    odd = {"name": "Jo\u2028Maple\x85\n", "n": 1.5, "none": None}
    with connected.write() as c:
        runs.keep_page(c, run.id, 0, [odd, {"n": 2}])
        runs.keep_page(c, run.id, 7, [{"n": 3}])
        runs.keep_page(c, run.id, -1, [{"sample": True}])
    with connected.read() as c:
        assert list(runs.pages(c, run.id)) == [[odd, {"n": 2}], [{"n": 3}]]
        assert runs.page(c, run.id, -1) == [{"sample": True}]
        assert runs.page(c, run.id, 1) == []
        assert runs.page_after(c, run.id, 0) == (7, [{"n": 3}])
        assert runs.page_after(c, run.id, 7) is None
    with pytest.raises(Conflict), connected.write() as c:
        runs.keep_page(c, run.id, 7, [])
    with connected.write() as c:
        assert runs.forget_pages(c, [run.id]) == 3
        assert list(runs.pages(c, run.id)) == []


def test_who_was_met_is_remembered(connected: Store) -> None:
    """Each run has its own; told twice it is known."""
    run, other = begun(connected), begun(connected, SYNC)
    with connected.write() as c:
        assert runs.see(c, run.id, ["a", "b", "a"]) == set()
        assert runs.see(c, run.id, ["b", "c"]) == {"b"}
        assert runs.see(c, other.id, ["a"]) == set()
        assert runs.seen(c, run.id, [*"abcd"]) == {"a", "b", "c"}
        many = [f"m{n}" for n in range(3000)]
        assert runs.see(c, run.id, many) == set()
        assert runs.seen(c, run.id, many) == set(many)
        runs.forget_seen(c, run.id)
        assert runs.seen(c, run.id, many) == set()
        assert runs.seen(c, other.id, ["a"]) == {"a"}
