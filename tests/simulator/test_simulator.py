"""Would somebody bet their mailing list on it? Random histories of both sides, with everything that can go
wrong between them, and a witness who knows only what people did."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.production.services import Database
from tests.simulator.drive import run
from tests.simulator.ground import Ground, ground
from tests.simulator.sim import Sim, Step
from tests.simulator.story import any_wide_step, history

SLOW_HISTORIES = {"": 50, "wide": 45, "tangled": 25}
"""How many of each kind: as they always were; with two audiences, changed fields and choices; and with
contacts who take each other's addresses."""


def lives_well(on: Ground, seed: int, steps: int, kind: str = "") -> None:
    """Live one history; tell all of it where it goes wrong."""
    wrong, about, trace = run(on, *history(seed, steps, wide=kind == "wide", tangled=kind == "tangled"))
    replay = f"python -m tests.simulator.drive --seed {seed} --steps {steps} --count 1"
    replay += f" --{kind}" if kind else ""
    assert not wrong, "\n".join([*trace, about, replay])


@pytest.mark.parametrize("seed", range(8))
def test_a_history_ends_well(on: Ground, seed: int) -> None:
    """Two of each kind: nothing goes wrong; the post does; calls and processes do; and people act between our
    calls."""
    lives_well(on, seed, 30)


@pytest.mark.parametrize("seed", range(4))
def test_a_history_at_two_audiences_ends_well(on: Ground, seed: int) -> None:
    """Consent to each by itself; the marketer changes fields, and somebody leaves contacts out."""
    lives_well(on, seed, 25, "wide")


def test_a_history_ends_well_over_real_http(tmp_path: Path) -> None:
    """The sandbox behind a socket, in a thread of its own."""
    with ground(tmp_path, real_http=True) as on:
        lives_well(on, 2, 15)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "seed"),
    [(kind, seed) for kind, count in SLOW_HISTORIES.items() for seed in range(100, 100 + count)],
)
def test_very_many_histories_end_well(on: Ground, kind: str, seed: int) -> None:
    """The same, for minutes."""
    lives_well(on, seed, 40, kind)


@pytest.mark.services
@pytest.mark.parametrize("seeds", [range(20, 28)])
def test_histories_end_well_on_postgresql(tmp_path: Path, seeds: range) -> None:
    """The same, on the other database."""
    with Database() as database, ground(tmp_path, postgres=database.url) as on:
        for seed in seeds:
            lives_well(on, seed, 30)


@st.composite
def steps(draw: st.DrawFn) -> Step:
    """Any step, each kind of trouble included."""
    return any_wide_step(random.Random(draw(st.integers(0, 2**24))), draw(st.integers(0, 3)))


@pytest.mark.slow
def test_no_shortest_history_goes_wrong(on: Ground) -> None:
    """Hypothesis looks for the shortest history that goes wrong."""

    class Machine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.sim = Sim(on, audiences=2)

        @rule(step=steps())
        def do(self, step: Step) -> None:
            self.sim.do(step)

        @rule()
        def quiet(self) -> None:
            self.sim.quiet()

        def teardown(self) -> None:
            try:
                self.sim.quiet()
            finally:
                self.sim.close()

    thorough = settings(
        max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(Machine, settings=thorough)  # type: ignore[no-untyped-call]
