"""Again or never: what becomes of a failure, decided in one place by the catalogue's rule for its code."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from processor.domain.catalogue import Retry, entry

BASE_SECONDS = 2.0
"""The first wait: most limits and hiccups are over by then."""

LONGEST_WAIT = timedelta(minutes=15)
"""Longer would keep a customer waiting after Mailchimp is back."""

MAX_ATTEMPTS = 12
"""With waits of 2 s, 4 s, 8 s … 15 min this ends after three quarters of an hour; it is then shown as a
failure, and the next sweep looks at the member anyway."""

INTERNAL_ATTEMPTS = 5
"""Our own mistake seldom passes by itself; a lost race with another worker does."""

THROTTLE_FIRST_WAIT = timedelta(hours=1)
THROTTLE_LONGEST_WAIT = timedelta(hours=24)
THROTTLE_ATTEMPTS = 9
"""Mailchimp limits an address for hours or days (facts.md 6.2): 1, 2, 4, 8, 16 and then 24 hours apart,
four days in all."""

JITTER = 0.2
"""How much of a wait is left to chance, so that what failed together does not come back together."""


@dataclass(frozen=True, slots=True)
class Again:
    """Try again, so much later."""

    after: timedelta


@dataclass(frozen=True, slots=True)
class Bury:
    """Do not try again by itself. `reason` is a sentence for people."""

    reason: str


def decide(
    code: str,
    attempt: int,
    rng_fraction: float,
    *,
    max_attempts: int | None = None,
    base_seconds: float = BASE_SECONDS,
    ends: bool = True,
) -> Again | Bury:
    """Return whether to try again after the attempt with this number (the first is 1) failed.

    `rng_fraction` is from 0 up to 1 and spreads the waits. `max_attempts` replaces MAX_ATTEMPTS, and
    lowers the limits of the other codes where it is below them. Without `ends` what passes by itself is tried
    for ever, at the longest of its waits.
    """
    found = entry(code)
    rule = found.retry
    if rule is Retry.AFTER_FIX:
        return Bury("It waits until somebody has dealt with the cause.")
    if rule is Retry.NEVER:
        return Bury("Trying again would not change it.")
    limit, first, longest = _schedule(found.code, max_attempts, base_seconds)
    if attempt >= limit and ends:
        return Bury(f"It was tried {attempt} times." if attempt != 1 else "It was tried once.")
    doublings = min(max(min(attempt, limit), 1) - 1, 30)
    wait = min(first * 2**doublings, longest)
    return Again(wait * (1 - JITTER * (1 - rng_fraction)))


def _schedule(code: str, max_attempts: int | None, base_seconds: float) -> tuple[int, timedelta, timedelta]:
    if code == "signup_throttled":
        return _at_most(THROTTLE_ATTEMPTS, max_attempts), THROTTLE_FIRST_WAIT, THROTTLE_LONGEST_WAIT
    first = timedelta(seconds=base_seconds)
    if code == "internal":
        return _at_most(INTERNAL_ATTEMPTS, max_attempts), first, LONGEST_WAIT
    return max_attempts or MAX_ATTEMPTS, first, LONGEST_WAIT


def _at_most(limit: int, asked: int | None) -> int:
    return limit if asked is None else min(limit, asked)
