"""The order in which moves to other addresses are sent: one is left before somebody else comes to it."""

from __future__ import annotations

from collections.abc import Sequence

from processor.converge import Outcome
from processor.domain.contact import email_key


def in_turn(outcomes: Sequence[Outcome]) -> list[list[Outcome]]:
    """Return the outcomes in groups: those of one group go one after the other, groups may go beside each
    other. They keep their order, but that whoever moves to an address which another one leaves comes behind
    them. Of those who go round in a circle nobody can be the first; they come in any order."""
    leaving = {_address(o): n for n, o in enumerate(outcomes) if _target(o) not in {None, _address(o)}}
    groups: dict[int, list[tuple[int, int]]] = {}
    for n in range(len(outcomes)):
        first, steps = _first_of(n, outcomes, leaving)
        groups.setdefault(first, []).append((steps, n))
    return [[outcomes[n] for _, n in sorted(group)] for group in groups.values()]


def _first_of(n: int, outcomes: Sequence[Outcome], leaving: dict[str, int]) -> tuple[int, int]:
    """Return who must have moved before all others that this one waits for, and how many those are; of a
    circle, its lowest number."""
    passed = {n: 0}
    while (before := leaving.get(_target(outcomes[n]) or "")) is not None:
        if before in passed:
            return min(m for m, step in passed.items() if step >= passed[before]), len(passed)
        n = before
        passed[n] = len(passed)
    return n, len(passed)


def _target(outcome: Outcome) -> str | None:
    email = outcome.plan.up.email if outcome.plan else None
    return email_key(email) if email else None


def _address(outcome: Outcome) -> str:
    return email_key(outcome.sighting.member.email) if outcome.sighting.member else ""
