"""A reader who only reads when the bell rings misses nothing, however writers and senders meet."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from processor import contacts
from processor.domain.edit import ContactPatch
from processor.feed import read
from processor.kit import utc_now
from processor.store import changes
from tests.outgoing import stage as made
from tests.outgoing.stage import Platform
from tests.web.house import ACME, Clock

WRITERS, EACH = 4, 15


def test_whoever_reads_when_it_rings_has_read_everything(
    tmp_path: Path, platform: Platform, database_url: str
) -> None:
    """Four writers, two senders, bells sent as fast as they can be: the last bell comes after the last
    change is there to be read."""
    with made.stage(tmp_path, Clock(), database_url=database_url, worker_threads=8) as house:
        kit = house.kit
        seen: list[str | None] = [None]
        reading = threading.Lock()

        def read_on() -> int:
            with reading:
                while True:
                    page = read(kit, ACME, after=seen[0], limit=1000)
                    seen[0] = page.cursor
                    if not page.more:
                        return 204

        platform.answers += [read_on] * 10_000
        house.endpoint(platform.url, None)
        writing = threading.Event()
        writing.set()

        def write(writer: int) -> None:
            for n in range(EACH):
                contacts.put(kit, ACME, f"w{writer}", ContactPatch(fields={"n": str(n)}))

        def send() -> None:
            while writing.is_set():
                house.clock.moment = utc_now() + timedelta(seconds=2)
                house.work()

        with ThreadPoolExecutor(WRITERS + 2) as pool:
            senders = [pool.submit(send) for _ in range(2)]
            for done in [pool.submit(write, n) for n in range(WRITERS)]:
                done.result()
            writing.clear()
            for sender in senders:
                sender.result()
        house.clock.moment = utc_now() + timedelta(seconds=5)
        while house.work():
            house.clock.pass_seconds(2)
        with kit.store.read() as c:
            assert seen[0] == f"c{changes.last_seq(c, ACME)}" == f"c{WRITERS * EACH}"
        assert platform.got
