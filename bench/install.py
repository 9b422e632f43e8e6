"""What a first sync costs: time, calls to Mailchimp, and the worker's memory, for three kinds of beginning.

    python -m bench.install --contacts 10000 100000 --latency 0.15

* up: contacts on the platform, an empty audience;
* down: members in the audience, an empty platform;
* both: the same people on both sides, every tenth different: half of those newer here, half filled in there.

Each runs against a sandbox that answers after `--latency` seconds, embedded (SQLite), or with
BOTHWAYS_TEST_POSTGRES and BOTHWAYS_TEST_REDIS set and `--services` as web and worker processes. Printed are
the seconds, the calls beside the fewest possible, the bound that the latency and eight connections set, and
the worker's memory before and at its peak. It talks to the loopback only and stops by itself.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import Any

from bench.receive import schema
from bench.stand import ACCOUNT, Stand, stand
from processor import install, setup
from processor.domain.connection import ConnectionState
from processor.domain.contact import Consent, ConsentStatus, Contact
from processor.setup import Choices
from processor.store import connections

CONNECTIONS = 8
LIMIT_SECONDS = 1800.0
SAID = datetime(2026, 1, 15, 9, tzinfo=UTC)
LONG_AGO = "2026-02-01T09:00:00+00:00"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A beginning: who is where, and the fewest calls that could bring the sides together."""

    name: str
    contacts: Callable[[int], Iterator[Contact]]
    members: Callable[[int], Iterator[dict[str, Any]]]
    fewest: Callable[[int], int]


def contact(n: int, city: str | None) -> Contact:
    """Return the platform's person number `n`, who has agreed to be written to."""
    fields = {"first_name": f"Name{n}", "last_name": "Test", "city": city}
    consent = Consent(ConsentStatus.SUBSCRIBED, SAID, "bench")
    return Contact(ACCOUNT, f"c{n:07}", f"person{n}@bench.test", fields, consent=consent, version=1)


def member(n: int, city: str) -> dict[str, Any]:
    """Return the same person as the audience holds them."""
    fields = {"FNAME": f"Name{n}", "LNAME": "Test", "CITY": city}
    # A minute apart for each five hundred: an import leaves many members within one second.
    changed = (
        f"2026-02-{1 + n // 50_000 % 28:02}T{n // 2_000 % 24:02}:{n // 500 % 60:02}:{n // 10 % 60:02}+00:00"
    )
    return {
        "email_address": f"person{n}@bench.test",
        "status": "subscribed",
        "merge_fields": fields,
        "last_changed": changed,
    }


def _here(n: int) -> str | None:
    return None if n % 20 == 10 else "Oslo"


def _there(n: int) -> str:
    return "" if n % 20 == 0 else "Oslo"


def _read(people: int) -> int:
    return ceil(people / 1000) + 1  # the archived are asked for apart


SCENARIOS = (
    Scenario(
        "up",
        lambda people: (contact(n, "Oslo") for n in range(people)),
        lambda _: iter(()),
        lambda people: _read(1) + ceil(people / 500),
    ),
    Scenario(
        "down",
        lambda _: iter(()),
        lambda people: (member(n, "Oslo") for n in range(people)),
        _read,
    ),
    Scenario(
        "both",
        lambda people: (contact(n, _here(n)) for n in range(people)),
        lambda people: (member(n, _there(n)) for n in range(people)),
        lambda people: _read(people) + 2 * ceil(people / 20 / 1000),
    ),
)


def measure(made: Stand, scenario: Scenario, people: int, latency_seconds: float) -> dict[str, Any]:
    """Run one first sync to its end and return what it cost. Fails when both sides are not equal then."""
    control, kit = made.control, made.house.kit
    account = control.account("Bench")
    listed = control.audience(account.id, "News", merge_fields=[{"tag": "CITY", "type": "text"}])
    made.add_contacts(scenario.contacts(people))
    control.put_members(listed.id, scenario.members(people))
    connection_id = made.grant(account.id)
    setup.save(kit, connection_id, Choices(audience_id=listed.id), "bench")
    before_mib = made.held_mib()
    made.forget_peak()
    control.latency(latency_seconds)
    control.forget_requests()
    began = time.monotonic()
    install.start(kit, connection_id, "bench", skip_preview=True)
    _until_in_sync(made, connection_id)
    seconds = time.monotonic() - began
    control.latency(0)
    calls = control.calls(account.id, batched=False)
    _check(made, listed.id, people)
    return {
        "seconds": seconds,
        "calls": sum(calls.values()),
        "by_name": calls,
        "before_mib": before_mib,
        "peak_mib": made.peak_mib(),
    }


def _until_in_sync(made: Stand, connection_id: str) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        with made.house.store.read() as c:
            row = connections.get(c, connection_id)
        assert row is not None
        if row.state == ConnectionState.IN_SYNC:
            return
        if row.state != ConnectionState.IMPORTING:
            raise SystemExit(f"the sync stopped: {row.state} {row.problem_code} {row.problem_detail}")
        time.sleep(0.1)
    raise SystemExit("the sync did not end in time")


def _check(made: Stand, list_id: str, people: int) -> None:
    there = made.control.members(list_id)
    cities = {found["merge_fields"].get("CITY") for found in there.values()}
    if len(there) != people or cities != {"Oslo"}:
        raise SystemExit(
            f"the sides are not equal: {len(there):,} members, cities {sorted(map(str, cities))}"
        )


def report(scenario: Scenario, people: int, found: dict[str, Any], latency_seconds: float) -> None:
    """Print one line, and the calls by name below it."""
    fewest = scenario.fewest(people)
    bound = fewest * latency_seconds / CONNECTIONS
    print(
        f"{scenario.name:5} {people:>8,} people  {found['seconds']:7.1f} s  (bound {bound:5.1f} s)  "
        f"{found['calls']:>6,} calls (fewest {fewest:,}, x{found['calls'] / fewest:.2f})  "
        f"memory {found['before_mib']:.0f} -> {found['peak_mib']:.0f} MiB"
    )
    for name, number in sorted(found["by_name"].items(), key=lambda item: -item[1])[:8]:
        print(f"        {number:>6,}  {name}")
    sys.stdout.flush()


def main() -> None:
    """Measure what the arguments ask for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--contacts", type=int, nargs="+", default=[10_000])
    parser.add_argument("--latency", type=float, default=0.15, help="seconds that Mailchimp takes")
    parser.add_argument("--only", choices=[s.name for s in SCENARIOS], action="append")
    parser.add_argument("--services", action="store_true", help="PostgreSQL, Redis, separate processes")
    parser.add_argument("--workers", type=int, default=1, help="worker processes, with --services")
    args = parser.parse_args()
    for scenario in SCENARIOS:
        if args.only and scenario.name not in args.only:
            continue
        for people in args.contacts:
            with ExitStack() as stack:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                urls = {}
                if args.services:
                    urls["database_url"] = stack.enter_context(schema(os.environ["BOTHWAYS_TEST_POSTGRES"]))
                    urls["redis_url"] = os.environ["BOTHWAYS_TEST_REDIS"]
                made = stack.enter_context(stand(folder, workers=args.workers, **urls))
                found = measure(made, scenario, people, args.latency)
                report(scenario, people, found, args.latency)


if __name__ == "__main__":
    main()
