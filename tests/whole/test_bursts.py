"""Many webhooks at once: a few calls, everybody's change once, and others are not kept waiting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from processor.domain.event import EventStatus
from tests.whole.world import World, until, world

MANY = 300
FEW_CALLS = 30
"""Readings of changes and of the archived, as often as a few seconds have them; never one for each."""


def address(n: int) -> str:
    """The address of one of many."""
    return f"person{n}@maple-street.test"


@pytest.fixture
def crowd(tmp_path: Path) -> Iterator[World]:
    """An installation in step with an audience of many, which does not go round by itself."""
    people = [{"email_address": address(n), "merge_fields": {"CITY": "Oslo"}} for n in range(MANY)]
    with world(tmp_path, members=people, sweep_minutes=600) as made:
        yield made


def test_a_burst_costs_a_few_calls_and_tells_everybodys_change_once(crowd: World) -> None:
    """Everybody is edited in Mailchimp within a moment, as by an import; each edit rings."""
    before = len(crowd.changes())
    for n in range(MANY):
        crowd.control.edit(crowd.audience, address(n), merge_fields={"CITY": "Graz"})
    until(lambda: len(crowd.events()) == MANY, 30)
    until(crowd.settled, 30)
    assert {contact.fields["city"] for contact in crowd.contacts()} == {"Graz"}
    told = Counter(row.change.contact_id for row in crowd.changes()[before:])
    assert len(told) == MANY
    assert set(told.values()) == {1}
    assert not crowd.events(EventStatus.DEAD)
    calls = crowd.control.calls()
    assert sum(calls.values()) <= FEW_CALLS, calls
