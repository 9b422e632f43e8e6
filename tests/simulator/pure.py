"""Very many histories of the pure core alone, one contact and one member:
`python -m tests.simulator.pure --count 100000`."""

from __future__ import annotations

import argparse
import sys
import time

from hypothesis import HealthCheck, given, seed, settings

from tests.domain.test_reconcile_properties import CHECKS, stories
from tests.domain.world import World


def main() -> None:
    """The command: raises what Hypothesis finds, with the shortest history that shows it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    lived = 0

    @seed(chosen.seed)
    @settings(
        max_examples=chosen.count, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(stories())
    def live(world: World) -> None:
        nonlocal lived
        lived += 1
        for check in CHECKS:
            check(world)

    began = time.monotonic()
    live()
    sys.stdout.write(f"{lived} histories in {time.monotonic() - began:.0f} s; every promise was kept\n")


if __name__ == "__main__":
    main()
