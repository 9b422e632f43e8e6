"""Members: what both sides agree on, and the queue of what must go up."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from processor.domain.contact import Base, MemberStatus
from processor.domain.plan import MemberState
from processor.errors import Conflict
from processor.store import Store, members
from processor.store.members import MemberRow, new_member
from tests.store.build import NOW, connected, later

BASE = Base(
    "jo@maple-street.test", MemberStatus.SUBSCRIBED, {"n": [1, None]}, frozenset({"b", "a"}), later(-9)
)


def marked(store: Store, *contact_ids: str, at: float = 0, urgent: bool = False, to: str = "con_a") -> None:
    """Mark contacts as due."""
    with store.write() as c:
        members.mark_due(c, [to], contact_ids, later(at), urgent=urgent)


def claimed(store: Store, at: float = 0, **values: Any) -> list[MemberRow]:
    """Claim what is due on `con_a`."""
    given = {"limit": 100, "lease_seconds": 60, "worker": "w1", **values}
    with store.write() as c:
        return members.claim_due(c, "con_a", now=later(at), **given)


def settled(store: Store, row: MemberRow, at: float = 0, **values: Any) -> int:
    """Settle one claimed row, as nothing more to do unless said otherwise."""
    done = {"state": MemberState.IN_SYNC, "due_at": None, **values}
    with store.write() as c:
        held = members.lock(c, [row.id])[row.id]
        return members.settle(c, [replace(held, claim=row.claim, **done)], later(at))


def the(store: Store, contact_id: str = "c1") -> MemberRow:
    """The row of a contact on `con_a`."""
    with store.read() as c:
        return members.by_contact_ids(c, "con_a", [contact_id])[contact_id]


def test_a_row_comes_back_as_it_was_written(store: Store) -> None:
    """Base and all."""
    connected(store)
    row = new_member(
        "con_a",
        contact_id="c1",
        member_id="m1",
        mailchimp_contact_id="mc1",
        email_key="jo@maple-street.test",
        base=BASE,
        seen_at=later(-3),
        seen_digest="d",
        status=MemberStatus.TRANSACTIONAL,
        state=MemberState.EXCLUDED,
        reason="no_consent",
        detail="words\0",
        instance="i",
        pushed_version=7,
    )
    with store.write() as c:
        members.insert_many(c, [row, new_member("con_a", contact_id="c2")], NOW)
        found = members.by_contact_ids(c, "con_a", ["c1", "c2", "c3"])
    assert found["c1"] == replace(row, id=found["c1"].id, detail="words\ufffd", updated_at=NOW)
    assert (found["c2"].base, found["c2"].status, found["c2"].state) == (None, None, MemberState.WAITING)
    assert "c3" not in found


def test_a_view_finds_every_row_that_it_may_mean_once(store: Store) -> None:
    """By Mailchimp's contact id, by the subscriber hash, by the address; in one audience only."""
    connected(store)
    connected(store, "con_b")
    rows = [
        new_member("con_a", mailchimp_contact_id="mc1", member_id="m1", email_key="a@maple-street.test"),
        new_member("con_a", mailchimp_contact_id="mc2", member_id="m2", email_key="b@maple-street.test"),
        new_member("con_a", contact_id="c3", email_key="b@maple-street.test"),
        new_member("con_b", mailchimp_contact_id="mc1", member_id="m1", email_key="a@maple-street.test"),
    ]
    with store.write() as c:
        members.insert_many(c, rows, NOW)

        def found(**ids: list[str]) -> list[str | None]:
            return [row.email_key for row in members.by_views(c, "con_a", **ids)]

        a, b = "a@maple-street.test", "b@maple-street.test"
        assert found(mailchimp_contact_ids=["mc1"], member_ids=["m1"], email_keys=[a]) == [a]
        assert found(member_ids=["m2", "m9"]) == [b]
        assert found(email_keys=[b]) == [b, b]
        assert found() == []


