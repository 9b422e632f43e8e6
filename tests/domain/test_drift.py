"""What comparisons healed, in words."""

from __future__ import annotations

from datetime import date

import pytest

from processor.domain.drift import Drift, sentence

TODAY = date(2026, 3, 31)


@pytest.mark.parametrize(
    ("since", "time"),
    [
        (date(2026, 3, 1), "In the last 30 days"),
        (date(2026, 3, 29), "In the last 2 days"),
        (date(2026, 3, 30), "Since yesterday"),
        (TODAY, "Today"),
    ],
)
def test_it_speaks_of_no_more_days_than_there_were(since: date, time: str) -> None:
    """A connection of this morning has no thirty days behind it."""
    nothing = f"{time} our comparisons found nothing that we had not heard of already."
    assert sentence({}, since, TODAY) == nothing
    something = f"{time} our comparisons found and mended by themselves: 1 changed contact."
    assert sentence({Drift.CHANGED: 1}, since, TODAY) == something
