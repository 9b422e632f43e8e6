"""What one worker needs for a backlog of webhooks with nothing else to do: events a second, CPU, calls.

    python -m bench.alone --events 10000 --latency 0.1 [--services] [--rounds 3] [--profile FILE]

The sandbox is a process of its own; the worker's functions run here, in one thread. Everybody's city is
changed unheard, and one delivery for each is in the inbox before the worker begins: it was down, or the burst
was quicker. `--profile` writes a profile of CPU time for `python -m pstats`. On SQLite, or with
BOTHWAYS_TEST_POSTGRES and `--services` on PostgreSQL. It talks to the loopback only and stops by itself.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

from bench.install import member
from bench.receive import schema
from bench.stand import ACCOUNT, Stand, stand
from processor import first_sync, install, setup
from processor.domain.connection import ConnectionState
from processor.domain.event import Delivery
from processor.process import process
from processor.push import push
from processor.setup import Choices
from processor.store import changes, connections, inbox
from processor.sweep import sweep

PIECE = 1000
ROUNDS = 20


def main() -> None:
    """Measure what the arguments ask for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--latency", type=float, default=0.1, help="seconds that Mailchimp takes")
    parser.add_argument("--services", action="store_true", help="PostgreSQL")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--profile", help="where to write a profile to")
    args = parser.parse_args()
    for _ in range(args.rounds):
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            url = stack.enter_context(schema(os.environ["BOTHWAYS_TEST_POSTGRES"])) if args.services else ""
            made = stack.enter_context(stand(folder, database_url=url, is_here=True))
            _measure(made, args.events, args.latency, args.profile)


def _measure(made: Stand, events: int, latency_seconds: float, profile: str | None) -> None:
    control, kit = made.control, made.house.kit
    account = control.account("Bench")
    listed = control.audience(account.id, "News", merge_fields=[{"tag": "CITY", "type": "text"}])
    control.put_members(listed.id, (member(n, "Oslo") for n in range(events)))
    connection_id = made.grant(account.id)
    setup.save(kit, connection_id, Choices(audience_id=listed.id), "bench")
    install.start(kit, connection_id, "bench", skip_preview=True)
    in_sync(made, connection_id)
    control.webhooks(drop=1.0)
    for number in range(events):
        control.edit(listed.id, f"person{number}@bench.test", merge_fields={"CITY": "Graz"})
    keep(made, connection_id, listed.id, events)
    control.latency(latency_seconds)
    control.forget_requests()
    with kit.store.read() as c:
        before = changes.last_seq(c, ACCOUNT)
    seconds, cpu_seconds = time.perf_counter(), time.process_time()
    with _profiled(profile):
        while process(kit, connection_id):
            pass
    seconds, cpu_seconds = time.perf_counter() - seconds, time.process_time() - cpu_seconds
    with kit.store.read() as c:
        told = changes.last_seq(c, ACCOUNT) - before
    if told != events:
        raise SystemExit(f"{told} changes were told, not {events}")
    calls = sum(control.calls(account.id).values())
    print(
        f"{kit.store.dialect:10} {events:>7,} events  {events / seconds:7,.0f} a second  "
        f"{1000 * cpu_seconds / events:.3f} ms of CPU each  {calls} calls"
    )


def in_sync(made: Stand, connection_id: str) -> None:
    """Carry a first sync to its end, here."""
    kit = made.house.kit
    for _ in range(ROUNDS):
        with kit.store.read() as c:
            row = connections.get(c, connection_id)
        if row is not None and row.state == ConnectionState.IN_SYNC:
            return
        sweep(kit, connection_id)
        push(kit, connection_id)
        first_sync.look(kit, connection_id)
    raise SystemExit("the first sync did not end")


def keep(made: Stand, connection_id: str, list_id: str, events: int) -> None:
    """Keep one delivery for each person, as the receiver does."""
    now = datetime.now(UTC)
    form = "application/x-www-form-urlencoded"
    for first in range(0, events, PIECE):
        piece = range(first, min(first + PIECE, events))
        with made.house.kit.store.write() as c:
            inbox.keep(c, [Delivery(connection_id, _body(list_id, n, now), form, now) for n in piece])


def _body(list_id: str, number: int, now: datetime) -> bytes:
    email = f"person{number}@bench.test"
    return urlencode(
        {
            "type": "profile",
            "fired_at": now.strftime("%Y-%m-%d %H:%M:%S"),
            "data[email]": email,
            "data[list_id]": list_id,
            "data[merges][EMAIL]": email,
            "data[merges][FNAME]": f"Name{number}",
            "data[merges][CITY]": "Graz",
        }
    ).encode()


@contextmanager
def _profiled(path: str | None) -> Iterator[None]:
    if path is None:
        yield
        return
    with cProfile.Profile(time.process_time) as found:
        yield
    found.dump_stats(path)


if __name__ == "__main__":
    main()
