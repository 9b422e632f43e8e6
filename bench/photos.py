"""What carrying photos costs: time, calls to Mailchimp, and the worker's memory, up and down, with a death.

    python -m bench.photos --photos 1000 --bytes 1000000 --latency 0.15

Photos are kept here first; then all are sent, the process is killed (-9) in the middle and started again;
then another connection brings all of them here, killed in the middle as well. At the end every picture must
be in Mailchimp once and here byte for byte. Against a sandbox that answers after `--latency` seconds and
holds everything in its memory, embedded (SQLite). It talks to the loopback only and stops by itself.
"""

from __future__ import annotations

import argparse
import hashlib
import struct
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from bench.stand import ACCOUNT, Stand, stand
from processor.photos import ask
from processor.photos.keep import Handed, keep
from processor.store import connections, photos

LIMIT_SECONDS = 900.0
CONNECTIONS = 4
"""Photos carried at a time for one connection (`processor.turn.PLACES`)."""


def picture(n: int, size_bytes: int) -> Iterator[bytes]:
    """Yield a PNG of about this size; each `n` has its own content."""
    yield b"\x89PNG\r\n\x1a\n"
    yield _chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 0))
    note = hashlib.sha256(str(n).encode()).hexdigest().encode()
    yield _chunk(b"tEXt", b"note\0" + note * (size_bytes // len(note)))
    yield _chunk(b"IDAT", zlib.compress((b"\0" + bytes([n % 256]) * 64) * 64))
    yield _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    crc = zlib.crc32(data, zlib.crc32(kind))
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def connect(made: Stand, account_id: str, audience_id: str) -> str:
    """Return a connection that works, without a first sync: there is nobody in it."""
    connection_id = made.grant(account_id)
    with made.house.store.write() as c:
        connections.update(c, connection_id, made.house.kit.now(), state="in_sync", audience_id=audience_id)
    return connection_id


def in_step(made: Stand, connection_id: str) -> int:
    """Return how many photos of the connection are here and there; fails where one has failed."""
    with made.house.store.read() as c:
        counts = photos.counts(c, connection_id)
    if counts["failing"]:
        raise SystemExit(f"photos failed: {counts}")
    return counts["in_sync"]


def carry(
    made: Stand, name: str, connection_id: str, count: int, begin: Callable[[], Any], args: Any
) -> None:
    """Carry all photos one way, with a death in the middle, and tell what it cost."""
    before_mib = made.held_mib()
    made.forget_peak()
    made.control.forget_requests()
    began = time.monotonic()
    begin()
    peaks, killed_at = [0.0], None
    while (done := in_step(made, connection_id)) < count:
        if time.monotonic() - began > LIMIT_SECONDS:
            raise SystemExit(f"{name} did not end in time: {done} of {count}")
        if killed_at is None and args.kill and done >= count // 2:
            peaks.append(made.peak_mib())
            made.kill()
            killed_at = time.monotonic()
        time.sleep(0.1)
    seconds = time.monotonic() - began
    peaks.append(made.peak_mib())
    calls = made.control.calls()
    bound = count * args.latency / CONNECTIONS
    print(
        f"{name:5} {count:>6,} photos of {args.bytes / 1e6:.1f} MB  {seconds:6.1f} s  "
        f"(bound {bound:5.1f} s)  "
        f"{sum(calls.values()):>6,} calls  memory {before_mib:.0f} -> {max(peaks):.0f} MiB"
        + (f"  killed once, {time.monotonic() - killed_at:.1f} s before the end" if killed_at else "")
    )
    for call, number in sorted(calls.items(), key=lambda item: -item[1])[:5]:
        print(f"        {number:>6,}  {call}")
    sys.stdout.flush()


def check(made: Stand, connection_id: str, token: str, digests: set[str], count: int) -> None:
    """Fail where a picture is in Mailchimp twice or not at all, or differs from what was handed over."""
    headers = {"Authorization": f"Bearer {token}"}
    found: list[dict[str, Any]] = []
    with httpx.Client(timeout=60) as http:
        while True:
            query = {"count": 500, "offset": len(found)}
            page = http.get(f"{made.sandbox_url}/3.0/file-manager/files", params=query, headers=headers)
            files = page.json()["files"]
            found += files
            if len(files) < 500:
                break
        if len(found) != count or len({file["name"] for file in found}) != count:
            raise SystemExit(f"{len(found)} pictures in Mailchimp in place of {count}")
    with made.house.store.read() as c:
        here = photos.page(c, connection_id, limit=count + 1)
    kept = set()
    for row in here:
        digest = hashlib.sha256()
        for piece in made.house.kit.storage.open(row.key):
            digest.update(piece)
        kept.add(digest.hexdigest())
    if kept != digests:
        raise SystemExit("what was brought differs from what was sent")
    print(f"        {count:,} pictures in Mailchimp, each once; all of them here byte for byte")


def main() -> None:
    """Measure what the arguments ask for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--bytes", type=int, default=1_000_000)
    parser.add_argument("--latency", type=float, default=0.15, help="seconds that Mailchimp takes")
    parser.add_argument("--no-kill", dest="kill", action="store_false")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, stand(Path(folder)) as made:
        kit, control = made.house.kit, made.control
        account = control.account("Bench")
        news = [control.audience(account.id, f"News {n}").id for n in range(2)]
        up, down = (connect(made, account.id, audience) for audience in news)
        digests = set()
        for n in range(args.photos):
            handed = Handed(f"{n:05}.png", connection_id=up)
            digests.add(keep(kit, ACCOUNT, handed, picture(n, args.bytes)).photo.digest or "")
        control.latency(args.latency)
        carry(made, "up", up, args.photos, lambda: ask.push_all(kit, up, None), args)
        carry(made, "down", down, args.photos, lambda: ask.pull(kit, down, None), args)
        control.latency(0)
        check(made, down, account.api_key, digests, args.photos)


if __name__ == "__main__":
    main()
