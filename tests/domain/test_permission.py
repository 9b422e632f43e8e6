"""Marketing permissions: what goes up of what was said, and what does not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from processor.domain.contact import Member, MemberStatus, Permission
from processor.domain.permission import MAY_GIVE, Act, changed, settle
from tests.domain.builders import at

ADS = "ads"
LATE = 60 * 24


def member(enabled: bool, status: MemberStatus = MemberStatus.SUBSCRIBED, changed_at: float = 0) -> Member:
    """Somebody in the audience, as Mailchimp shows them."""
    shown = {ADS: Permission("Advertising", enabled)}
    return Member("m", "jo@maple-street.test", status, permissions=shown, last_changed=at(changed_at))


def act(enabled: bool, kept: float = 5, **more: bool) -> Act:
    """Something said on the platform."""
    return Act(enabled, at(1), "the checkout", at(kept), **more)


def test_what_mailchimp_shows_already_is_not_sent() -> None:
    """Nor is it kept, when it was given."""
    found = settle({ADS: act(True)}, member(True), at(6))
    assert (dict(found.send), dict(found.left), list(found.dropped)) == ({}, {}, [])


def test_a_yes_waits_for_somebody_to_be_there() -> None:
    """Archived, bounced and unknown members are told nothing."""
    for theirs in (None, member(False, MemberStatus.ARCHIVED), member(False, MemberStatus.CLEANED)):
        found = settle({ADS: act(True)}, theirs, at(6))
        assert (dict(found.send), dict(found.left)) == ({}, {ADS: act(True)})


def test_a_yes_that_was_on_its_way_is_called_back() -> None:
    """They withdraw it while the call runs: a look in between shows nothing, and the answer then does."""
    between = settle({ADS: act(False)}, member(False), at(6))
    assert dict(between.send) == {}
    answer = settle(between.left, member(True, changed_at=6), at(7))
    assert dict(answer.send) == {ADS: False}
    assert dict(settle(answer.left, member(False, changed_at=7), at(LATE)).left) == {}
    assert dict(settle(between.left, member(True, changed_at=LATE), at(LATE)).send) == {}


def test_what_two_looks_differ_in_is_told_once() -> None:
    """What was not seen before is no change."""
    (heard,) = changed(member(False), member(True, changed_at=3))
    assert (heard.name, heard.before, heard.after, heard.at) == (
        "permissions.ads",
        "withdrawn",
        "given",
        at(3),
    )
    assert list(changed(member(True), member(True))) == []
    assert list(changed(None, member(True))) == []
    assert list(changed(Member("m", "", MemberStatus.SUBSCRIBED), member(True))) == []


@given(
    said=st.builds(act, st.booleans(), st.integers(0, 30)),
    shown=st.booleans(),
    status=st.sampled_from([status for status in MemberStatus if status is not MemberStatus.DELETED]),
    changed_at=st.integers(0, 60),
    now=st.integers(30, 90),
)
def test_a_permission_is_given_only_where_nothing_speaks_against_it(
    said: Act, shown: bool, status: MemberStatus, changed_at: int, now: int
) -> None:
    """Sent: the opposite of what is shown, and a yes to nobody who left, nor late over a change there."""
    found = settle({ADS: said}, member(shown, status, changed_at), at(now))
    for enabled in found.send.values():
        assert enabled is said.enabled is not shown
    if found.send.get(ADS):
        assert status in MAY_GIVE
        assert at(changed_at) <= said.kept_at or (at(now) - said.kept_at).total_seconds() <= 600
    again = settle(found.left, member(found.send.get(ADS, shown), status, changed_at), at(now))
    assert dict(again.send) == {}
