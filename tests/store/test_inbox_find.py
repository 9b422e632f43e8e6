"""Looking into the inbox, and sending events round again."""

from __future__ import annotations

import pytest

from processor.domain.event import EventStatus
from processor.errors import NotFound
from processor.store import Store, inbox
from processor.store.inbox import AttemptOutcome, EventFilter
from tests.store.build import NOW, claimed, connected, delivery, kept, later, settled, status_of


def test_an_events_name_and_number_are_the_same_thing() -> None:
    """People read and type `evt_42`."""
    assert inbox.event_name(42) == "evt_42"
    assert inbox.event_id("evt_42") == inbox.event_id("42") == 42
    for name in ("evt_", "evt_x", "con_1", "", "evt_-1", "evt_" + "9" * 30, "evt_²"):
        with pytest.raises(NotFound):
            inbox.event_id(name)


def test_pages_go_both_ways_and_miss_nothing(store: Store) -> None:
    """The last id of a page leads to the next one."""
    kept(store, 5)
    for newest_first in (True, False):
        seen: list[int] = []
        while True:
            with store.read() as c:
                page = inbox.find(
                    c,
                    EventFilter(),
                    limit=2,
                    after_id=seen[-1] if seen else None,
                    newest_first=newest_first,
                )
            if not page:
                break
            seen += [row.id for row in page]
        assert len(seen) == 5
        assert seen == sorted(seen, reverse=newest_first)


def test_every_condition_of_a_filter_narrows(store: Store) -> None:
    """Each alone, and all at once."""
    connected(store, "con_a", "acc_1")
    kept(store, 2)
    kept(store, 1, connection_id="con_b", received_at=later(100))
    [event, _] = claimed(store)
    settled(store, event, EventStatus.DEAD, type="profile", code="internal", subject="jo@maple-street.test")
    expected = {
        EventFilter(): 3,
        EventFilter(ids=(event.id,)): 1,
        EventFilter(ids=()): 0,
        EventFilter(statuses=frozenset({EventStatus.DEAD})): 1,
        EventFilter(types=frozenset({"profile"})): 1,
        EventFilter(codes=frozenset({"internal"})): 1,
        EventFilter(codes=frozenset({"network"})): 0,
        EventFilter(since=later(50)): 1,
        EventFilter(until=later(100)): 2,
        EventFilter(connection_id="con_b"): 1,
        EventFilter(account_id="acc_1"): 2,
        EventFilter(account_id="acc_2"): 0,
        EventFilter(subject="jo@maple-street.test"): 1,
        EventFilter(account_id="acc_1", connection_id="con_b"): 0,
    }
    with store.read() as c:
        found = {wanted: inbox.count(c, wanted) for wanted in expected}
        lists = {wanted: len(inbox.find(c, wanted, limit=10)) for wanted in expected}
    assert found == expected
    assert lists == expected


def test_counts_name_every_status(store: Store) -> None:
    """A screen shows zeros too."""
    kept(store, 3)
    [event, _] = claimed(store, limit=2)
    settled(store, event, EventStatus.SKIPPED)
    kept(store, 1, connection_id="con_b")
    with store.read() as c:
        everywhere, here = inbox.counts(c), inbox.counts(c, "con_a")
    assert set(here) == set(EventStatus)
    assert (here[EventStatus.RECEIVED], here[EventStatus.PROCESSING], here[EventStatus.SKIPPED]) == (1, 1, 1)
    assert everywhere[EventStatus.RECEIVED] == 2


def test_connections_with_due_work_come_longest_waiting_first(store: Store) -> None:
    """Nobody is passed over because of their name."""
    for n, name in enumerate(["con_c", "con_a", "con_b"]):
        kept(store, 3, connection_id=name, received_at=later(n))
    with store.read() as c:
        assert inbox.due_connections(c, later(1), 10) == ["con_c", "con_a"]
        assert inbox.due_connections(c, later(9), 2) == ["con_c", "con_a"]
        assert inbox.oldest_due(c, later(9)) == NOW
        assert inbox.due_connections(c, later(-1), 10) == []


@pytest.mark.parametrize(
    ("state", "heard"),
    [("paused", False), ("setup", False), ("reconnect", False), ("in_sync", True), ("removed", True)],
)
def test_work_of_a_connection_that_waits_for_a_person_is_not_due(
    store: Store, state: str, heard: bool
) -> None:
    """A paused connection must neither be poked for ever nor hide another's backlog."""
    connected(store, "con_a", "acc_1", state)
    kept(store)
    with store.read() as c:
        assert inbox.due_connections(c, NOW, 10) == (["con_a"] if heard else [])
        assert inbox.oldest_due(c, NOW) == (NOW if heard else None)


def test_a_replay_sends_settled_events_round_again_and_says_who_did(store: Store) -> None:
    """Dead, skipped and applied ones are new again; the history keeps what was."""
    kept(store, 3)
    for event, status in zip(
        claimed(store), (EventStatus.DEAD, EventStatus.SKIPPED, EventStatus.APPLIED), strict=True
    ):
        settled(store, event, status, code="internal" if status is EventStatus.DEAD else None)
    with store.write() as c:
        replayed = inbox.requeue(c, EventFilter(), now=later(60), who="key_ops", limit=2)
    assert [connection for _, connection in replayed] == ["con_a", "con_a"]
    again = claimed(store, now=later(60))
    assert [(event.id, event.attempts) for event in again] == [(replayed[0][0], 1), (replayed[1][0], 1)]
    settled(store, again[0], EventStatus.APPLIED, at=later(61))
    with store.read() as c:
        row = inbox.get(c, again[0].id)
        lines = inbox.attempts_of(c, again[0].id)
    assert row is not None
    assert (row.code, row.settled_at) == (None, later(61))
    assert [(line.outcome, line.worker) for line in lines] == [
        (AttemptOutcome.DEAD, "w1"),
        (AttemptOutcome.REPLAYED, "key_ops"),
        (AttemptOutcome.APPLIED, "w1"),
    ]


def test_a_replay_leaves_alone_what_is_being_worked_on_or_not_begun(store: Store) -> None:
    """Nothing is done twice at once."""
    kept(store, 2)
    [busy] = claimed(store, limit=1)
    with store.write() as c:
        assert inbox.requeue(c, EventFilter(), now=NOW, who="x", limit=10) == []
    assert status_of(store, busy.id) is EventStatus.PROCESSING


def test_a_retry_can_be_brought_forward(store: Store) -> None:
    """After a mend nobody waits for the next time."""
    kept(store)
    [event] = claimed(store)
    settled(store, event, EventStatus.RETRYING, due_at=later(3600))
    with store.write() as c:
        assert inbox.requeue(c, EventFilter(), now=later(1), who="x", limit=10) == [(event.id, "con_a")]
    assert len(claimed(store, now=later(1))) == 1


def test_no_such_event_is_none(store: Store) -> None:
    """An id that was never given out."""
    with store.read() as c:
        assert inbox.get(c, 4711) is None
        assert inbox.attempts_of(c, 4711) == []
        assert inbox.find(c, EventFilter(connection_id=delivery().connection_id), limit=5) == []
