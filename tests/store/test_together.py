"""Transactions of several tables at once, as the verbs make them."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from processor.domain.event import EventStatus
from processor.domain.plan import MemberState
from processor.store import Store, changes, connections, contacts, inbox, members
from processor.store.inbox import EventFilter, Settled
from tests.store.build import NOW, change, connected, contact, delivery, later, with_contacts

IDS = [f"c{n}" for n in range(12)]
BODIES = [f"n={n}" for n in range(12)]


def _some(choice: random.Random, of: list[str]) -> list[str]:
    return choice.sample(of, 5)  # in any order: the functions put it right


def _process(store: Store, choice: random.Random) -> None:
    with store.write() as c:
        events = inbox.claim(c, "con_a", limit=5, now=later(5), lease_seconds=60, worker="w1")
    with store.write() as c:
        held = contacts.lock(c, "acc_1", _some(choice, IDS))
        rows = members.by_contact_ids(c, "con_a", list(held))
        locked = members.lock(c, [row.id for row in rows.values()])
        contacts.update_many(
            c, [replace(one.contact, version=one.contact.version + 1) for one in held.values()], NOW
        )
        members.update_many(c, [replace(row, seen_digest="x") for row in locked.values()], NOW)
        members.mark_due(c, ["con_b", "con_a"], _some(choice, list(held)), NOW)
        inbox.settle(c, [Settled(e.id, e.claim, EventStatus.APPLIED) for e in reversed(events)], NOW)
        connections.update(c, "con_a", NOW, watermark=NOW)
        changes.append(c, "acc_1", [change(one) for one in held])


def _push(store: Store, choice: random.Random) -> None:
    connection_id = choice.choice(["con_a", "con_b"])
    with store.write() as c:
        due = members.claim_due(c, connection_id, limit=6, now=later(5), lease_seconds=60, worker="w1")
    with store.write() as c:
        contacts.lock(c, "acc_1", [row.contact_id or "" for row in reversed(due)])
        held = members.lock(c, [row.id for row in reversed(due)])
        done = [replace(held[row.id], claim=row.claim, state=MemberState.IN_SYNC, due_at=None) for row in due]
        members.settle(c, done[::-1], NOW)
        connections.set_state(c, connection_id, choice.choice(["in_sync", "catching_up"]), NOW)


def _receive(store: Store, choice: random.Random) -> None:
    with store.write() as c:
        inbox.keep(c, [delivery(body) for body in _some(choice, BODIES)])


def _tend(store: Store, choice: random.Random) -> None:
    with store.write() as c:
        inbox.requeue(c, EventFilter(), now=NOW, who="x", limit=6)
        inbox.expire(c, later(choice.choice([0, 99])), max_crashes=99)
    with store.write() as c:
        members.expire(c, later(choice.choice([0, 99])), max_crashes=99)
    if choice.random() < 0.2:
        with store.write() as c:
            members.release(c, "w1", NOW)
            inbox.release(c, "w1", NOW)


def test_whoever_keeps_the_lock_order_never_meets_a_deadlock(store: Store) -> None:
    """Receiving, processing, pushing and tending at once, without a single second try."""
    connected(store, "con_a")
    connected(store, "con_b")
    with_contacts(store, *(contact(one, version=0) for one in IDS))
    with store.write() as c:
        members.mark_due(c, ["con_a", "con_b"], IDS, NOW)
    verbs: list[Callable[[Store, random.Random], None]] = [_process, _push, _receive, _tend]

    def work(n: int) -> None:
        choice = random.Random(n)
        for turn in range(12):
            verbs[(n + turn) % 4](store, choice)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
    with store.read() as c:
        versions = sum(one.version for one in contacts.page(c, "acc_1", None, 20))
        assert changes.last_seq(c, "acc_1") == versions == 8 * 3 * 5