@pytest.mark.parametrize("identity", ["contact_id", "mailchimp_contact_id"])
def test_one_person_has_one_row_in_an_audience(store: Store, identity: str) -> None:
    """Whoever comes second reads again; nothing is half written."""
    connected(store)
    first = new_member("con_a", **{identity: "x"})
    with store.write() as c:
        members.insert_many(c, [first], NOW)
    with pytest.raises(Conflict), store.write() as c:
        members.insert_many(c, [new_member("con_a", contact_id="y"), first], NOW)
    with store.write() as c:
        members.insert_many(c, [new_member("con_a", contact_id="z")], NOW)
    taken = replace(the(store, "z"), contact_id="x") if identity == "contact_id" else the(store, "z")
    with pytest.raises(Conflict), store.write() as c:
        members.update_many(c, [replace(taken, mailchimp_contact_id="x")], NOW)
    with store.read() as c:
        assert sum(members.counts(c, "con_a").values()) == 2


def test_marking_makes_a_row_that_is_missing_and_wakes_one_that_rests(store: Store) -> None:
    """In each of the connections; `in_sync` becomes `waiting`, other states stay until they are looked at."""
    connected(store)
    connected(store, "con_b")
    with store.write() as c:
        members.mark_due(c, ["con_a", "con_b"], ["c1", "c2"], NOW)
        assert members.due_connections(c, NOW, 10) == ["con_a", "con_b"]
    [one, two] = claimed(store)
    settled(store, one)
    settled(store, two, state=MemberState.FAILING, reason="field_value")
    assert claimed(store, at=999) == []
    marked(store, "c1", "c2", at=5)
    assert [(row.state, row.due_at) for row in (the(store, "c1"), the(store, "c2"))] == [
        (MemberState.WAITING, later(5)),
        (MemberState.FAILING, later(5)),
    ]


def test_marking_brings_a_retry_forward_and_begins_its_attempts_anew(store: Store) -> None:
    """What a person mended is not punished for its past; what is due already is not put off."""
    connected(store)
    marked(store, "c1")
    [row] = claimed(store)
    settled(store, row, state=MemberState.WAITING, due_at=later(3600))
    marked(store, "c1", at=10)
    marked(store, "c1", at=20)
    assert (the(store).due_at, the(store).attempts) == (later(10), 0)


def test_a_change_during_the_push_is_pushed_too(store: Store) -> None:
    """The claim stays with its holder; when it is settled, the row is due at once."""
    connected(store)
    marked(store, "c1")
    [row] = claimed(store)
    marked(store, "c1", at=3, urgent=True)
    assert claimed(store, at=4) == []
    assert settled(store, row, at=5) == 1
    [again] = claimed(store, at=5)
    assert (again.urgent, again.attempts, again.again) == (True, 1, False)
    assert settled(store, again, at=6) == 1
    assert claimed(store, at=999) == []
    assert not the(store).urgent


def test_a_write_under_somebody_elses_claim_keeps_the_claim(store: Store) -> None:
    """What an event teaches is written while a push is on its way; the push's lease stays its own."""
    connected(store)
    marked(store, "c1")
    [row] = claimed(store)
    with store.write() as c:
        held = members.lock(c, [row.id])[row.id]
        members.update_many(c, [replace(held, base=BASE, due_at=None)], later(1))
    assert (the(store).claim, the(store).due_at, the(store).again) == (row.claim, later(60), False)
    with store.write() as c:
        held = members.lock(c, [row.id])[row.id]
        members.update_many(c, [replace(held, due_at=later(2), urgent=True)], later(2))
    assert (the(store).base, the(store).again) == (BASE, True)
    assert settled(store, row, at=3) == 1
    assert claimed(store, at=3)[0].urgent


def test_a_write_to_a_free_row_sets_when_it_is_looked_at(store: Store) -> None:
    """Reading Mailchimp's side may show that nothing is left to send."""
    connected(store)
    marked(store, "c1")
    with store.write() as c:
        held = members.lock(c, [the(store).id])
        members.update_many(
            c, [replace(row, due_at=None, state=MemberState.IN_SYNC) for row in held.values()], NOW
        )
    assert claimed(store, at=999) == []


