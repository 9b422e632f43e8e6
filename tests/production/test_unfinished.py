"""Work that cannot be finished is handed on: the database went away, the time is over, the process ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from processor import bootstrap, burst
from processor.broker import PROCESS, QUEUE, LocalBell
from processor.domain.contact import MemberStatus, subscriber_hash
from processor.domain.event import EventStatus
from processor.errors import StoreDown
from processor.kit import Kit
from processor.look import PAGE, pages
from processor.mailchimp.members import MembersPage
from processor.process import process
from processor.push import push
from processor.store import changes, inbox, leases, members
from processor.store.inbox import EventFilter
from processor.tick import tick
from tests.production.stand import AUDIENCE, Mailchimp, member_number
from tests.store.build import contact, delivery, with_contacts
from workers.actors import declare


def _keep(kit: Kit, number: int, city: str = "Oslo") -> None:
    bodies = [
        f"type=profile&data%5Blist_id%5D={AUDIENCE}&data%5Bemail%5D=p{n}@maple-street.test"
        f"&data%5Bmerges%5D%5BCITY%5D={city}"
        for n in range(number)
    ]
    with kit.store.write() as c:
        inbox.keep(c, [delivery(body) for body in bodies])


def _attempts(kit: Kit) -> set[tuple[EventStatus, int]]:
    with kit.store.read() as c:
        return {(row.status, row.attempts) for row in inbox.find(c, EventFilter(), limit=1000)}


def _is_free(kit: Kit, actor: str, now: datetime) -> bool:
    with kit.store.read() as c:
        return not leases.is_held(c, f"{actor}:con_a", now)


@pytest.mark.parametrize("writes", [2, 3])
def test_events_held_when_the_database_goes_away_are_given_back_when_it_answers(
    kit: Kit, writes: int
) -> None:
    """Before converging or before settling: not after five minutes, and not as an attempt."""
    _keep(kit, 3)
    kit.store.writes_left = writes
    with pytest.raises(StoreDown):
        process(kit, "con_a")
    kit.store.writes_left = None
    assert _attempts(kit) == {(EventStatus.PROCESSING, 1)}
    assert not _is_free(kit, "process_events", kit.now())
    tick(kit)
    assert _attempts(kit) == {(EventStatus.RECEIVED, 0)}
    assert _is_free(kit, "process_events", kit.now())
    assert process(kit, "con_a") == 3


def test_members_held_when_the_database_goes_away_are_given_back_when_it_answers(kit: Kit) -> None:
    """A push that was cut off is begun anew with the next tick."""
    with_contacts(kit.store, contact("c1"))
    with kit.store.write() as c:
        members.mark_due(c, ["con_a"], ["c1"], kit.now())
    kit.store.writes_left = 2
    with pytest.raises(StoreDown):
        push(kit, "con_a")
    kit.store.writes_left = None
    tick(kit)
    with kit.store.read() as c:
        row = members.by_contact_ids(c, "con_a", ["c1"])["c1"]
        assert (row.claim, row.attempts, row.due_at) == (None, 0, kit.now())
    assert _is_free(kit, "push_members", kit.now())


def test_what_does_not_fit_into_the_lease_is_handed_back(kit: Kit, mailchimp: Mailchimp) -> None:
    """Mailchimp is slow: what was looked at is settled, the rest waits as if it had never been claimed."""
    mailchimp.call_seconds = 45.0
    _keep(kit, 10)
    assert process(kit, "con_a") == 10
    assert _attempts(kit) == {(EventStatus.APPLIED, 1), (EventStatus.RECEIVED, 0)}
    for _ in range(3):
        process(kit, "con_a")
    assert _attempts(kit) == {(EventStatus.APPLIED, 1)}


def test_a_process_that_ends_begins_nothing(kit: Kit, mailchimp: Mailchimp) -> None:
    """What it has just claimed is handed back without a call."""
    _keep(kit, 10)
    kit.stopping.set()
    process(kit, "con_a")
    assert _attempts(kit) == {(EventStatus.RECEIVED, 0)}
    assert mailchimp.calls == 0


def test_a_poke_that_comes_when_the_process_ends_silences_nobody(kit: Kit) -> None:
    """It is dropped, and the next ring is heard by another worker."""
    broker = bootstrap.make_broker("")
    bell = LocalBell(broker)
    declare(broker, replace(kit, bell=bell))
    bell.ring(PROCESS, ["con_a"])
    kit.stopping.set()
    broker.get_actor(PROCESS).fn("con_a")
    bell.ring(PROCESS, ["con_a"])
    assert broker.queues[QUEUE].qsize() == 2


def test_a_burst_before_anything_was_heard_is_answered_with_pages(kit: Kit, mailchimp: Mailchimp) -> None:
    """A fresh connection has no watermark: a hundred events cost pages, not a hundred calls."""
    _keep(kit, 100)
    assert process(kit, "con_a") == 100
    assert mailchimp.calls <= 3


def test_what_comes_right_after_a_burst_is_answered_together_a_moment_later(
    kit: Kit, mailchimp: Mailchimp
) -> None:
    """A reading costs two calls, whether it answers thirty or a thousand; nothing is lost by the wait."""
    _keep(kit, 100)
    process(kit, "con_a")
    mailchimp.calls = 0
    _keep(kit, 30, "Graz")
    assert process(kit, "con_a") == 0
    _keep(kit, 30, "Linz")
    assert process(kit, "con_a") == 0
    assert mailchimp.calls == 0
    mailchimp.now += burst.REST
    assert process(kit, "con_a") == 60
    assert mailchimp.calls == 2
    assert all(status is not EventStatus.RECEIVED for status, _ in _attempts(kit))


def test_a_few_that_come_after_a_few_are_not_kept_waiting(kit: Kit, mailchimp: Mailchimp) -> None:
    """Only a burst that goes on makes others wait."""
    _keep(kit, burst.MANY - 1)
    process(kit, "con_a")
    _keep(kit, 5, "Graz")
    assert process(kit, "con_a") == 5


def test_a_burst_of_changes_within_one_second_is_looked_at_again_with_pages(
    kit: Kit, mailchimp: Mailchimp
) -> None:
    """Which view of a second is the newer one takes another look, of all of them at once."""
    _keep(kit, 100)
    process(kit, "con_a")
    mailchimp.known = [replace(m, status=MemberStatus.UNSUBSCRIBED) for m in mailchimp.known]
    mailchimp.calls = 0
    with kit.store.write() as c:
        inbox.requeue(c, EventFilter(), now=kit.now(), who="test", limit=1000)
    assert process(kit, "con_a") == 100
    assert mailchimp.calls <= 6
    assert _attempts(kit) == {(EventStatus.APPLIED, 1)}


def test_a_member_that_cannot_be_read_does_not_end_the_pages(mailchimp: Mailchimp) -> None:
    """A full page less one is a full page: what comes after it is read too."""
    asked: list[int] = []

    def page(audience: str, *, offset: int, **_: Any) -> MembersPage:
        asked.append(offset)
        if len(asked) == 1:
            return MembersPage([member_number(n) for n in range(PAGE - 1)], PAGE + 1, unreadable=1)
        return MembersPage([member_number(PAGE)], PAGE + 1)

    ask: Callable[..., MembersPage] = page
    mailchimp.members_page = ask  # type: ignore[method-assign]
    assert sum(len(found) for found in pages(mailchimp, AUDIENCE, None, None)) == PAGE  # type: ignore[arg-type]


def test_who_moved_on_before_the_look_is_not_taken_for_gone(kit: Kit, mailchimp: Mailchimp) -> None:
    """The webhook names the old address, Mailchimp knows them by the new one: the contact moves, and is at
    no time taken off the list."""
    mailchimp.known = [replace(member_number(0), contact_id="c" * 32)]
    _keep(kit, 1)
    process(kit, "con_a")
    new = "p0@new-street.test"
    mailchimp.known = [
        replace(mailchimp.known[0], id=subscriber_hash(new), email=new, last_changed=kit.now())
    ]
    with kit.store.write() as c:
        inbox.requeue(c, EventFilter(), now=kit.now(), who="test", limit=10)
    process(kit, "con_a")
    with kit.store.read() as c:
        told = [row.change for row in changes.after(c, "acc_1", 0, 10)[0]]
    assert [sorted(change.what) for change in told[1:]] == [["email"]]
