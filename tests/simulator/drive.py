"""Runs random histories one after the other, and reduces the first that goes wrong.

python -m tests.simulator.drive --seed 1 --count 1000 --steps 40
python -m tests.simulator.drive --replay history.json
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from processor.domain.policy import Winner
from tests.simulator.ground import Ground, ground
from tests.simulator.sim import POLICY, Sim, Step, Wrong
from tests.simulator.story import history

Rounds = list[list[Step]]


def say(line: str) -> None:
    """Tell the reader, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def run(on: Ground, begin: dict[str, Any], rounds: Rounds) -> tuple[str, str, list[str]]:
    """Live one history. Returns what is wrong in one word ("" for nothing), in a sentence, and the trace."""
    changes = {"double_opt_in": begin["double_opt_in"], "winner": Winner(begin["winner"])}
    policy = POLICY.model_copy(update={**changes, "email_winner": Winner(begin["winner"])})
    more = {"skew_seconds": begin["skew_seconds"], "audiences": begin.get("audiences", 1)}
    sim = Sim(on, policy, seed=begin["seed"], **more)
    try:
        for steps in rounds:
            for step in steps:
                sim.do(step)
            sim.quiet()
    except Wrong as wrong:
        return wrong.kind, str(wrong), sim.trace
    except Exception as error:
        return f"raised {type(error).__name__}", traceback.format_exc(), sim.trace
    finally:
        sim.close()
    return "", "", sim.trace


def reduce(on: Ground, begin: dict[str, Any], rounds: Rounds, kind: str, seconds: float) -> Rounds:
    """Leave out whatever may be left out with the same thing going wrong."""
    flat: list[Any] = [item for steps in rounds for item in (*steps, None)]  # None: all is quiet
    until = time.monotonic() + seconds
    size = max(1, len(flat) // 2)
    while time.monotonic() < until:
        place, shorter = 0, False
        while place < len(flat) and time.monotonic() < until:
            candidate = flat[:place] + flat[place + size :]
            if run(on, begin, unflat(candidate))[0] == kind:
                flat, shorter = candidate, True
            else:
                place += size
        if size == 1 and not shorter:
            break
        size = max(1, size // 2)
    return unflat(flat)


def unflat(flat: list[Any]) -> Rounds:
    """Steps with marks between them as rounds."""
    rounds: Rounds = [[]]
    for item in flat:
        if item is None:
            rounds.append([])
        else:
            rounds[-1].append(item)
    return [steps for n, steps in enumerate(rounds) if steps or n == 0]


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--shrink-seconds", type=float, default=60)
    parser.add_argument("--go-on", action="store_true", help="do not stop at the first that goes wrong")
    parser.add_argument("--replay", type=Path)
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--level", type=int, help="0: nothing goes wrong … 3: everything")
    parser.add_argument("--tangled", action="store_true", help="contacts take each other's addresses")
    parser.add_argument("--wide", action="store_true", help="two audiences, choices, changed merge fields")
    parser.add_argument("--ignore", nargs="*", default=[], help="kinds that are known")
    given = parser.parse_args()
    shared = "/dev/shm" if os.path.isdir("/dev/shm") else None
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(dir=shared) as folder, ground(Path(folder)) as on:
        if given.replay:
            told = json.loads(given.replay.read_text())
            kind, about, trace = run(on, told["begin"], told["rounds"])
            say("\n".join([*trace, kind, about]))
            return bool(kind)
        began = time.monotonic()
        ran = 0
        for seed in range(given.seed, given.seed + given.count):
            if time.monotonic() - began > given.seconds:
                break
            if given.level is not None and seed % 4 != given.level:
                continue
            begin, rounds = history(seed, given.steps, tangled=given.tangled, wide=given.wide)
            kind, about, trace = run(on, begin, rounds)
            ran += 1
            if not kind:
                continue
            found[kind] += 1
            if kind in given.ignore:
                continue
            say(f"seed {seed}: {about.splitlines()[-1] if kind.startswith('raised') else about}")
            if given.go_on:
                continue
            rounds = reduce(on, begin, rounds, kind, given.shrink_seconds)
            kind, about, trace = run(on, begin, rounds)
            say("\n".join([*trace, "", about, "", json.dumps({"begin": begin, "rounds": rounds})]))
            return 1
        say(f"{ran} histories in {time.monotonic() - began:.0f} s; wrong: {dict(found) or 'none'}")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