def test_urgent_ones_go_first_then_the_oldest(store: Store) -> None:
    """Somebody who left does not wait behind a thousand changes of names."""
    connected(store)
    marked(store, "c1", at=2)
    marked(store, "c2", at=1)
    marked(store, "c3", at=3, urgent=True)
    assert [row.contact_id for row in claimed(store, at=9, limit=2)] == ["c3", "c2"]


def test_threads_that_claim_at_once_never_share_a_member(store: Store) -> None:
    """300 members, 6 workers, while others mark more."""
    connected(store)
    marked(store, *(f"c{n}" for n in range(300)))

    def work(n: int) -> list[int]:
        mine: list[int] = []
        while batch := claimed(store, worker=f"w{n}", limit=9):
            mine += [row.id for row in batch]
            marked(store, "c1", "c299", f"new{n}", at=1)
        return mine

    with ThreadPoolExecutor(6) as threads:
        everything = list(itertools.chain.from_iterable(threads.map(work, range(6))))
    assert len(everything) == len(set(everything)) == 300


def test_a_lost_claim_settles_nothing(store: Store) -> None:
    """A worker that was too slow changes nothing any more."""
    connected(store)
    marked(store, "c1")
    [slow] = claimed(store)
    with store.write() as c:
        assert members.expire(c, later(59), max_crashes=5) == []
        assert members.expire(c, later(61), max_crashes=5) == ["con_a"]
    [quick] = claimed(store, at=61, worker="w2")
    assert settled(store, slow, at=62) == 0
    assert settled(store, quick, at=63) == 1


def test_a_member_that_brings_workers_down_goes_alone_and_stops_in_the_end(store: Store) -> None:
    """Its neighbours come through; it is failing, with our own fault as the reason."""
    connected(store)
    marked(store, "c1", "c2", "c3")
    poison = claimed(store)[0].id
    at, healthy = 0.0, 0
    sizes: list[int] = []
    for _ in range(10):
        at += 61
        with store.write() as c:
            members.expire(c, later(at), max_crashes=3)
        batch = claimed(store, at=at)
        sizes.append(len(batch))
        if poison not in [row.id for row in batch]:  # a worker that holds it dies
            healthy += sum(settled(store, row, at=at) for row in batch)
    assert sizes[:2] == [3, 1]
    assert max(sizes[1:]) == 1
    assert healthy == 2
    with store.read() as c:
        row = members.get(c, poison)
        assert members.reasons(c, "con_a") == {(MemberState.FAILING, "internal"): 1}
    assert row is not None
    assert (row.state, row.due_at, row.claim) == (MemberState.FAILING, None, None)


def test_members_whose_worker_was_killed_go_on_in_groups(store: Store) -> None:
    """Not one by one: most workers that die are killed from outside."""
    connected(store)
    marked(store, *(f"c{n}" for n in range(60)))
    claimed(store)
    with store.write() as c:
        members.expire(c, later(61), max_crashes=3)
    assert [len(claimed(store, at=61, worker="w2")) for _ in range(3)] == [50, 10, 0]


def test_released_members_are_as_if_they_had_never_been_claimed(store: Store) -> None:
    """A deploy costs no attempt."""
    connected(store)
    marked(store, "c1", "c2")
    claimed(store, limit=1)
    claimed(store, limit=1, worker="w2")
    with store.write() as c:
        assert members.release(c, "w1", later(1)) == 1
        assert members.release(c, "w1", later(1)) == 0
    [row] = claimed(store, at=1, worker="w3")
    assert row.attempts == 1


@pytest.mark.parametrize(("state", "heard"), [("paused", False), ("removed", False), ("stalled", True)])
def test_members_of_a_connection_that_may_not_work_are_not_due(store: Store, state: str, heard: bool) -> None:
    """Its changes are kept for later."""
    connected(store, state=state)
    marked(store, "c1")
    with store.read() as c:
        assert members.due_connections(c, NOW, 10) == (["con_a"] if heard else [])
        assert members.oldest_due(c, NOW) == (NOW if heard else None)
        assert members.oldest_due(c, NOW, "con_a") == NOW
        assert members.oldest_due(c, later(-1), "con_a") is None


