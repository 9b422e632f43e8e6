"""Two that meet somebody new at the same moment: one writes first, the other reads that and decides anew."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from processor import contacts
from processor.converge import Cause, Sighting, Verdict, converge
from processor.domain.contact import Consent, ConsentStatus, Member, MemberStatus, subscriber_hash
from processor.domain.edit import ContactPatch
from processor.kit import Kit
from processor.store import changes, connections
from processor.store import contacts as stored

JO = "jo@maple-street.test"
NOON = datetime.fromisoformat("2026-05-01T12:00:00+00:00")
AGREED = Consent(ConsentStatus.SUBSCRIBED, NOON, "checkout")
ROUNDS = 8
"""A race is not won by every pair of threads."""


def _both(first: Callable[[], Any], second: Callable[[], Any]) -> list[Any]:
    """Run two at once, from the same instant on; return what they returned."""
    barrier = threading.Barrier(2, timeout=5)

    def run(work: Callable[[], Any]) -> Any:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(run, [first, second]))


def _member(email: str) -> Member:
    return Member(
        subscriber_hash(email),
        email,
        MemberStatus.SUBSCRIBED,
        contact_id=subscriber_hash(email),
        last_changed=NOON,
    )


def test_a_member_that_two_workers_meet_at_once_becomes_one_contact(kit: Kit) -> None:
    """A webhook and a sweep see the same new member in the same instant: both come through, one writes."""
    with kit.store.read() as c:
        connection = connections.get(c, "con_a")
    assert connection is not None
    for n in range(ROUNDS):
        look = Sighting(None, _member(f"jo{n}@maple-street.test"))

        def meet(kind: str, look: Sighting = look) -> Verdict:
            return converge(kit, connection, [look], Cause(kind))[0].verdict

        said = _both(lambda meet=meet: meet("webhook"), lambda meet=meet: meet("sweep"))
        assert sorted(said) == [Verdict.AGREED, Verdict.CHANGED]
    with kit.store.read() as c:
        assert stored.count(c, "acc_1") == ROUNDS
        assert changes.last_seq(c, "acc_1") == ROUNDS


def test_a_contact_that_the_platform_writes_twice_at_once_has_both_writes(kit: Kit) -> None:
    """Two calls PUT the same new contact with different fields: neither is lost, and the feed has both."""
    for n in range(ROUNDS):

        def put(field: str, contact_id: str = f"c{n}") -> int:
            patch = ContactPatch(
                email=f"{contact_id}@maple-street.test", fields={field: field}, consent=AGREED
            )
            return contacts.put(kit, "acc_1", contact_id, patch).contact.version

        versions = _both(lambda put=put: put("city"), lambda put=put: put("name"))
        assert sorted(versions) == [1, 2]
        assert contacts.get(kit, "acc_1", f"c{n}").fields == {"city": "city", "name": "name"}
    with kit.store.read() as c:
        assert changes.last_seq(c, "acc_1") == 2 * ROUNDS
