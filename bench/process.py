"""What a burst of webhooks costs: calls to Mailchimp, events a second, and how long a change takes to arrive.

    python -m bench.process --events 10000 --latency 0.1

* one: all events on one audience;
* spread: the same number over a hundred audiences, one customer each;
* beside: all on one audience, while a small customer's audience gets one event at a time.

Members are changed in the sandbox unheard; then the bench itself posts a signed `profile` webhook for each,
as Mailchimp would, over kept-alive connections. A change has arrived when it stands in the changes feed.
Embedded (SQLite), or with BOTHWAYS_TEST_POSTGRES, BOTHWAYS_TEST_REDIS and `--services` as web and worker
processes. It talks to the loopback only and stops by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from sqlalchemy import text

from bench.install import member
from bench.load import HOST, Sender
from bench.receive import schema
from bench.stand import Stand, stand
from processor import install, setup
from processor.domain.connection import ConnectionState
from processor.errors import StoreDown
from processor.mailchimp.webhook import SIGNATURE_HEADER, sign
from processor.setup import Choices
from processor.store import changes, connections

CONNECTIONS = 32
AUDIENCES = 100
SMALL_EVENTS = 40
SMALL_EVERY_SECONDS = 0.25
LIMIT_SECONDS = 600.0
TRIES = 20


@dataclass
class Audience:
    """One connected audience: where its webhooks go, and who was told of when."""

    id: str
    customer: str
    mailchimp_account: str
    connection_id: str
    first: int
    path: str = ""
    secret: str = ""
    told_at: dict[str, float] = field(default_factory=dict)
    changed_at: dict[int, datetime] = field(default_factory=dict)

    def request(self, number: int, city: str) -> bytes:
        """Return the bytes of one delivery: this person's city is another now."""
        email = f"person{number}@bench.test"
        now = datetime.now(UTC)
        body = urlencode(
            {
                "type": "profile",
                "fired_at": self.changed_at[number].strftime("%Y-%m-%d %H:%M:%S"),
                "data[email]": email,
                "data[list_id]": self.id,
                "data[merges][EMAIL]": email,
                "data[merges][FNAME]": f"Name{number}",
                "data[merges][CITY]": city,
            }
        ).encode()
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: MailChimp.com\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
            f"{SIGNATURE_HEADER}: {sign(self.secret, body, now)}\r\n\r\n"
        )
        return head.encode() + body


def connect(made: Stand, number: int, first: int, people: int) -> Audience:
    """Connect one more customer's audience with so many people."""
    account = made.control.account(f"Bench {number}")
    listed = made.control.audience(account.id, "News", merge_fields=[{"tag": "CITY", "type": "text"}])
    made.control.put_members(listed.id, (member(n, "Oslo") for n in range(first, first + people)))
    # A customer each: contacts of one account go to all of its audiences.
    customer = f"bench{number}"
    connection_id = made.grant(account.id, customer)
    setup.save(made.house.kit, connection_id, Choices(audience_id=listed.id), "bench")
    return Audience(listed.id, customer, account.id, connection_id, first)


def begin(made: Stand, found: Audience) -> None:
    """Begin its first sync."""
    patiently(lambda: install.start(made.house.kit, found.connection_id, "bench", skip_preview=True))


def in_sync(made: Stand, found: Audience) -> None:
    """Wait for the end of its first sync, and learn where its webhooks go."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while _state(made, found.connection_id) != ConnectionState.IN_SYNC:
        if time.monotonic() > deadline:
            raise SystemExit("a first sync did not end in time")
        time.sleep(0.05)
    hook = made.control.audience_info(found.id)["webhooks"][0]
    found.path, found.secret = urlsplit(hook["url"]).path, hook["secret"]


def patiently(work: Callable[[], object]) -> None:
    """Do it as soon as the database has time: on SQLite the product's process may be writing for long."""
    for _ in range(TRIES):
        with suppress(StoreDown):
            work()
            return
    raise SystemExit("the database is too busy")


def _state(made: Stand, connection_id: str) -> str:
    with made.house.store.read() as c:
        row = connections.get(c, connection_id)
    assert row is not None
    return row.state


def change(made: Stand, audience: Audience, people: int) -> None:
    """Change everybody's city in the audience; nobody is told."""
    made.control.webhooks(drop=1.0)
    for number in range(audience.first, audience.first + people):
        made.control.edit(audience.id, f"person{number}@bench.test", merge_fields={"CITY": "Graz"})
        audience.changed_at[number] = datetime.now(UTC)
    made.control.webhooks(drop=0.0)


async def tell(port: int, wanted: Sequence[tuple[Audience, int]]) -> None:
    """Post one webhook for each, as fast as they are answered."""
    waiting = iter(wanted)

    async def one() -> None:
        sender = await Sender.connect(port)
        for audience, number in waiting:
            await _post(sender, audience, number)
        sender.close()

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))


async def tell_slowly(port: int, audience: Audience, people: int) -> None:
    """Post one webhook after the other, with a wait between them."""
    sender = await Sender.connect(port)
    for number in range(audience.first, audience.first + people):
        await _post(sender, audience, number)
        await asyncio.sleep(SMALL_EVERY_SECONDS)
    sender.close()


