"""How many deliveries a second are acknowledged after their commit, beside an app that only reads the body.

    python -m bench.receive --seconds 5 --rounds 3

Each server and the load generator are processes of their own; rounds are interleaved, so that whatever else
the machine does falls on all alike; medians are printed. At the end every 200 is looked up in the database.
PostgreSQL is measured where BOTHWAYS_TEST_POSTGRES names one (in a schema that is dropped afterwards).
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote

from sqlalchemy import text

from bench.load import CONNECTIONS
from processor.store import Store, open_store

CEILING = "reads the body only"
AIM = 0.5


@dataclass(slots=True)
class Target:
    """One server under load, and what was measured."""

    name: str
    port: int
    path: str
    store: Store | None
    rounds: list[dict[str, Any]] = field(default_factory=list)

    def median_of(self, figure: str) -> float:
        """Return the median over the rounds."""
        return float(median(found[figure] for found in self.rounds))


@contextmanager
def server(name: str, database_url: str, folder: Path) -> Iterator[Target]:
    """Run a server until the block ends."""
    command = [sys.executable, "-m", "bench.serve", "--database-url", database_url, "--data-dir", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    store = open_store(database_url, pool_size=1) if database_url else None
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        yield Target(name, said["port"], said["path"], store)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        if store is not None:
            store.close()


@contextmanager
def schema(server_url: str) -> Iterator[str]:
    """Make a schema in this PostgreSQL; yield a URL whose tables are in it; drop it."""
    name = f"bench_{secrets.token_hex(4)}"
    admin = open_store(server_url, pool_size=1)
    with admin.write() as c:
        c.execute(text(f"CREATE SCHEMA {name}"))
    try:
        joint = "&" if "?" in server_url else "?"
        yield f"{server_url}{joint}options={quote(f'-csearch_path={name}')}"
    finally:
        with admin.write() as c:
            c.execute(text(f"DROP SCHEMA {name} CASCADE"))
        admin.close()


def run_load(target: Target, seconds: float, connections: int) -> dict[str, Any]:
    """Return what one round of load on this target measured."""
    command = [sys.executable, "-m", "bench.load", str(target.port), target.path]
    command += ["--start", secrets.token_hex(4), "--seconds", str(seconds), "--connections", str(connections)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=seconds + 30)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def missing(target: Target) -> int:
    """Return how many acknowledged deliveries are not in the database."""
    if target.store is None:
        return 0
    with target.store.read() as c:
        there = c.execute(text("SELECT count(*) FROM events")).scalar_one()
    return max(0, sum(int(found["ok"]) for found in target.rounds) - int(there))


def report(targets: list[Target]) -> bool:
    """Print the medians; return whether every acknowledged delivery is there."""
    ceiling = targets[0].median_of("per_second")
    print(f"{'':22} {'acked/s':>9} {'ratio':>6} {'p50 ms':>7} {'p99 ms':>7} {'not 200':>8} {'missing':>8}")
    for target in targets:
        speed = target.median_of("per_second")
        print(
            f"{target.name:22} {speed:9,.0f} {speed / ceiling:6.2f} {target.median_of('p50_ms'):7.1f}"
            f" {target.median_of('p99_ms'):7.1f} {sum(r['not_ok'] for r in target.rounds):8}"
            f" {missing(target):8}"
        )
    print(f"Aim: a ratio of {AIM} or more, none missing.")
    return not any(missing(target) for target in targets)


def main() -> None:
    """Measure and print. Exits with 1 when an acknowledged delivery is missing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--dir", type=Path, help="where the SQLite file is made")
    args = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=args.dir)))
        urls = {CEILING: "", "SQLite": f"sqlite:///{folder / 'bench.sqlite3'}"}
        if postgres := os.environ.get("BOTHWAYS_TEST_POSTGRES"):
            urls["PostgreSQL"] = stack.enter_context(schema(postgres))
        targets = [stack.enter_context(server(name, url, folder)) for name, url in urls.items()]
        for _ in range(args.rounds):
            for target in targets:
                target.rounds.append(run_load(target, args.seconds, args.connections))
        is_whole = report(targets)
    sys.exit(0 if is_whole else 1)


if __name__ == "__main__":
    main()
