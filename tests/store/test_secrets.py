"""Keys, links, states and what is sealed: strangers stay out, secrets stay in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.errors import BothwaysError, ConfigError
from processor.store import Store, accounts, keys, links, oauth_states
from processor.store.links import LinkKind
from processor.store.sealing import Sealer
from tests.store.build import NOW, later

OLD, NEW = "an old passphrase, any text will do", "a new passphrase, ünïcode too"
sealer = Sealer([NEW])


@given(text=st.text(), bind=st.text())
@settings(max_examples=30, deadline=None)
def test_what_is_sealed_can_be_read_back_and_nowhere_else(text: str, bind: str) -> None:
    """A value that is moved to another row does not open there."""
    sealed = sealer.seal(text, bind)
    assert sealer.unseal(sealed, bind) == text
    with pytest.raises(BothwaysError, match="another place"):
        sealer.unseal(sealed, bind + "x")


def test_keys_rotate_without_a_gap() -> None:
    """New first, old behind; after `rotate` the old one may go."""
    sealed = Sealer([OLD]).seal("token", "connection:con_a:token")
    both = Sealer([NEW, OLD])
    assert both.unseal(sealed, "connection:con_a:token") == "token"
    rotated = both.rotate(sealed)
    assert sealer.unseal(rotated, "connection:con_a:token") == "token"
    assert sealer.unseal(both.rotate(rotated), "connection:con_a:token") == "token"


@pytest.mark.parametrize("sealed", ["", "nonsense", "gAAAAA" + "x" * 100, "ü"])
def test_what_no_key_opens_says_which_setting_is_wrong(sealed: str) -> None:
    """The operator lost a key, or has mixed two installations up."""
    with pytest.raises(ConfigError, match="SECRET_KEY"):
        sealer.unseal(sealed, "x")
    with pytest.raises(ConfigError, match="SECRET_KEY"):
        sealer.rotate(sealed)
    with pytest.raises(ConfigError, match="SECRET_KEY"):
        sealer.unseal(Sealer([OLD]).seal("token", "x"), "x")


def test_no_secret_is_printed() -> None:
    """Neither the keys nor what they seal."""
    assert repr(Sealer([NEW, OLD])) == "Sealer(2 keys)"
    assert "token" not in sealer.seal("token", "bind")
    with pytest.raises(ConfigError):
        Sealer([])


def test_a_key_is_shown_once_and_opens_until_it_is_revoked(store: Store) -> None:
    """What is kept cannot be turned back into it."""
    with store.write() as c:
        accounts.ensure(c, "acc_1", NOW)
        key_id, plain = keys.create(c, "staging", "acc_1", NOW)
        other_id, other = keys.create(c, "ops", None, later(1))
        row = keys.by_plain(c, plain)
        assert row is not None
        assert (row.id, row.account_id, row.label, row.last_used_at) == (key_id, "acc_1", "staging", None)
        assert plain.startswith("bw_")
        assert plain.startswith(row.prefix)
        assert len(row.prefix) < 12
        for wrong in ("", plain[:-1], plain + "x", other[:-1] + "\ud800"):
            assert keys.by_plain(c, wrong) is None
        assert keys.revoke(c, key_id, later(2))
        assert not keys.revoke(c, key_id, later(3))
        assert keys.by_plain(c, plain) is None
        assert keys.by_plain(c, other) is not None
        assert [one.id for one in keys.list_all(c)] == [key_id, other_id]
        assert [one.revoked_at for one in keys.list_all(c, "acc_1")] == [later(2)]


def test_the_last_use_of_a_key_is_written_down_once_a_minute(store: Store) -> None:
    """Busy callers do not queue for the row of their key."""
    with store.write() as c:
        key_id, plain = keys.create(c, "x", None, NOW)
        seen = []
        for seconds in (1, 30, 62):
            keys.used(c, key_id, later(seconds))
            row = keys.by_plain(c, plain)
            assert row is not None
            seen.append(row.last_used_at)
    assert seen == [later(1), later(1), later(62)]


def test_a_link_opens_once_in_time_and_only_where_it_leads(store: Store) -> None:
    """A link for the portal does not connect."""
    with store.write() as c:
        accounts.ensure(c, "acc_1", NOW)
        plain = links.make(c, "acc_1", LinkKind.PORTAL, NOW, ttl_seconds=60)
        late = links.make(c, "acc_1", LinkKind.PORTAL, NOW, ttl_seconds=60)
        assert links.use(c, plain, LinkKind.CONNECT, later(1)) is None
        assert links.use(c, plain, LinkKind.PORTAL, later(1)) == "acc_1"
        assert links.use(c, plain, LinkKind.PORTAL, later(2)) is None
        assert links.use(c, late, LinkKind.PORTAL, later(60)) is None
        assert links.use(c, "unknown\0", LinkKind.PORTAL, NOW) is None
        assert links.forget_expired(c, later(60)) == 0
        assert links.forget_expired(c, later(61)) == 2


def test_of_two_browsers_that_open_one_link_one_gets_in(store: Store) -> None:
    """Also when they come at once."""
    with store.write() as c:
        accounts.ensure(c, "acc_1", NOW)
        plain = links.make(c, "acc_1", LinkKind.CONNECT, NOW, ttl_seconds=60)

    def open_it(_: int) -> str | None:
        with store.write() as c:
            return links.use(c, plain, LinkKind.CONNECT, later(1))

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(open_it, range(4)), key=str) == [None, None, None, "acc_1"]


def test_an_oauth_answer_counts_only_in_the_browser_that_asked_and_once(store: Store) -> None:
    """Somebody else's answer cannot be planted in this browser."""
    with store.write() as c:
        accounts.ensure(c, "acc_1", NOW)
        state = oauth_states.make(c, "acc_1", "cookie", NOW, 600)
        again = oauth_states.make(c, "acc_1", "cookie", NOW, 600, connection_id="con_a")
        assert oauth_states.use(c, state, "another", later(1)) is None
        found = oauth_states.use(c, state, "cookie", later(1))
        assert found == oauth_states.OAuthState("acc_1", None)
        assert oauth_states.use(c, state, "cookie", later(1)) is None
        assert oauth_states.use(c, again, "cookie", later(600)) is None
        assert oauth_states.use(c, again, "cookie", later(599)) == oauth_states.OAuthState("acc_1", "con_a")
        assert oauth_states.forget_expired(c, later(601)) == 2
