"""Keeping deliveries: what is acknowledged is there, once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from processor.domain.event import Delivery, EventStatus
from processor.store import Store, inbox
from processor.store.inbox import EventFilter
from tests.store.build import NOW, claimed, delivery, later, status_of

EVERYTHING = EventFilter()


def test_a_delivery_is_kept_as_it_came_and_is_due_at_once(store: Store) -> None:
    """Body, content type and time are untouched; the row waits in `received`."""
    with store.write() as c:
        assert inbox.keep(c, [delivery(b"type=profile&x=%FF", signed=True)]) == 1
    with store.read() as c:
        [listed] = inbox.find(c, EVERYTHING, limit=10)
        row = inbox.get(c, listed.id)
        assert listed.body is None
        assert row is not None
        assert (row.body, row.content_type) == (b"type=profile&x=%FF", "application/x-www-form-urlencoded")
        assert (row.status, row.received_at, row.due_at) == (EventStatus.RECEIVED, NOW, NOW)
        assert row.signed
        assert inbox.due_connections(c, NOW, 10) == ["con_a"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00",
        b"a\x00b=\xed\xa0\x80",
        bytes(range(256)) * 100,
        "data[x]=\ud83d".encode("utf-8", "surrogatepass"),
    ],
    ids=["empty", "nul", "surrogate", "every byte", "half a character"],
)
def test_any_bytes_are_kept(store: Store, body: bytes) -> None:
    """Nothing that authenticates itself is too odd to keep, its header included."""
    with store.write() as c:
        assert inbox.keep(c, [delivery(body, content_type="text/\x00plain\ud800")]) == 1
    with store.read() as c:
        row = inbox.get(c, inbox.find(c, EVERYTHING, limit=1)[0].id)
    assert row is not None
    assert row.body == body
    assert row.content_type == "text/\ufffdplain\ufffd"


def test_twins_are_one_event_with_redeliveries_counted(store: Store) -> None:
    """Within a batch, in a later batch, and both at once."""
    with store.write() as c:
        assert inbox.keep(c, [delivery("a"), delivery("b"), delivery("a"), delivery("a")]) == 2
    with store.write() as c:
        assert inbox.keep(c, [delivery("c"), delivery("a"), delivery("a"), delivery("b")]) == 1
    with store.read() as c:
        rows = [inbox.get(c, row.id) for row in inbox.find(c, EVERYTHING, limit=10)]
    assert {row.body: row.redeliveries for row in rows if row} == {b"a": 4, b"b": 1, b"c": 0}


def test_the_same_body_for_two_connections_is_two_events(store: Store) -> None:
    """The key is of connection and body."""
    with store.write() as c:
        assert inbox.keep(c, [delivery("a"), delivery("a", connection_id="con_b")]) == 2


def test_a_redelivery_of_a_settled_event_does_not_send_it_round_again(store: Store) -> None:
    """Mailchimp repeating itself is not a replay."""
    with store.write() as c:
        inbox.keep(c, [delivery("a")])
        [event] = inbox.claim(c, "con_a", limit=1, now=NOW, lease_seconds=60, worker="w")
        inbox.settle(c, [inbox.Settled(event.id, event.claim, EventStatus.APPLIED)], NOW)
        inbox.keep(c, [delivery("a", received_at=later(900))])
    assert status_of(store, event.id) is EventStatus.APPLIED
    with store.read() as c:
        assert inbox.due_connections(c, later(1000), 10) == []


def test_an_empty_batch_is_nothing(store: Store) -> None:
    """A writer that woke for nobody writes nothing."""
    with store.write() as c:
        assert inbox.keep(c, []) == 0


def test_a_batch_is_worked_on_in_the_order_it_came(store: Store) -> None:
    """However large it is."""
    with store.write() as c:
        batch = [delivery(f"n={n}", received_at=later(n / 1000)) for n in range(2500)]
        assert inbox.keep(c, batch) == 2500
    assert [e.body for e in claimed(store, now=later(9), limit=3)] == [b"n=0", b"n=1", b"n=2"]


def _keep(store: Store, batch: list[Delivery]) -> int:
    with store.write() as c:  # not `write_retrying`: they must not even deadlock
        return inbox.keep(c, batch)


def test_receivers_that_race_over_twins_keep_each_once(store: Store) -> None:
    """The unique key decides; every copy is counted somewhere."""
    bodies = [f"n={n}" for n in range(20)]

    def receive(turn: int) -> int:
        batch = [delivery(body) for body in (bodies if turn % 2 else reversed(bodies))]
        return _keep(store, batch)

    with ThreadPoolExecutor(6) as threads:
        new = list(threads.map(receive, range(12)))
    with store.read() as c:
        rows = inbox.find(c, EVERYTHING, limit=100)
    assert sum(new) == len(rows) == 20
    assert sum(row.redeliveries for row in rows) == 12 * 20 - 20
