"""A webhook that tells only what is known needs no look; whatever may be news is looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from processor.domain.contact import Member, MemberStatus
from processor.domain.echo import is_known
from processor.domain.event import Event, EventType

NOW = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)
ADDRESS = {"addr1": "1 High Street", "city": "York", "zip": "YO1"}
JO = Member(
    id="hash",
    email="Jo@example.net",
    status=MemberStatus.SUBSCRIBED,
    merge_fields={"FNAME": "Jo", "AGE": 41, "ADDRESS": ADDRESS, "CITY": ""},
    unique_email_id="0123456789",
    last_changed=NOW,
)
MERGES: dict[str, Any] = {
    "EMAIL": "jo@example.net",
    "FNAME": "Jo",
    "AGE": "41",
    "ADDRESS": {**ADDRESS, "addr2": ""},
    "CITY": "",
}


def profile(**changes: Any) -> Event:
    merges = {**MERGES, **changes.pop("merges", {})}
    event = Event(
        EventType.PROFILE,
        "profile",
        fired_at=NOW,
        email="jo@example.net",
        unique_email_id="0123456789",
        data={"merges": merges},
    )
    return replace(event, **changes)


def test_our_own_change_that_comes_back_is_known() -> None:
    assert is_known(profile(), JO, has_interests=False)
    assert is_known(profile(type=EventType.SUBSCRIBE), JO, has_interests=False)
    assert is_known(profile(fired_at=NOW - timedelta(seconds=9)), JO, has_interests=False)


@pytest.mark.parametrize(
    "event",
    [
        profile(merges={"FNAME": "Joanna"}),
        profile(merges={"AGE": "42"}),
        profile(merges={"CITY": "Leeds"}),
        profile(merges={"ADDRESS": {"addr1": "2 High Street", "city": "York", "zip": "YO1"}}),
        profile(merges={"ADDRESS": ""}),
        profile(merges={"NEW": "a field that was not there"}),
        profile(fired_at=NOW + timedelta(seconds=1)),
        profile(fired_at=None),
        profile(email="another@example.net"),
        profile(unique_email_id="another"),
        profile(type=EventType.UNSUBSCRIBE),
        profile(type=EventType.CLEANED),
        profile(type=EventType.UPEMAIL),
        profile(data={}),
    ],
)
def test_what_may_be_news_is_looked_at(event: Event) -> None:
    assert not is_known(event, JO, has_interests=False)


@pytest.mark.parametrize("status", [s for s in MemberStatus if s is not MemberStatus.SUBSCRIBED])
def test_of_members_who_are_not_subscribed_nothing_is_known(status: MemberStatus) -> None:
    assert not is_known(profile(), replace(JO, status=status), has_interests=False)


def test_without_a_view_and_with_interests_nothing_is_known() -> None:
    assert not is_known(profile(), None, has_interests=False)
    assert not is_known(profile(), JO, has_interests=True)
