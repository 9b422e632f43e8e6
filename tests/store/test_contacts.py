"""Contacts, and the feed of their changes."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processor.domain.contact import Consent, ConsentStatus
from processor.errors import Conflict
from processor.store import Store, accounts, contacts
from tests.store.build import NOW, contact, later, with_contacts

FULL = contact(
    "c1",
    email="Jo@Maple-Street.test",
    fields={"NAME": "Jo", "AGE": 41, "ADDRESS": {"zip": "1", "city": "x"}, "NONE": None},
    tags=frozenset({"b", "a"}),
    consent=Consent(ConsentStatus.SUBSCRIBED, later(-5), "form"),
    version=3,
    updated_at=later(-1),
)


def test_a_contact_comes_back_as_it_was_written(store: Store) -> None:
    """Every value, and an absent one stays absent."""
    bare = contact("c2", email=None)
    with_contacts(store, FULL, bare)
    with store.read() as c:
        assert contacts.get(c, "acc_1", "c1") == FULL
        found = contacts.get(c, "acc_1", "c2")
        assert contacts.get(c, "acc_2", "c1") is None
        assert contacts.get(c, "acc_1", "c3") is None
    assert found == contact("c2", email=None, updated_at=NOW)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(fields=st.dictionaries(st.text(max_size=8), json_values, max_size=4), source=st.text())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
def test_fields_of_any_text_are_kept_but_for_what_no_database_takes(
    store: Store, fields: dict[str, object], source: str
) -> None:
    """NUL is replaced, everything else comes back (Hypothesis draws no lone surrogates here)."""
    with store.write() as c:
        accounts.ensure(c, "acc_1", NOW)
        if not contacts.lock(c, "acc_1", ["c1"]):
            contacts.insert_many(c, [contact()], NOW)
        consent = Consent(ConsentStatus.SUBSCRIBED, NOW, source)
        contacts.update_many(c, [contact(fields=fields, consent=consent)], NOW)
    with store.read() as c:
        found = contacts.get(c, "acc_1", "c1")
    assert found is not None
    if "\0" not in repr(fields).replace("\\x00", "\0"):
        assert found.fields == fields
    assert found.consent.source == source.replace("\0", "\ufffd")


def test_half_a_character_in_a_field_is_replaced_not_refused(store: Store) -> None:
    """One contact's odd value must not stop a batch."""
    with_contacts(store, contact(fields={"A\ud800": ["\udfff", {"x": "\0"}]}, tags=frozenset({"t\0"})))
    with store.read() as c:
        found = contacts.get(c, "acc_1", "c1")
    assert found is not None
    assert found.fields == {"A\ufffd": ["\ufffd", {"x": "\ufffd"}]}
    assert found.tags == frozenset({"t\ufffd"})


def test_contacts_are_found_by_address_in_any_spelling_and_all_of_them(store: Store) -> None:
    """Two contacts may share one address; another account's never show."""
    with_contacts(
        store,
        contact("c1", email="Jo@Maple-Street.test"),
        contact("c2", email=" jo@maple-street.test"),
        contact("c3", email="al@maple-street.test"),
        contact("c1", account_id="acc_2", email="jo@maple-street.test"),
    )
    with store.read() as c:
        found = contacts.find_by_email_keys(c, "acc_1", ["jo@maple-street.test", "nobody@maple-street.test"])
    assert {key: [one.id for one in some] for key, some in found.items()} == {
        "jo@maple-street.test": ["c1", "c2"]
    }


def test_a_deleted_contact_is_gone_for_readers_and_there_for_whoever_locks(store: Store) -> None:
    """Its version goes on, so that no older write can pass for a newer one; a write brings it back."""
    with_contacts(store, contact("c1", version=4), contact("c2"))
    with store.write() as c:
        assert contacts.mark_deleted(c, "acc_1", ["c1", "c9"], later(1)) == ["c1"]
        assert contacts.mark_deleted(c, "acc_1", ["c1"], later(2)) == []
        assert contacts.get(c, "acc_1", "c1") is None
        assert contacts.find_by_email_keys(c, "acc_1", ["c1@maple-street.test"]) == {}
        assert [one.id for one in contacts.page(c, "acc_1", None, 10)] == ["c2"]
        assert contacts.count(c, "acc_1") == 1
        held = contacts.lock(c, "acc_1", ["c1", "c2", "c9"])
        assert (held["c1"].is_deleted, held["c1"].deleted_at) == (True, later(1))
        assert held["c1"].contact.version == 5
        assert not held["c2"].is_deleted
        assert "c9" not in held
        contacts.update_many(c, [contact("c1", version=6)], later(3))
        assert contacts.count(c, "acc_1") == 2


def test_an_id_that_is_taken_is_a_conflict_and_writes_nothing(store: Store) -> None:
    """Somebody else was first: read again."""
    with_contacts(store, contact("c1"))
    with pytest.raises(Conflict), store.write() as c:
        contacts.insert_many(c, [contact("c0"), contact("c1")], NOW)
    with store.read() as c:
        assert contacts.count(c, "acc_1") == 1


def test_pages_cover_every_contact_once(store: Store) -> None:
    """In the order of the ids, whatever they are made of."""
    ids = [f"{prefix}{n}" for prefix in ("a", "B", "ö", "-") for n in range(7)]
    with_contacts(store, *(contact(one) for one in ids))
    seen: list[str] = []
    while True:
        with store.read() as c:
            page = contacts.page(c, "acc_1", seen[-1] if seen else None, 5)
        if not page:
            break
        seen += [one.id for one in page]
    assert sorted(seen) == sorted(ids)
    assert len(seen) == len(set(seen))


def test_many_contacts_are_read_and_locked_at_once(store: Store) -> None:
    """More than fit into one question."""
    ids = [f"c{n}" for n in range(2300)]
    with_contacts(store, *(contact(one) for one in ids))
    with store.write() as c:
        assert set(contacts.get_many(c, "acc_1", ids)) == set(ids)
        assert set(contacts.lock(c, "acc_1", ids)) == set(ids)
        keys = [f"{one}@maple-street.test" for one in ids]
        assert len(contacts.find_by_email_keys(c, "acc_1", keys)) == 2300


def test_a_locked_contact_waits_for_its_holder(store: Store) -> None:
    """Twenty threads that each add one to what they read lose no addition."""
    with_contacts(store, contact("c1", version=0), contact("c2", version=0))

    def add_one(n: int) -> None:
        with store.write() as c:
            held = contacts.lock(c, "acc_1", ["c2", "c1"] if n % 2 else ["c1", "c2"])
            time.sleep(0.001)
            changed = [contact(one.contact.id, version=one.contact.version + 1) for one in held.values()]
            contacts.update_many(c, changed, NOW)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add_one, range(20)))
    with store.read() as c:
        found = contacts.get_many(c, "acc_1", ["c1", "c2"])
    assert [one.version for one in found.values()] == [20, 20]


def test_two_that_add_the_same_contacts_do_not_cross(store: Store) -> None:
    """One wins, the other hears of a conflict; neither waits for ever."""
    with store.write() as c:
        accounts.ensure(c, "acc_1", NOW)
    barrier = threading.Barrier(4)

    def add(n: int) -> int:
        new = [contact(f"c{i}") for i in range(50)]
        barrier.wait()
        try:
            with store.write() as c:
                contacts.insert_many(c, new if n % 2 else new[::-1], NOW)
        except Conflict:
            return 0
        return 1

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(add, range(4))) == 1
