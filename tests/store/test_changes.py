"""The feed: a reader that remembers one number never misses a change."""

from __future__ import annotations

import random
import threading
import time

import pytest

from processor.errors import Expired, NotFound
from processor.store import Store, accounts, changes
from processor.store.changes import Origin
from tests.store.build import NOW, appended, change


def account(store: Store, *ids: str) -> None:
    """Make these accounts."""
    with store.write() as c:
        for one in ids or ("acc_1",):
            accounts.ensure(c, one, NOW)


def test_a_change_comes_back_as_it_was_written(store: Store) -> None:
    """What, why, and the whole contact; a deleted one has none."""
    account(store)
    gone = change("c2", contact=None, origin=Origin.MAILCHIMP, what={"b": 1, "a": [2]})
    assert appended(store, change("c1"), gone) == 2
    with store.read() as c:
        rows, cursor = changes.after(c, "acc_1", 0, 10)
    assert [(row.seq, row.change) for row in rows] == [(1, change("c1")), (2, gone)]
    assert cursor == 2


def test_accounts_are_made_once_and_have_feeds_of_their_own(store: Store) -> None:
    """One tenant's numbers say nothing about another's."""
    account(store, "acc_1", "acc_2")
    account(store, "acc_1")
    assert appended(store, change()) == 1
    assert appended(store, change(), account_id="acc_2") == 1
    assert appended(store, change()) == 2
    with store.read() as c:
        assert accounts.is_known(c, "acc_1")
        assert not accounts.is_known(c, "acc_3")
        assert accounts.page(c, None, 10) == ["acc_1", "acc_2"]
        assert accounts.page(c, "acc_1", 10) == ["acc_2"]


def test_the_cursor_passes_over_what_the_reader_did_not_ask_for(store: Store) -> None:
    """A reader of Mailchimp's changes does not read the platform's own again and again."""
    account(store)
    appended(store, change("c1"), change("c2", Origin.MAILCHIMP), change("c3"), change("c4"))
    with store.read() as c:
        rows, cursor = changes.after(c, "acc_1", 0, 10, Origin.MAILCHIMP)
        assert ([row.seq for row in rows], cursor) == ([2], 4)
        assert changes.after(c, "acc_1", cursor, 10) == ([], 4)
        rows, cursor = changes.after(c, "acc_1", 0, 3)
        assert ([row.seq for row in rows], cursor) == ([1, 2, 3], 3)
        assert changes.after(c, "acc_1", 4, 10) == ([], 4)
        with pytest.raises(Expired):
            changes.after(c, "acc_1", 5, 10)


def test_a_contacts_history_is_newest_first(store: Store) -> None:
    """Page by page."""
    account(store)
    appended(store, change("c1"), change("c2"), change("c1"), change("c1"))
    with store.read() as c:
        first = changes.of_contact(c, "acc_1", "c1", 2)
        rest = changes.of_contact(c, "acc_1", "c1", 2, before_seq=first[-1].seq)
    assert [row.seq for row in first + rest] == [4, 3, 1]


def test_a_feed_of_nobody_is_an_error(store: Store) -> None:
    """Not an empty list: the caller's id is wrong."""
    with store.write() as c:
        for ask in (
            lambda: changes.append(c, "acc_9", [change()]),
            lambda: changes.last_seq(c, "acc_9"),
            lambda: changes.after(c, "acc_9", 0, 1),
        ):
            with pytest.raises(NotFound):
                ask()


def test_a_transaction_that_fails_leaves_no_gap(store: Store) -> None:
    """The numbers are taken and given back with the transaction."""
    account(store)
    with pytest.raises(NotFound), store.write() as c:
        changes.append(c, "acc_1", [change()]) and changes.last_seq(c, "acc_9")
    assert appended(store, change()) == 1


def test_a_reader_never_misses_a_change_however_slowly_others_commit(store: Store) -> None:
    """Six writers commit after pauses of different lengths; a reader that only remembers its cursor sees
    every number once and in order."""
    account(store)
    writing = threading.Event()
    writing.set()

    def write(seed: int) -> None:
        pause = random.Random(seed)
        for _ in range(15):
            with store.write() as c:
                time.sleep(pause.random() / 500)
                changes.append(c, "acc_1", [change()] * pause.randint(1, 3))
                time.sleep(pause.random() / 500)

    seen: list[int] = []

    def read() -> None:
        cursor = 0
        while True:
            ending = not writing.is_set()
            with store.read() as c:
                rows, cursor = changes.after(c, "acc_1", cursor, 4)
            seen.extend(row.seq for row in rows)
            if ending and not rows:
                return
            time.sleep(0.0005)

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(6)]
    for thread in [reader, *writers]:
        thread.start()
    for thread in writers:
        thread.join()
    writing.clear()
    reader.join()
    with store.read() as c:
        assert seen == list(range(1, changes.last_seq(c, "acc_1") + 1))
    assert len(seen) >= 90
