"""What the ledger of consents and the history of what was sent cost: writes with them beside writes without.

    python -m bench.history --rounds 5

One process, one database, rounds interleaved: read the ratio, not the digits. Loopback only (PostgreSQL where
BOTHWAYS_TEST_POSTGRES names one), and it stops by itself.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from processor import bootstrap, contacts
from processor.config import Settings
from processor.converge import Cause, Sighting, converge
from processor.domain.contact import Consent, ConsentStatus, Member, MemberStatus, subscriber_hash
from processor.domain.edit import ContactPatch
from processor.domain.parcel import Parcel
from processor.kit import Kit, utc_now
from processor.push.done import Done
from processor.push.settle import settle
from processor.store import accounts, conflicts, connections, consents, members
from processor.store.connections import ConnectionRow
from processor.store.migrate import migrate
from tests.production.services import Database

PEOPLE = 500
_numbers = itertools.count()


def main() -> None:
    """Measure on SQLite, and on PostgreSQL where it is named."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--services", action="store_true")
    rounds = asked.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        _measure("SQLite", Path(folder), "", rounds)
    if asked.parse_args().services:
        with Database() as database, tempfile.TemporaryDirectory() as folder:
            _measure("PostgreSQL", Path(folder), database.url, rounds)


def _measure(name: str, folder: Path, url: str, rounds: int) -> None:
    settings = Settings(data_dir=folder, database_url=url, redis_url="", secret_key="k" * 40)
    migrate(settings.database)
    house = bootstrap.build(settings)
    connection = _connection(house.kit)
    work = {"put with consent": _puts, "converge with consent": _converges, "settle a push": _settles}
    for what, one in work.items():
        seconds: dict[bool, list[float]] = {True: [], False: []}
        for n in range(2 * rounds + 2):
            is_with = n % 2 == 0
            prepared = one(house.kit, connection, is_with)
            with _ledger(is_with):
                began = time.perf_counter()
                prepared()
                took = time.perf_counter() - began
            if n >= 2:  # the first of each warms up
                seconds[is_with].append(took)
        kept, bare = statistics.median(seconds[True]), statistics.median(seconds[False])
        each = 1_000_000 / PEOPLE
        told = f"{kept * each:.0f} µs with, {bare * each:.0f} µs without, ratio {kept / bare:.2f}"
        print(f"{name}  {what}: {told}")
    house.close()


@contextmanager
def _ledger(is_with: bool) -> Iterator[None]:
    appended, noted = consents.append, conflicts.note
    if not is_with:
        consents.append = conflicts.note = lambda *_: None  # type: ignore[assignment]
    yield
    consents.append, conflicts.note = appended, noted


def _connection(kit: Kit) -> ConnectionRow:
    with kit.store.write() as c:
        accounts.ensure(c, "acme", utc_now())
        grant: connections.Grant = {
            "mailchimp_account": "m",
            "account_name": "Acme",
            "login_name": "jo",
            "role": "owner",
            "dc": "us1",
            "api_base": "http://127.0.0.1:9",
            "token_sealed": "none",
        }
        connections.create(c, "con_a", "acme", utc_now(), state="in_sync", **grant)
        connections.update(c, "con_a", utc_now(), audience_id="a1")
        row = connections.get(c, "con_a")
    assert row is not None
    return row


def _people() -> list[str]:
    return [f"p{next(_numbers)}" for _ in range(PEOPLE)]


def _puts(kit: Kit, connection: ConnectionRow, is_with: bool) -> Callable[[], object]:
    consent = Consent(ConsentStatus.SUBSCRIBED, utc_now(), "checkout")
    patches = {
        name: ContactPatch(email=f"{name}@maple-street.test", fields={"city": "Leeds"}, consent=consent)
        for name in _people()
    }
    return lambda: contacts.put_many(kit, "acme", patches)


def _converges(kit: Kit, connection: ConnectionRow, is_with: bool) -> Callable[[], object]:
    seen = [
        Member(
            subscriber_hash(f"{name}@birch.test"),
            f"{name}@birch.test",
            MemberStatus.SUBSCRIBED,
            contact_id=name,
            last_changed=utc_now(),
        )
        for name in _people()
    ]
    converge(kit, connection, [Sighting(None, member) for member in seen], Cause("sweep"))
    left = [replace(m, status=MemberStatus.UNSUBSCRIBED, last_changed=utc_now()) for m in seen]
    sightings = [Sighting(None, member, sure=True) for member in left]
    return lambda: converge(kit, connection, sightings, Cause("sweep"))


def _settles(kit: Kit, connection: ConnectionRow, is_with: bool) -> Callable[[], object]:
    _puts(kit, connection, is_with)()
    with kit.store.write() as c:
        rows = members.claim_due(
            c, connection.id, limit=PEOPLE, now=utc_now(), lease_seconds=300, worker="bench"
        )
    claims = {row.id: row.claim or "" for row in rows}
    consent = Consent(ConsentStatus.SUBSCRIBED, utc_now(), "checkout")
    pair = {"before": None, "after": "subscribed"}
    what = {"status": pair, "fields.city": {"before": None, "after": "Leeds"}}
    parcel = Parcel(what, consent, "x@y.test", 1)
    done = [Done(row.id, parcel=parcel if is_with else None) for row in rows]
    return lambda: settle(kit, connection, claims, done)


if __name__ == "__main__":
    main()
