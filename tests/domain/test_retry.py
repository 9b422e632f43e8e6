"""Again or never, and when."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.domain.catalogue import ENTRIES, Retry
from processor.domain.retry import (
    INTERNAL_ATTEMPTS,
    LONGEST_WAIT,
    MAX_ATTEMPTS,
    THROTTLE_ATTEMPTS,
    Again,
    Bury,
    decide,
)


def waits(code: str, fraction: float = 0.5, **limits: int) -> list[timedelta]:
    """The waits between the attempts until it is buried."""
    found: list[timedelta] = []
    while isinstance(decision := decide(code, len(found) + 1, fraction, **limits), Again):
        found.append(decision.after)
    return found


@pytest.mark.parametrize("code", ["rate_limited", "mailchimp_down", "network"])
def test_what_passes_is_tried_again_ever_more_slowly_and_then_shown(code: str) -> None:
    """From about two seconds, doubling, never more than a quarter of an hour, and not for ever."""
    found = waits(code, fraction=1.0)
    assert found[:3] == [timedelta(seconds=2), timedelta(seconds=4), timedelta(seconds=8)]
    assert found[-1] == LONGEST_WAIT
    assert len(found) == MAX_ATTEMPTS - 1
    assert timedelta(minutes=40) < sum(found, timedelta()) < timedelta(hours=2)


def test_an_address_that_mailchimp_limits_is_tried_for_days() -> None:
    """Hours apart."""
    found = waits("signup_throttled")
    assert len(found) == THROTTLE_ATTEMPTS - 1
    assert min(found) > timedelta(minutes=30)
    assert timedelta(days=2) < sum(found, timedelta()) < timedelta(days=6)


def test_our_own_mistake_is_tried_a_few_times() -> None:
    """It seldom passes by itself."""
    assert len(waits("internal")) == INTERNAL_ATTEMPTS - 1
    assert len(waits("no_such_code")) == INTERNAL_ATTEMPTS - 1


def test_the_caller_may_shorten_it() -> None:
    """For the demo and for tests."""
    assert len(waits("network", max_attempts=2)) == 1
    assert len(waits("signup_throttled", max_attempts=2)) == 1
    assert len(waits("internal", max_attempts=100)) == INTERNAL_ATTEMPTS - 1
    quick = decide("network", 1, 1.0, base_seconds=0.01)
    assert quick == Again(timedelta(seconds=0.01))


@pytest.mark.parametrize("code", sorted(ENTRIES))
def test_only_what_can_pass_is_tried_again(code: str) -> None:
    """The rest waits for somebody, and says so in a sentence."""
    decision = decide(code, 1, 0.0)
    assert isinstance(decision, Again) == (ENTRIES[code].retry is Retry.BY_ITSELF)
    if isinstance(decision, Bury):
        assert decision.reason.endswith(".")


@given(
    st.sampled_from(sorted(ENTRIES)),
    st.integers(0, 10**9),
    st.floats(0, 1),
    st.floats(0.001, 600),
)
def test_every_wait_is_some_time_and_no_wait_is_endless(
    code: str, attempt: int, fraction: float, base_seconds: float
) -> None:
    """At any attempt and with any luck."""
    decision = decide(code, attempt, fraction, base_seconds=base_seconds)
    if isinstance(decision, Again):
        assert timedelta() < decision.after <= timedelta(hours=24)
