"""A conflict as it stands later: what can still be chosen."""

from __future__ import annotations

from typing import Any

import pytest

from processor.domain.dispute import DisputeState, state_now
from processor.domain.policy import FieldRule, Policy
from tests.domain.builders import contact

MAPPED = Policy(fields=(FieldRule(field="points", target="POINTS", type="number"),))
OTHER = Policy(fields=(FieldRule(field="city", target="CITY"),))


@pytest.mark.parametrize(
    ("now", "policy", "state"),
    [
        (5, MAPPED, DisputeState.OPEN),
        (" 5.0 ", MAPPED, DisputeState.OPEN),
        ("7", MAPPED, DisputeState.USED),
        (6, MAPPED, DisputeState.SUPERSEDED),
        (None, MAPPED, DisputeState.SUPERSEDED),
        (7, OTHER, DisputeState.USED),
        (5, OTHER, DisputeState.SUPERSEDED),
    ],
)
def test_the_other_value_can_be_used_while_the_field_is_kept_in_step(
    now: Any, policy: Policy, state: DisputeState
) -> None:
    """As long as nobody changed it since; of a field that is not mapped any more the other side would never
    hear."""
    assert state_now("points", 5, 7, contact(fields={"points": now}), policy) is state
    assert state_now("points", 5, 7, None, policy) is DisputeState.SUPERSEDED
