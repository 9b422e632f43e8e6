"""Claiming, settling, handing back: who works on what, and what becomes of it."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processor.domain.event import TRANSITIONS, EventStatus, may_become
from processor.errors import IllegalTransition
from processor.store import Store, inbox
from processor.store.inbox import AttemptOutcome, EventFilter, Settled
from tests.store.build import NOW, claimed, delivery, kept, later, settled, status_of


def test_a_claimed_event_belongs_to_one_worker_until_its_lease_runs_out(store: Store) -> None:
    """The second worker gets nothing, and the attempt is counted at the start."""
    kept(store)
    [event] = claimed(store)
    assert (event.attempts, event.body, event.connection_id) == (1, b"type=profile&n=0", "con_a")
    assert claimed(store, worker="w2") == []
    assert claimed(store, worker="w2", now=later(3600)) == []
    assert status_of(store, event.id) is EventStatus.PROCESSING


def test_claims_come_oldest_due_first_and_no_more_than_asked_for(store: Store) -> None:
    """What has waited longest is done first."""
    kept(store, 1, received_at=later(5))
    with store.write() as c:
        inbox.keep(c, [delivery("newer", received_at=later(8)), delivery("older", received_at=later(1))])
    assert [e.body for e in claimed(store, now=later(9), limit=2)] == [b"older", b"type=profile&n=0"]


def test_what_is_not_due_yet_or_belongs_to_another_connection_is_not_claimed(store: Store) -> None:
    """A retry waits for its time."""
    kept(store, received_at=later(10))
    assert claimed(store) == []
    assert claimed(store, now=later(10), connection_id="con_b") == []
    assert len(claimed(store, now=later(10))) == 1


def test_threads_that_claim_at_once_never_share_an_event(store: Store) -> None:
    """400 events, 8 workers: each event has one."""
    kept(store, 400)

    def work(n: int) -> list[int]:
        mine: list[int] = []
        while batch := claimed(store, worker=f"w{n}", limit=7):
            mine += [event.id for event in batch]
        return mine

    with ThreadPoolExecutor(8) as threads:
        everything = list(itertools.chain.from_iterable(threads.map(work, range(8))))
    assert len(everything) == len(set(everything)) == 400


def test_settling_writes_the_verdict_and_nothing_is_due_any_more(store: Store) -> None:
    """An applied event says what was decided."""
    kept(store)
    [event] = claimed(store)
    assert (
        settled(
            store,
            event,
            EventStatus.APPLIED,
            type="profile",
            subject="jo@maple-street.test",
            fired_at=later(-5),
            outcome={"b": 1, "a": ["x"]},
        )
        == 1
    )
    with store.read() as c:
        row = inbox.get(c, event.id)
        assert inbox.oldest_due(c, later(9999)) is None
        assert inbox.attempts_of(c, event.id) == []
    assert row is not None
    assert (row.status, row.type, row.fired_at) == (EventStatus.APPLIED, "profile", later(-5))
    assert (row.outcome, row.settled_at, row.due_at) == ({"a": ["x"], "b": 1}, NOW, None)


def test_a_lost_claim_settles_nothing_and_is_no_error(store: Store) -> None:
    """A worker that was too slow finds that another has taken over."""
    kept(store)
    [slow] = claimed(store)
    with store.write() as c:
        assert inbox.expire(c, later(61), max_crashes=5) == ["con_a"]
    [quick] = claimed(store, worker="w2", now=later(61))
    assert settled(store, slow, EventStatus.DEAD, code="internal") == 0
    assert status_of(store, slow.id) is EventStatus.PROCESSING
    assert settled(store, quick, EventStatus.APPLIED) == 1
    assert settled(store, quick, EventStatus.DEAD) == 0
    assert status_of(store, slow.id) is EventStatus.APPLIED


def test_failures_and_the_success_after_them_are_an_events_history(store: Store) -> None:
    """Two tries that failed and one that did not."""
    kept(store)
    [event] = claimed(store)
    settled(store, event, EventStatus.RETRYING, code="mailchimp_down", detail="no\0answer", instance="i-1")
    assert claimed(store, now=later(9)) == []
    [event] = claimed(store, now=later(10), worker="w2")
    assert event.attempts == 2
    settled(store, event, EventStatus.APPLIED, at=later(11))
    with store.read() as c:
        lines = inbox.attempts_of(c, event.id)
    assert [(line.n, line.outcome, line.worker, line.code) for line in lines] == [
        (1, AttemptOutcome.RETRYING, "w1", "mailchimp_down"),
        (2, AttemptOutcome.APPLIED, "w2", None),
    ]
    assert lines[0].detail == "no\ufffdanswer"


def test_a_retry_without_a_time_is_refused(store: Store) -> None:
    """It would never come round again."""
    kept(store)
    [event] = claimed(store)
    with store.write() as c, pytest.raises(ValueError, match="needs a time"):
        inbox.settle(c, [Settled(event.id, event.claim, EventStatus.RETRYING)], NOW)


def test_released_work_is_as_if_it_had_never_been_claimed(store: Store) -> None:
    """A deploy costs no attempt; the other worker's work stays its own."""
    kept(store, 3)
    claimed(store, limit=2)
    claimed(store, limit=1, worker="w2")
    with store.write() as c:
        assert inbox.release(c, "w1", later(1)) == 2
        assert inbox.release(c, "w1", later(1)) == 0
    again = claimed(store, now=later(1), worker="w3")
    assert [event.attempts for event in again] == [1, 1]


