"""An edit in Mailchimp that our own write took the place of, known by its letter."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from processor.domain.contact import Member, MemberStatus, subscriber_hash
from processor.domain.event import Event, EventType
from processor.domain.overtaken import Told, differing, is_overtaken
from processor.domain.policy import FieldRule, Policy
from tests.store.build import NOW

JO = "jo@maple-street.test"
POLICY = Policy(
    fields=(
        FieldRule(field="first_name", target="FNAME"),
        FieldRule(field="points", target="POINTS", type="number"),
    )
)
SECOND = timedelta(seconds=1)
SENT = Told(NOW + SECOND, ("Jo", "Joan"), sent="Joan")


def _letter(**merges: str) -> Event:
    return Event(EventType.PROFILE, "profile", fired_at=NOW, email=JO, data={"merges": merges})


def _member(**merges: Any) -> Member:
    return Member(subscriber_hash(JO), JO, MemberStatus.SUBSCRIBED, merge_fields=merges)


@pytest.mark.parametrize(
    ("said", "there", "found"),
    [
        ({"FNAME": "Johanna"}, {"FNAME": "Joan"}, {"first_name": ("Johanna", "Joan")}),
        ({"FNAME": " Joan "}, {"FNAME": "Joan"}, {}),
        ({"POINTS": "7"}, {"POINTS": 7}, {}),
        ({"FNAME": ""}, {"FNAME": "Joan"}, {}),
        ({"OTHER": "x"}, {"OTHER": "y"}, {}),
        ({"FNAME": "Johanna"}, {}, {}),
    ],
)
def test_where_a_letter_differs(said: dict[str, str], there: dict[str, Any], found: dict[str, Any]) -> None:
    """Values are compared in the form in which both sides are compared, mapped ones only."""
    assert differing(_letter(**said), _member(**there), POLICY) == found


def test_a_value_that_nobody_saw_gave_way_to_ours() -> None:
    """Written there, our own write came after it, and no line of the history knows it."""
    assert is_overtaken("Johanna", "Joan", NOW, [SENT])


@pytest.mark.parametrize(
    "history",
    [
        [],
        [Told(NOW - SECOND, ("Jo", "Joan"), sent="Joan")],
        [SENT, Told(NOW + SECOND, ("Jo", "Johanna"), heard_at=NOW + SECOND)],
        [Told(NOW + SECOND, ("Johanna", "Joan"), sent="Joan")],
        [SENT, Told(NOW + 2 * SECOND, ("Jo", "Jojo"), heard_at=NOW + 2 * SECOND)],
        [Told(NOW + SECOND, ("Jo", "Jane"), sent="Jane")],
    ],
    ids=["nothing sent", "sent before", "seen", "sent knowing it", "a later one seen", "something else sent"],
)
def test_a_value_that_was_seen_or_did_not_give_way_to_ours(history: list[Told]) -> None:
    """Then there is nothing to tell."""
    assert not is_overtaken("Johanna", "Joan", NOW, history)


def test_a_value_of_long_ago_may_be_written_again() -> None:
    """What the history knows from long before the letter is not this edit."""
    assert is_overtaken("Johanna", "Joan", NOW, [SENT, Told(NOW - timedelta(hours=1), ("Johanna", "Jo"))])
