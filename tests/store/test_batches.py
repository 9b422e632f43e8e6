"""Batches at Mailchimp, and the members that wait for their results."""

from __future__ import annotations

from processor.store import Store, batches, leases, liveness, members
from processor.store.batches import BatchRow
from processor.store.members import MemberRow, new_member
from tests.store.build import NOW, connected, later, with_contacts

HOUR = 3600


def _row(claim: str = "clm_b", **values: object) -> BatchRow:
    given = {"operations": 2, "what": {"1": {"fields": True}}, "submitted_at": NOW, "next_poll_at": later(2)}
    return BatchRow("con_a", "9f0d", claim, **{**given, **values})


def _held(store: Store, n: int = 3) -> list[MemberRow]:
    """Members that a batch was given: claimed by a worker first, as a push does."""
    connected(store)
    with_contacts(store)
    with store.write() as c:
        new = [new_member("con_a", contact_id=f"c{i}", member_id=f"m{i}", due_at=NOW) for i in range(n)]
        members.insert_many(c, new, NOW)
        rows = members.claim_due(c, "con_a", limit=n, now=NOW, lease_seconds=60, worker="w1")
        claim = rows[0].claim or ""
        assert members.hold(c, [row.id for row in rows], claim, "clm_b", later(HOUR), NOW) == n
    return rows


def test_a_batch_is_due_until_its_results_are_read(store: Store) -> None:
    """Asked for when its time has come, put off, read, and forgotten."""
    connected(store)
    with store.write() as c:
        batches.begin(c, _row())
        assert batches.due_connections(c, NOW, 10) == []
        assert batches.due_connections(c, later(2), 10) == ["con_a"]
        batch = batches.of_connection(c, "con_a")[0]
        assert batch.what == {"1": {"fields": True}}
        batches.put_off(c, batch.id, later(9))
        assert batches.due_connections(c, later(8), 10) == []
        assert batches.of_connection(c, "con_a")[0].polls == 1
        assert batches.finish(c, batch.id)
        assert not batches.finish(c, batch.id)
        assert batches.lock(c, batch.id) is None


def test_a_connection_without_access_is_not_asked_about(store: Store) -> None:
    """Nor one that leaves; one that is paused is, since what is under way comes to its end."""
    for n, state in enumerate(["paused", "reconnect", "removing"]):
        connected(store, f"con_{n}", state=state)
        with store.write() as c:
            row = _row(f"clm_{n}")
            batches.begin(c, BatchRow(f"con_{n}", "9f0d", row.claim, 1, {}, NOW, NOW))
    with store.read() as c:
        assert batches.due_connections(c, later(5), 10) == ["con_0"]


def test_members_of_a_batch_are_nobodys_to_take_over(store: Store) -> None:
    """No worker holds them: not the dead, whose work is taken over, nor the one that started the batch."""
    _held(store)
    with store.write() as c:
        leases.take(c, "worker:w2", "w2", NOW, 15)
        assert liveness.take_over(c, NOW) == 0
        assert members.release(c, "w1", NOW) == 0
        assert members.expire(c, NOW, 5) == []
        assert members.claim_due(c, "con_a", limit=9, now=NOW, lease_seconds=60, worker="w2") == []
        assert len(members.held(c, "clm_b")) == 3


def test_a_batch_that_takes_too_long_is_no_crash(store: Store) -> None:
    """Its members are looked at again, all together, and none is ever buried for it."""
    rows = _held(store)
    with store.write() as c:
        assert members.renew(c, [row.id for row in rows], "clm_b", later(2 * HOUR)) == 3
        assert members.expire(c, later(HOUR + 1), 1) == []
        assert members.expire(c, later(2 * HOUR + 1), 1) == ["con_a"]
        again = members.claim_due(c, "con_a", limit=9, now=later(2 * HOUR + 2), lease_seconds=60, worker="w2")
    assert [row.crashes for row in again] == [0, 0, 0]


def test_what_was_lost_meanwhile_is_not_given_to_a_batch(store: Store) -> None:
    """A worker that stalled past its lease has nothing to give any more."""
    rows = _held(store)
    with store.write() as c:
        assert members.hold(c, [rows[0].id], "another claim", "clm_c", later(HOUR), NOW) == 0
        assert members.renew(c, [rows[0].id], "another claim", later(HOUR)) == 0


def test_what_presses_goes_while_enough_batches_are_under_way(store: Store) -> None:
    """Who left, and who was never there; changes of the others wait."""
    connected(store)
    with store.write() as c:
        members.insert_many(
            c,
            [
                new_member("con_a", contact_id="c1", member_id="m1", due_at=NOW),
                new_member("con_a", contact_id="c2", member_id="m2", due_at=NOW, urgent=True),
                new_member("con_a", contact_id="c3", due_at=NOW),
            ],
            NOW,
        )
        first = members.claim_due(
            c, "con_a", limit=9, now=NOW, lease_seconds=60, worker="w1", which=members.Which.PRESSING
        )
        assert {row.contact_id for row in first} == {"c2", "c3"}
