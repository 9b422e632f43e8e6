"""What the platform says while a call about the same contact is under way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from processor import contacts
from tests.whole.world import ACCOUNT, SUBSCRIBED, World, until, world

JO = "jo@maple-street.test"


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[World]:
    """A Mailchimp that takes a second for each call."""
    with world(tmp_path) as made:
        made.put("1", email=JO, fields={"first_name": "Jo"}, tags={"old"}, consent=SUBSCRIBED)
        until(lambda: made.member(JO) and made.settled())
        made.control.latency(1.0)
        yield made
        made.control.latency(0)


def _while_a_call_is_under_way(made: World) -> None:
    seen = len(made.control.requests())
    until(lambda: len(made.control.requests()) > seen)
    time.sleep(0.3)


def test_the_second_of_two_quick_edits_stands(slow: World) -> None:
    slow.put("1", fields={"first_name": "First"})
    _while_a_call_is_under_way(slow)
    slow.put("1", fields={"first_name": "Second"})
    slow.control.latency(0)
    until(lambda: slow.settled() and slow.member(JO)["merge_fields"]["FNAME"] == "Second")
    assert slow.contact(JO).fields["first_name"] == "Second"


def test_a_contact_that_is_deleted_while_it_is_added_stays_deleted(slow: World) -> None:
    ann = "ann@maple-street.test"
    slow.put("2", email=ann, fields={"first_name": "Ann"}, consent=SUBSCRIBED)
    _while_a_call_is_under_way(slow)
    contacts.delete(slow.kit, ACCOUNT, "2")
    slow.control.latency(0)
    until(lambda: slow.settled())
    time.sleep(0.5)
    until(lambda: slow.settled())
    assert slow.contact(ann) is None
    member = slow.member(ann)
    assert member is None or member["status"] == "archived"