def test_lists_and_counts_tell_the_same(store: Store) -> None:
    """Every number is a link to the rows behind it."""
    connected(store)
    rows = [new_member("con_a", contact_id=f"c{n}", state=MemberState.IN_SYNC) for n in range(3)]
    rows += [
        new_member(
            "con_a", contact_id=f"x{n}", state=MemberState.EXCLUDED, reason="no_consent" if n else "cleaned"
        )
        for n in range(3)
    ]
    with store.write() as c:
        members.insert_many(c, rows, NOW)
        counts = members.counts(c, "con_a")
        for state, number in counts.items():
            assert len(members.find(c, "con_a", limit=10, states=[state])) == number
        for (state, reason), number in members.reasons(c, "con_a").items():
            assert len(members.find(c, "con_a", limit=10, states=[state], reason=reason)) == number
        first = members.find(c, "con_a", limit=4)
        rest = members.find(c, "con_a", limit=4, after_id=first[-1].id)
    assert counts == {
        MemberState.IN_SYNC: 3,
        MemberState.WAITING: 0,
        MemberState.EXCLUDED: 3,
        MemberState.FAILING: 0,
    }
    assert len(first) + len(rest) == 6


def test_what_changes_while_it_is_held_waits_for_more_unless_somebody_left(store: Store) -> None:
    """A stream of edits of one contact would else be a write each."""
    connected(store)
    for contact_id, urgent in (("c1", False), ("c2", True)):
        marked(store, contact_id)
        [row] = claimed(store)
        marked(store, contact_id, at=1, urgent=urgent)
        with store.write() as c:
            done = replace(members.lock(c, [row.id])[row.id], state=MemberState.IN_SYNC, due_at=None)
            assert members.settle(c, [done], later(2), again_at=later(3)) == 1
        assert the(store, contact_id).due_at == later(2 if urgent else 3)


def test_trying_again_wakes_what_fails_and_nothing_else(store: Store) -> None:
    """In the order of the numbers, in pieces, with the refused version tried anew; twice is once."""
    connected(store)
    connected(store, "con_b", "acc_2")
    refused = {"state": MemberState.FAILING, "reason": "email_fake", "pushed_version": 3, "attempts": 4}
    rows = [new_member("con_a", contact_id=f"c{n}", **refused) for n in range(4)]
    rows += [new_member("con_a", contact_id="x", state=MemberState.EXCLUDED, reason="no_consent")]
    rows += [new_member("con_b", contact_id="c0", **refused)]
    with store.write() as c:
        members.insert_many(c, rows, NOW)
        one = members.try_again(c, "con_a", later(1), limit=10, contact_ids=["c1", "x", "nobody"])
        first = members.try_again(c, "con_a", later(1), limit=2)
        rest = members.try_again(c, "con_a", later(1), limit=2, after_id=first[-1])
        assert members.try_again(c, "con_a", later(1), limit=10) == []
        assert members.counts(c, "con_b")[MemberState.FAILING] == 1
    assert [len(one), len(first), len(rest)] == [1, 2, 1]
    assert first == sorted(first)
    row = the(store)
    assert (row.state, row.due_at, row.attempts, row.pushed_version) == (
        MemberState.WAITING,
        later(1),
        0,
        None,
    )
    assert row.reason == "email_fake"
    assert the(store, "x").due_at is None


def test_trying_again_what_a_worker_holds_is_looked_at_once_more(store: Store) -> None:
    """The claim stays that worker's."""
    connected(store)
    failing = new_member("con_a", contact_id="c1", state=MemberState.FAILING, reason="internal", due_at=NOW)
    with store.write() as c:
        members.insert_many(c, [failing], NOW)
    (row,) = claimed(store)
    with store.write() as c:
        assert members.try_again(c, "con_a", later(1), limit=10) == [row.id]
    assert the(store).claim == row.claim
    assert settled(store, row, at=2, state=MemberState.FAILING) == 1
    assert the(store).due_at == later(2)
