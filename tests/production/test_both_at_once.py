"""The same contacts written on both sides at the same time, with several processes at work on them."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from processor.domain.contact import Contact
from processor.domain.event import EventStatus
from processor.report import conflicts_of, history
from sandbox.control import Control
from tests.production.installation import ACCOUNT, Installation, embedded, installation
from tests.production.services import Database, shared_redis
from tests.whole.world import until

pytestmark = pytest.mark.slow

PEOPLE = 60
ROUNDS = 3
"""How often each side writes each contact."""
WRITERS = 2
"""How many write at the same time on each side."""
CONSENT = {"status": "subscribed", "at": "2026-01-15T09:00:00Z", "source": "checkout"}
LEFT = {"status": "unsubscribed", "at": "2026-03-01T09:00:00Z", "source": "preferences"}
LEAVE_HERE, LEAVE_THERE = 3, 7
"""Of ten people, which one leaves on each side."""
IN_ONE = 30
"""Contacts that the platform writes by one call."""


@pytest.mark.services
def test_two_worker_processes_on_postgresql_lose_no_update(tmp_path: Path, database: Database) -> None:
    """Two of the Procfile's workers with Redis: both sides end equal, every write is told of, no deadlock."""
    with shared_redis() as redis, installation(tmp_path, database.url, redis, webs=1, workers=2) as made:
        _write_on_both_sides(made)
        assert database.deadlocks() == 0


def test_two_processes_on_one_sqlite_file_lose_no_update(tmp_path: Path) -> None:
    """Two whole `bothways` processes on one file: both sides end equal, every write is told of."""
    with embedded(tmp_path) as made:
        made.start_another()
        _write_on_both_sides(made)


@dataclass
class Written:
    """What was written, in its order, by contact and name."""

    here: dict[tuple[str, str], list[Any]] = field(default_factory=lambda: defaultdict(list))
    there: dict[tuple[str, str], list[Any]] = field(default_factory=lambda: defaultdict(list))


def _write_on_both_sides(made: Installation) -> None:
    _add_everybody(made)
    written = Written()
    with ThreadPoolExecutor(2 * WRITERS) as writers:
        begin = threading.Barrier(2 * WRITERS)
        running = [
            writers.submit(side, made, written, n, begin)
            for n in range(WRITERS)
            for side in (_platform_writes, _marketer_writes)
        ]
        for one in running:
            one.result(60)
    assert made.control.settle(30)
    until(lambda: made.is_settled() and _is_equal(made, written), 90)
    assert {e.status for e in made.events()} <= {EventStatus.APPLIED, EventStatus.SKIPPED}
    _assert_every_write_is_told(made, written)
    _assert_nothing_went_wrong(made)


def _add_everybody(made: Installation) -> None:
    people = [
        {"id": f"c{n}", "email": _email(n), "fields": {"first_name": "new"}, "consent": CONSENT}
        for n in range(PEOPLE)
    ]
    made.api("POST", f"/accounts/{ACCOUNT}/contacts/batch", json={"contacts": people})
    until(lambda: made.is_settled() and len(made.control.members(made.audience)) == PEOPLE, 20)


def _email(n: int) -> str:
    return f"p{n}@maple-street.test"


def _mine(writer: int) -> range:
    return range(writer, PEOPLE, WRITERS)


def _platform_writes(made: Installation, written: Written, writer: int, begin: threading.Barrier) -> None:
    """The first name, which the marketer writes too, and the city, which nobody else does; at last some
    people leave."""
    begin.wait(30)
    for turn in range(ROUNDS):
        people = []
        for n in _mine(writer):
            fields = {"first_name": f"ours {n}.{turn}", "city": f"city {n}.{turn}"}
            for name, value in fields.items():
                written.here[f"c{n}", name].append(value)
            leaves = {"consent": LEFT} if turn == ROUNDS - 1 and n % 10 == LEAVE_HERE else {}
            people.append({"id": f"c{n}", "fields": fields, **leaves})
        for start in range(0, len(people), IN_ONE):
            made.api(
                "POST",
                f"/accounts/{ACCOUNT}/contacts/batch",
                json={"contacts": people[start : start + IN_ONE]},
            )
        time.sleep(0.3)


def _marketer_writes(made: Installation, written: Written, writer: int, begin: threading.Barrier) -> None:
    """The first name, and the last name and a tag, which nobody else writes; at last some people leave."""
    begin.wait(30)
    with Control(made.control.url) as control:
        for turn in range(ROUNDS):
            for n in _mine(writer):
                control.tag(made.audience, _email(n), **{f"theirs {turn}": True})
                fields = {"FNAME": f"theirs {n}.{turn}", "LNAME": f"last {n}.{turn}"}
                control.edit(made.audience, _email(n), merge_fields=fields)
                written.there[f"c{n}", "first_name"].append(fields["FNAME"])
                written.there[f"c{n}", "last_name"].append(fields["LNAME"])
                if turn == ROUNDS - 1 and n % 10 == LEAVE_THERE:
                    control.unsubscribe(made.audience, _email(n))


def _is_equal(made: Installation, written: Written) -> bool:
    """Whether both sides have the same, what one side alone wrote is there, and who left has left."""
    tags = {f"theirs {turn}" for turn in range(ROUNDS)}
    theirs, ours = made.control.members(made.audience), made.contacts()
    return all(
        _of_member(theirs[_email(n)])
        == _of_contact(ours[_email(n)])
        == (
            ours[_email(n)].fields["first_name"],
            written.there[f"c{n}", "last_name"][-1],
            written.here[f"c{n}", "city"][-1],
            "unsubscribed" if n % 10 in {LEAVE_HERE, LEAVE_THERE} else "subscribed",
            tags,
        )
        for n in range(PEOPLE)
    )


def _of_member(member: dict[str, Any]) -> tuple[Any, ...]:
    merges = member["merge_fields"]
    return merges["FNAME"], merges["LNAME"], merges["CITY"], member["status"], set(member["tags"])


def _of_contact(contact: Contact) -> tuple[Any, ...]:
    names = [contact.fields.get(name) for name in ("first_name", "last_name", "city")]
    return *names, contact.consent.status.value, set(contact.tags)


def _assert_every_write_is_told(made: Installation, written: Written) -> None:
    """The last write of each side is in the contact's history: as what there is, as what a later write of
    the other side took the place of, or as a conflict. What one side wrote over its own write is that side's
    affair."""
    lost = []
    for contact_id in {contact_id for contact_id, _ in written.here}:
        told = _told(made, contact_id)
        for side in (written.here, written.there):
            lost += [
                (contact_id, name, values[-1])
                for (whose, name), values in side.items()
                if whose == contact_id and values[-1] not in told[name]
            ]
    assert lost == []


def _told(made: Installation, contact_id: str) -> dict[str, set[Any]]:
    """Every value that the contact's history shows, by field."""
    told: dict[str, set[Any]] = defaultdict(set)
    for line in history(made.kit, ACCOUNT, contact_id, limit=500).happenings:
        for name, pair in line.what.items():
            if name.startswith("fields."):
                told[name.removeprefix("fields.")] |= {pair["before"], pair["after"]}
    for one in conflicts_of(made.kit, ACCOUNT, contact_id):
        told[one.row.field] |= {one.row.ours, one.row.theirs}
    return told


def _assert_nothing_went_wrong(made: Installation) -> None:
    for process in (*made.webs, *made.workers):
        assert process.is_running
        said = process.said()
        assert "Traceback" not in said, said
        assert "deadlock" not in said.lower(), said
