"""What a sweep costs that finds nothing changed: members a second, CPU, calls, and the worker's memory.

    python -m bench.sweep --members 100000 [--services]

The sandbox is a process of its own; the sweep runs here, in one thread. The store is filled with what a first
sync of the audience would have left, past the first sync itself, which is measured by `bench.install`.

* full: everybody is compared;
* since: only what changed since the watermark is asked for, which is nobody.

On SQLite, or with BOTHWAYS_TEST_POSTGRES and `--services` on PostgreSQL. It talks to the loopback only, stops
by itself, and fails when a sweep changes anything or finds somebody gone.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.alone import in_sync
from bench.install import member
from bench.receive import schema
from bench.stand import ACCOUNT, Stand, stand
from processor import install, setup
from processor.converge.sighting import digest
from processor.converge.table import own_id
from processor.domain.contact import Contact, Member, email_key
from processor.domain.edit import carry_out
from processor.domain.reconcile import reconcile
from processor.kit import utc_now
from processor.paging import Place, read_ahead
from processor.setup import Choices
from processor.store import connections, contacts, members
from processor.store.connections import ConnectionRow
from processor.store.members import MemberRow
from processor.sweep import sweep


def main() -> None:
    """Measure what the arguments ask for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--members", type=int, default=100_000)
    parser.add_argument("--latency", type=float, default=0.1, help="seconds that Mailchimp takes")
    parser.add_argument("--services", action="store_true", help="PostgreSQL")
    args = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(schema(os.environ["BOTHWAYS_TEST_POSTGRES"])) if args.services else ""
        made = stack.enter_context(stand(folder, database_url=url, is_here=True))
        mailchimp_account, connection_id = _filled(made, args.members)
        made.control.latency(args.latency)
        for name in ("full", "since"):
            _measure(made, mailchimp_account, connection_id, name)


def _filled(made: Stand, people: int) -> tuple[str, str]:
    """Connect an audience whose first sync ends before anybody is in it; then fill both sides alike."""
    control, kit = made.control, made.house.kit
    account = control.account("Bench")
    listed = control.audience(account.id, "News", merge_fields=[{"tag": "CITY", "type": "text"}])
    connection_id = made.grant(account.id)
    setup.save(kit, connection_id, Choices(audience_id=listed.id), "bench")
    install.start(kit, connection_id, "bench", skip_preview=True)
    in_sync(made, connection_id)
    control.put_members(listed.id, (member(n, "Oslo") for n in range(people)))
    connection = _connection(made, connection_id)
    newest = datetime.min.replace(tzinfo=UTC)
    for read in read_ahead(kit.mailchimp(connection), listed.id, Place(None, None)):
        _fill(made, connection, read.page.members)
        newest = max(filter(None, [newest, *(m.last_changed for m in read.page.members)]))
    with kit.store.write() as c:
        # A minute behind is what the next sweep reads again, so the last ones are a minute old.
        connections.advance_watermark(c, connection_id, newest + timedelta(minutes=2), utc_now())
    return account.id, connection_id


def _connection(made: Stand, connection_id: str) -> ConnectionRow:
    with made.house.store.read() as c:
        row = connections.get(c, connection_id)
    assert row is not None
    return row


def _fill(made: Stand, connection: ConnectionRow, page: Sequence[Member]) -> None:
    """Write a page of members as a first sync leaves them."""
    now = utc_now()
    with made.house.store.write() as c:
        pairs = [_pair(connection, seen) for seen in page]
        contacts.insert_many(c, [contact for contact, _ in pairs], now)
        members.insert_many(c, [row for _, row in pairs], now)


def _pair(connection: ConnectionRow, seen: Member) -> tuple[Contact, MemberRow]:
    plan = reconcile(None, None, seen, connection.policy)
    contact = carry_out(Contact(ACCOUNT, own_id(seen), None), plan.down, utc_now()).contact
    row = MemberRow(
        connection.id,
        contact_id=contact.id,
        member_id=seen.id,
        mailchimp_contact_id=seen.contact_id,
        email_key=email_key(seen.email),
        base=plan.base,
        seen_at=seen.last_changed,
        seen_digest=digest(seen),
        theirs=seen,
        status=seen.status,
        state=plan.state,
    )
    return contact, row


def _measure(made: Stand, mailchimp_account: str, connection_id: str, name: str) -> None:
    kit = made.house.kit
    made.control.forget_requests()
    before_mib = made.held_mib()
    made.forget_peak()
    seconds, cpu_seconds = time.perf_counter(), time.process_time()
    healed = sweep(kit, connection_id, full=name == "full")
    seconds, cpu_seconds = time.perf_counter() - seconds, time.process_time() - cpu_seconds
    if healed is None or healed.changed or healed.gone:
        raise SystemExit(f"the sweep was to find nothing: {healed}")
    calls = sum(made.control.calls(mailchimp_account).values())
    cpu_ms = 1000 * cpu_seconds / max(1, healed.seen)
    print(
        f"{name:5} {kit.store.dialect:10} {healed.seen:>9,} members read  {seconds:7.1f} s  "
        f"{healed.seen / seconds:7,.0f} a second  {cpu_ms:.3f} ms of CPU each  "
        f"{calls:>5,} calls  memory {before_mib:.0f} -> {made.peak_mib():.0f} MiB",
        flush=True,
    )


if __name__ == "__main__":
    main()
