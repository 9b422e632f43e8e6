"""Whoever is left out, and whatever is passed over, is told in sentences and not in codes."""

from __future__ import annotations

import pytest

from processor.domain import exclusions, skips
from processor.domain.event import SkipReason
from processor.domain.plan import Exclusion


@pytest.mark.parametrize("exclusion", Exclusion)
def test_every_exclusion_says_why_and_what_to_do(exclusion: Exclusion) -> None:
    """Whole sentences; the reason itself is not among them."""
    told = exclusions.words(exclusion.value)
    assert told is exclusions.WORDS[exclusion]
    assert told.title
    assert not told.title.endswith(".")
    for text in (told.happened, told.todo):
        assert text.endswith(".")
        assert "_" not in text


def test_an_exclusion_of_another_version_is_told_too() -> None:
    """A row may be older or newer than the words."""
    assert exclusions.words("of_tomorrow").happened.endswith(".")
    assert exclusions.words(None).title == "Left out"


@pytest.mark.parametrize("reason", SkipReason)
def test_every_skipped_event_says_why_in_one_line(reason: SkipReason) -> None:
    """A list shows 60 characters of it."""
    text = skips.said(reason.value)
    assert text == skips.WORDS[reason]
    assert text.endswith(".")
    assert len(text) <= 60


def test_what_is_a_sentence_already_stays_as_it_is() -> None:
    """Not every outcome has a reason of the list."""
    assert skips.said("believed; looked again later") == "believed; looked again later"
    assert skips.said(None) is None
