"""Connections: what is known of each, and which of them may work."""

from __future__ import annotations

import pytest

from processor.domain.policy import FieldRule, Policy, Winner
from processor.errors import Conflict, NotFound
from processor.store import Store, connections, ids
from tests.store.build import GRANT, NOW, connected, later


def test_a_connection_begins_with_its_grant_and_without_an_audience(store: Store) -> None:
    """The rest is chosen at set-up."""
    connected(store, state="setup")
    with store.read() as c:
        row = connections.get(c, "con_a")
        assert connections.get(c, "con_b") is None
    assert row is not None
    assert (row.account_id, row.state, row.audience_id, row.policy) == ("acc_1", "setup", None, Policy())
    assert {name: getattr(row, name) for name in GRANT} == GRANT
    assert (row.created_at, row.updated_at) == (NOW, NOW)


def test_what_is_named_changes_and_the_rest_stays(store: Store) -> None:
    """Policy and cursor come back as they were."""
    connected(store)
    policy = Policy(fields=(FieldRule(field="name", target="FNAME", choices=("a",)),), winner=Winner.PLATFORM)
    with store.write() as c:
        connections.update(
            c,
            "con_a",
            later(1),
            policy=policy,
            watermark=later(-60),
            sweep_cursor={"page": 2},
            audience_id="aud_1",
        )
        connections.update(c, "con_a", later(2), sweep_cursor=None)
        row = connections.get(c, "con_a")
        with pytest.raises(NotFound):
            connections.update(c, "con_b", NOW, state="paused")
    assert row is not None
    assert (row.policy, row.watermark, row.sweep_cursor) == (policy, later(-60), None)
    assert (row.audience_id, row.account_name, row.updated_at) == ("aud_1", "Maple Street", later(2))


def test_an_account_connects_an_audience_once_unless_it_left_in_between(store: Store) -> None:
    """Two accounts may share one; the same one may not have it twice at a time."""
    connected(store, "con_a", "acc_1")
    connected(store, "con_b", "acc_2")
    connected(store, "con_c", "acc_1")
    with store.write() as c:
        connections.update(c, "con_a", NOW, audience_id="aud_1")
        connections.update(c, "con_b", NOW, audience_id="aud_1")
    with pytest.raises(Conflict), store.write() as c:
        connections.update(c, "con_c", NOW, audience_id="aud_1")
    with store.write() as c:
        connections.set_state(c, "con_a", "removed", NOW)
        connections.update(c, "con_c", NOW, audience_id="aud_1")


def test_only_connections_that_wait_for_nobody_are_live(store: Store) -> None:
    """Everybody else's work stays where it is."""
    states = ["setup", "previewing", "importing", "in_sync", "catching_up", "partial", "stalled"]
    states += ["reconnect", "paused", "removing", "removed"]
    for state in states:
        connected(store, f"con_{state}", state=state)
    with store.write() as c:
        for state in states:
            connections.update(c, f"con_{state}", NOW, next_sweep_at=NOW)
    with store.read() as c:
        live = {row.state for row in connections.live(c)}
        assert {row.state for row in connections.all(c) if row.is_live} == live
        assert {name.removeprefix("con_") for name in connections.sweep_due(c, NOW, 20)} == live
        assert connections.sweep_due(c, later(-1), 20) == []
        assert len(connections.for_account(c, "acc_1")) == len(connections.all(c)) == len(states)
        assert connections.for_account(c, "acc_2") == []
    assert live == {"importing", "in_sync", "catching_up", "partial", "stalled"}


def test_setting_a_state_says_whether_anything_changed(store: Store) -> None:
    """People are told of a change once; a problem goes with its state."""
    connected(store)
    with store.write() as c:
        assert connections.set_state(c, "con_a", "reconnect", later(1), problem_code="reconnect")
        assert not connections.set_state(c, "con_a", "reconnect", later(2), problem_code="reconnect")
        assert connections.set_state(c, "con_a", "in_sync", later(3))
        row = connections.get(c, "con_a")
        with pytest.raises(NotFound):
            connections.set_state(c, "con_x", "in_sync", NOW)
    assert row is not None
    assert (row.state, row.problem_code, row.updated_at) == ("in_sync", None, later(3))


def test_new_ids_are_unlike_one_another_and_of_one_form() -> None:
    """A prefix and sixteen letters."""
    made = {ids.new_id(ids.CONNECTION) for _ in range(100)}
    assert len(made) == 100
    assert all(len(one) == 20 and one.startswith("con_") and one.lower() == one for one in made)