async def _post(sender: Sender, audience: Audience, number: int) -> None:
    status = await sender.send(audience.request(number, "Graz"))
    if status != 200:
        raise SystemExit(f"a delivery was answered {status}")
    audience.told_at[f"person{number}@bench.test"] = time.time()


def arrived(made: Stand, audience: Audience, after: int) -> dict[str, float]:
    """Return when each person's change came into the customer's feed, by address."""
    with made.house.store.read() as c:
        rows = c.execute(
            text("SELECT at, contact FROM changes WHERE account_id = :a AND seq > :s"),
            {"a": audience.customer, "s": after},
        ).all()
    found: dict[str, float] = {}
    for at, contact in rows:
        told = json.loads(contact) if isinstance(contact, str) else contact
        moment = datetime.fromisoformat(at) if isinstance(at, str) else at
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if told and told["email"]:
            found[told["email"]] = moment.timestamp()
    return found


def wait_for(
    made: Stand, audiences: Sequence[Audience], after: Mapping[str, int], deadline: float
) -> dict[str, float]:
    """Return when everybody's change arrived. Fails when one does not in time."""
    found: dict[str, float] = {}
    for audience in audiences:
        while not audience.told_at.keys() <= found.keys():
            if time.monotonic() > deadline:
                raise SystemExit("not every change arrived in time")
            if last_seq(made, audience) - after[audience.customer] >= len(audience.told_at):
                found |= arrived(made, audience, after[audience.customer])
            else:
                time.sleep(0.1)
    return found


def last_seq(made: Stand, audience: Audience) -> int:
    """Return where the customer's feed ends."""
    with made.house.store.read() as c:
        return changes.last_seq(c, audience.customer)


def waits(audience: Audience, found: Mapping[str, float]) -> list[float]:
    """Return how many seconds each change took from its acknowledgement, sorted."""
    return sorted(max(0.0, found[email] - told) for email, told in audience.told_at.items())


def percentile(sorted_values: Sequence[float], share: float) -> float:
    """Return the value below which that share lies."""
    return sorted_values[min(len(sorted_values) - 1, int(share * len(sorted_values)))]


def run(made: Stand, name: str, events: int, latency_seconds: float) -> None:
    """Measure one kind of burst and print a line."""
    count = AUDIENCES if name == "spread" else 1
    each = events // count
    audiences = [connect(made, n, n * each, each) for n in range(count)]
    small = connect(made, 9999, 10_000_000, SMALL_EVENTS) if name == "beside" else None
    everybody = [*audiences, *([small] if small else [])]
    for audience in everybody:
        begin(made, audience)
    for audience in everybody:
        in_sync(made, audience)
    for audience in audiences:
        change(made, audience, each)
    if small is not None:
        change(made, small, SMALL_EVENTS)
    made.control.latency(latency_seconds)
    made.control.forget_requests()
    after, port = {a.customer: last_seq(made, a) for a in everybody}, made.house.kit.settings.port
    wanted = [(a, n) for n in range(each) for a in audiences]
    wanted = [(a, a.first + n) for a, n in wanted]

    async def load() -> None:
        slow = [tell_slowly(port, small, SMALL_EVENTS)] if small is not None else []
        await asyncio.gather(tell(port, wanted), *slow)

    began = time.time()
    asyncio.run(load())
    found = wait_for(made, everybody, after, time.monotonic() + LIMIT_SECONDS)
    made.control.latency(0)
    took = max(found[email] for a in audiences for email in a.told_at) - began
    by_name: Counter[str] = Counter()
    for audience in audiences:
        by_name.update(made.control.calls(audience.mailchimp_account))
    calls = by_name.total()
    all_waits = sorted(w for a in audiences for w in waits(a, found))
    print(
        f"{name:7} {len(all_waits):>7,} events  {len(all_waits) / took:7,.0f} a second  {calls:>5,} calls  "
        f"p50 {statistics.median(all_waits):6.2f} s  p99 {percentile(all_waits, 0.99):6.2f} s  "
        f"memory {made.peak_mib():.0f} MiB"
    )
    for call, number in by_name.most_common(4):
        print(f"        {number:>6,}  {call}")
    if small is not None:
        slow = waits(small, found)
        print(
            f"        beside it {len(slow)} events of a small customer: p50 {statistics.median(slow):.2f} s  "
            f"p99 {percentile(slow, 0.99):.2f} s"
        )
    sys.stdout.flush()


def main() -> None:
    """Measure what the arguments ask for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = ["one", "spread", "beside"]
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--latency", type=float, default=0.1, help="seconds that Mailchimp takes")
    parser.add_argument("--only", choices=kinds, action="append")
    parser.add_argument("--services", action="store_true", help="PostgreSQL, Redis, separate processes")
    args = parser.parse_args()
    for name in args.only or kinds:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            urls: dict[str, str] = {}
            if args.services:
                urls["database_url"] = stack.enter_context(schema(os.environ["BOTHWAYS_TEST_POSTGRES"]))
                urls["redis_url"] = os.environ["BOTHWAYS_TEST_REDIS"]
            made = stack.enter_context(stand(folder, **urls))  # type: ignore[arg-type]
            run(made, name, args.events, args.latency)


if __name__ == "__main__":
    main()