def test_an_event_that_brings_workers_down_is_claimed_alone_and_buried_in_the_end(store: Store) -> None:
    """Its neighbours come through; it is dead after the third worker, with its history."""
    kept(store, 3)
    now = 0.0
    poison = claimed(store)[0].id
    healthy: list[int] = []
    sizes: list[int] = []
    for _ in range(10):
        now += 61
        with store.write() as c:
            inbox.expire(c, later(now), max_crashes=3)
        batch = claimed(store, now=later(now))
        sizes.append(len(batch))
        if poison not in [event.id for event in batch]:  # a worker that holds it dies
            for event in batch:
                settled(store, event, EventStatus.APPLIED, at=later(now))
                healthy.append(event.id)
    assert sizes[:2] == [3, 1]
    assert max(sizes[1:]) == 1
    assert len(healthy) == 2
    assert status_of(store, poison) is EventStatus.DEAD
    with store.read() as c:
        row = inbox.get(c, poison)
        lines = inbox.attempts_of(c, poison)
    assert row is not None
    assert (row.code, row.crashes, row.due_at) == ("internal", 3, None)
    assert [line.outcome for line in lines] == [AttemptOutcome.CRASHED] * 3


def test_a_batch_whose_worker_was_killed_goes_on_in_groups(store: Store) -> None:
    """Not one by one, and not mixed with those that nobody died with."""
    kept(store, 120)
    claimed(store, limit=118)
    with store.write() as c:
        inbox.expire(c, later(61), max_crashes=5)
    fresh = claimed(store, limit=1000, now=later(61), worker="w2")
    assert [event.crashes for event in fresh] == [0, 0]
    groups = [claimed(store, limit=1000, now=later(61), worker="w2") for _ in range(4)]
    assert [len(group) for group in groups] == [50, 50, 18, 0]


def test_an_attempt_that_ends_clears_the_suspicion(store: Store) -> None:
    """After a retry that came back in good order the event goes with the others again."""
    kept(store, 1)
    claimed(store)
    with store.write() as c:
        inbox.expire(c, later(61), max_crashes=5)
    [event] = claimed(store, now=later(61))
    assert event.crashes == 1
    settled(store, event, EventStatus.RETRYING, at=later(61))
    assert claimed(store, now=later(100))[0].crashes == 0


def test_expiring_finds_nothing_where_every_lease_holds(store: Store) -> None:
    """The clock may tick as often as it likes."""
    kept(store, 2)
    claimed(store, limit=1)
    with store.write() as c:
        assert inbox.expire(c, later(59), max_crashes=5) == []


ALL = list(EventStatus)


def _bring_to(store: Store, event_id: int, status: EventStatus) -> str:
    """Bring the event to a status by the inbox's own steps; return the claim it last had."""
    with store.write() as c:
        inbox.requeue(c, EventFilter(ids=(event_id,)), now=NOW, who="test", limit=1)
        inbox.release(c, "w1", NOW)
    if status is EventStatus.RECEIVED:
        return ""
    [event] = claimed(store)
    if status is not EventStatus.PROCESSING:
        assert settled(store, event, status) == 1
    return event.claim


@given(old=st.sampled_from(ALL), new=st.sampled_from(ALL))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_the_inbox_makes_no_step_that_is_not_in_the_table(
    store: Store, old: EventStatus, new: EventStatus
) -> None:
    """From every status to every other by settling and by replaying: only steps of TRANSITIONS happen."""
    with store.write() as c:
        inbox.keep(c, [delivery("one")])
        [row] = inbox.find(c, EventFilter(), limit=1)
    claim = _bring_to(store, row.id, old)
    assert status_of(store, row.id) is old
    if may_become(EventStatus.PROCESSING, new):
        with store.write() as c:
            changed = inbox.settle(c, [Settled(row.id, claim, new, due_at=NOW)], NOW)
        assert changed == (old is EventStatus.PROCESSING)
    else:
        with store.write() as c, pytest.raises(IllegalTransition):
            inbox.settle(c, [Settled(row.id, claim, new, due_at=NOW)], NOW)
    now_is = status_of(store, row.id)
    assert now_is is old or now_is in TRANSITIONS[old]
    with store.write() as c:
        inbox.requeue(c, EventFilter(ids=(row.id,)), now=NOW, who="test", limit=1)
    then = status_of(store, row.id)
    assert then is now_is or then in TRANSITIONS[now_is]
