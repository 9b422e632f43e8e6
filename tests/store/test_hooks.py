"""Hooks: known by the hash of their token, from before Mailchimp is told until long after."""

from __future__ import annotations

from processor.store import Store, hooks
from processor.store.hooks import HookState
from tests.store.build import NOW, later


def test_a_hook_is_found_by_its_token_and_by_no_other(store: Store) -> None:
    """It is live from the moment it is made, for Mailchimp calls before it answers."""
    with store.write() as c:
        key = hooks.add(c, "secret-path", "con_a", "sealed", NOW)
    with store.read() as c:
        found = hooks.find(c, hooks.hash_of("secret-path"))
        assert hooks.find(c, hooks.hash_of("secret-patH")) is None
        assert hooks.find(c, hooks.hash_of("\ud800\0")) is None
    assert found is not None
    assert (found.token_hash, found.connection_id, found.state) == (key, "con_a", HookState.LIVE)
    assert (found.webhook_id, found.secrets_sealed, found.token_sealed) == (None, (), "sealed")


def test_the_newest_signing_secret_comes_first(store: Store) -> None:
    """Several may be valid while they change; telling the same one twice adds nothing."""
    with store.write() as c:
        key = hooks.add(c, "t", "con_a", "sealed", NOW)
        hooks.activate(c, key, "w1", "one")
        hooks.activate(c, key, "w1", "two")
        hooks.activate(c, key, "w1", "two")
        hooks.activate(c, key, "w1", None)
        found = hooks.find(c, key)
    assert found is not None
    assert (found.webhook_id, found.secrets_sealed) == ("w1", ("two", "one"))


def test_a_hook_outlives_its_connection(store: Store) -> None:
    """It stays to answer 410."""
    with store.write() as c:
        old = hooks.add(c, "old", "con_a", "sealed", NOW)
        new = hooks.add(c, "new", "con_a", "sealed", later(1))
        hooks.add(c, "other", "con_b", "sealed", NOW)
        hooks.retire(c, old)
        hooks.mark_gone(c, new)
        hooks.seen(c, new, later(5))
        rows = hooks.for_connection(c, "con_a")
    assert [(row.state, row.last_seen_at) for row in rows] == [
        (HookState.RETIRED, None),
        (HookState.GONE, later(5)),
    ]


def test_what_is_sealed_can_be_replaced(store: Store) -> None:
    """After a rotation of keys."""
    with store.write() as c:
        key = hooks.add(c, "t", "con_a", "old", NOW)
        hooks.reseal(c, key, "new", ["new secret"])
        found = hooks.find(c, key)
    assert found is not None
    assert (found.token_sealed, found.secrets_sealed) == ("new", ("new secret",))
