"""Two thousand webhooks, and what must be true when they have been worked off."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from processor.domain.contact import ConsentStatus
from processor.domain.event import Delivery, EventStatus
from processor.kit import utc_now
from processor.store import inbox
from processor.store.inbox import AttemptOutcome
from sandbox.control import Control
from tests.production.installation import Installation
from tests.whole.world import until

PEOPLE = 400
ROUNDS = 5
"""One to sign up, three to edit, one to move, leave or edit: a webhook for each."""
SENDERS = 3

NAMES = {"subscribed": ConsentStatus.SUBSCRIBED, "unsubscribed": ConsentStatus.UNSUBSCRIBED}


def address(person: int) -> str:
    """The address with which a person signs up."""
    return f"p{person}@maple-street.test"


def moved(person: int) -> str:
    """The address of a person who has moved."""
    return f"p{person}@new-street.test"


def _act(control: Control, audience: str, person: int, turn: int) -> None:
    email = address(person)
    fields = {"FNAME": f"p{person}-v{turn}", "CITY": f"city {turn}"}
    if turn == 0:
        control.act(audience, "subscribe", email, merge_fields=fields)
    elif turn == ROUNDS - 1 and person % 10 == 0:
        control.unsubscribe(audience, email)
    elif turn == ROUNDS - 1 and person % 10 == 1:
        control.change_address(audience, email, moved(person))
    else:
        control.edit(audience, email, merge_fields=fields)


class Storm:
    """Everybody does everything, round by round; each person's acts are in their order."""

    def __init__(self, made: Installation, people: int = PEOPLE) -> None:
        self._made = made
        self._people = people
        self._pool = ThreadPoolExecutor(SENDERS)
        self._running: list[Future[None]] = []
        self._lock = threading.Lock()
        self.acts = 0
        self.hold_at = 1_000_000
        """Nothing more happens once this many things have, until this is raised."""

    def start(self) -> None:
        """Begin; the acts go on in threads."""
        self._running = [self._pool.submit(self._run, n) for n in range(SENDERS)]

    def _run(self, sender: int) -> None:
        with Control(self._made.control.url) as control:
            for turn in range(ROUNDS):
                for person in range(sender, self._people, SENDERS):
                    while self.acts >= self.hold_at:
                        time.sleep(0.01)
                    _act(control, self._made.audience, person, turn)
                    with self._lock:
                        self.acts += 1

    def until_acts(self, number: int) -> None:
        """Wait until so many things have happened in Mailchimp."""
        until(lambda: self.acts >= number or self._failed(), 60)

    def until_sent(self) -> None:
        """Wait until everything has happened and every webhook was acknowledged."""
        for one in self._running:
            one.result(120)
        self._pool.shutdown()
        assert self._made.control.settle(60)

    def _failed(self) -> bool:
        return any(one.done() and one.exception() for one in self._running)


@contextmanager
def storm(made: Installation, people: int = PEOPLE) -> Iterator[Storm]:
    """Let a storm go on while inside; at the end every webhook has been acknowledged."""
    going = Storm(made, people)
    going.start()
    try:
        yield going
    finally:
        going.hold_at = 1_000_000  # its threads must end, whatever happened
    going.until_sent()


def acknowledged(made: Installation) -> set[bytes]:
    """Return the idempotency keys of all deliveries that were answered 200."""
    found = made.control.deliveries(made.audience, limit=20_000)
    assert {d["state"] for d in found} == {"delivered"}
    at = utc_now()
    keys = {Delivery(made.connection_id, d["body"].encode(), "", at).key for d in found}
    assert len(keys) >= PEOPLE * ROUNDS * 0.99
    return keys


def kept(made: Installation) -> set[bytes]:
    """Return the keys of all deliveries that are in the inbox."""
    from sqlalchemy import text

    with made.house.store.read() as c:
        return {bytes(key) for key in c.scalars(text("SELECT key FROM events"))}


def assert_all_applied(made: Installation, seconds: float = 60.0) -> float:
    """Everything acknowledged is kept, everything kept is carried out in time, and both sides are equal.
    Return how long the last of it took."""
    started = time.monotonic()
    assert acknowledged(made) <= kept(made)
    until(made.is_settled, seconds)
    took = time.monotonic() - started
    done = {EventStatus.APPLIED, EventStatus.SKIPPED}
    assert [(e.name, e.status, e.code, e.outcome) for e in made.events() if e.status not in done] == []
    assert_equal(made)
    assert_feed_is_whole(made)
    return took


def assert_equal(made: Installation) -> None:
    """Every member is a contact with the same name, city and consent, and nobody else is there."""
    theirs = made.control.members(made.audience)
    ours = made.contacts()
    assert set(ours) == set(theirs)
    for email, member in theirs.items():
        contact = ours[email]
        said = (contact.fields.get("first_name"), contact.fields.get("city"), contact.consent.status)
        is_there = (member["merge_fields"]["FNAME"], member["merge_fields"]["CITY"], NAMES[member["status"]])
        assert said == is_there, email


def assert_feed_is_whole(made: Installation) -> None:
    """Each contact's changes follow one another without a gap, each begins where the one before ended, the
    last one is what is there now, and none of them is another person's."""
    by_contact: dict[str, list[Any]] = defaultdict(list)
    seqs = []
    for row in made.feed():
        seqs.append(row.seq)
        by_contact[row.change.contact_id].append(row.change)
    assert seqs == list(range(1, len(seqs) + 1))
    now = {contact.id: contact for contact in made.contacts().values()}
    assert set(by_contact) == set(now)
    for contact_id, told in by_contact.items():
        assert [change.version for change in told] == list(range(1, now[contact_id].version + 1))
        _assert_follows(told)
        assert told[-1].contact["fields"] == dict(now[contact_id].fields)
        people = {change.contact["fields"]["first_name"].partition("-")[0] for change in told}
        assert people == {str(now[contact_id].email).partition("@")[0]}


def _assert_follows(told: list[Any]) -> None:
    fields: dict[str, Any] = {}
    for change in told:
        for name, step in change.what.items():
            if name in fields:
                assert step["before"] == fields[name], name
            fields[name] = step["after"]


def attempts(made: Installation, outcome: AttemptOutcome) -> int:
    """Return how many attempts ended so."""
    from sqlalchemy import text

    with made.house.store.read() as c:
        query = text("SELECT count(*) FROM attempts WHERE outcome = :outcome")
        return int(c.scalar(query, {"outcome": outcome.value}) or 0)


def in_the_middle(made: Installation, there: Callable[[Installation], bool]) -> None:
    """Wait, closely, for a moment in the work."""
    deadline = time.monotonic() + 30
    while not there(made):
        assert time.monotonic() < deadline, "that moment never came"
        time.sleep(0.005)


def is_processing(made: Installation) -> bool:
    """Whether a worker holds events just now."""
    with made.house.store.read() as c:
        return inbox.counts(c)[EventStatus.PROCESSING] > 0
