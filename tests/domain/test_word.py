"""Consent towards one of several audiences: whose word counts for which."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from processor.domain.consent import OUT_HERE, decide
from processor.domain.contact import Base, Consent, ConsentStatus, Member, MemberStatus
from processor.domain.policy import Policy, WithoutConsent
from processor.domain.word import Word, last_no, may_replace, towards
from tests.domain.builders import at, yes

THERE = MemberStatus.SUBSCRIBED
MEMBERS = (*[status for status in MemberStatus if status is not MemberStatus.DELETED], None)


def no(minutes: float, source: str = "mailchimp:unsubscribed") -> Consent:
    """They left."""
    return Consent(ConsentStatus.UNSUBSCRIBED, at(minutes), source)


def beside(
    said: Consent, word: Word | None = None, status: MemberStatus | None = THERE, **more: Consent
) -> Consent:
    """The consent towards one of several audiences."""
    return towards(said, word, None, status, is_only=False, **more)


def test_an_only_audiences_consent_is_the_contacts_own() -> None:
    """Whatever was said, by whomever."""
    for said in (yes(0), no(0), Consent(), yes(0, "mailchimp:subscribed")):
        for status in MEMBERS:
            assert towards(said, None, None, status, is_only=True) == said


def test_the_last_word_counts_as_long_as_the_platform_says_nothing_new() -> None:
    """The platform's word of before does not outdo it; a no does at once, a yes when it is later."""
    word = Word(no(5), over=yes(0))
    assert beside(yes(0), word) == no(5)
    assert beside(yes(3), word) == no(5)
    assert beside(yes(6), word) == yes(6)
    back = Word(yes(5, "mailchimp:subscribed"), over=yes(0))
    assert beside(no(1, "by phone"), back) == no(1, "by phone")


def test_what_one_audience_says_is_no_news_for_another() -> None:
    """Neither does it take anybody off who is there, nor bring anybody in who is not."""
    assert beside(no(5)) == Consent()
    assert beside(no(5), Word(yes(1, "mailchimp:subscribed"), over=yes(0))).status is ConsentStatus.SUBSCRIBED
    assert beside(no(5), status=None) == no(5)
    for policy in (Policy(), Policy(without_consent=WithoutConsent.TRANSACTIONAL)):
        assert decide(None, beside(no(5), status=None), None, policy).create is None


def test_who_left_elsewhere_is_not_added_on_an_older_yes() -> None:
    """A later one counts; one who is there already is there by an act of their own."""
    assert beside(yes(0), status=None, elsewhere=no(5)) == no(5)
    assert beside(yes(6), status=None, elsewhere=no(5)) == yes(6)
    assert beside(yes(0), status=THERE, elsewhere=no(5)) == yes(0)
    met = Base(None, MemberStatus.SUBSCRIBED)
    assert towards(yes(0), None, met, None, is_only=False, elsewhere=no(5)) == yes(0)


def test_a_record_replaces_only_its_own_earlier_word() -> None:
    """The platform's word, and another audience's, stay as they are."""
    mine = yes(1, "mailchimp:subscribed")
    assert may_replace(yes(0), None, is_only=True)
    assert may_replace(mine, Word(mine, over=mine), is_only=False)
    assert not may_replace(yes(0), Word(no(2), over=yes(0)), is_only=False)
    assert not may_replace(mine, None, is_only=False)


def test_the_latest_no_is_the_one_that_counts() -> None:
    """One without a time is later than any."""
    untimed = Consent(ConsentStatus.CLEANED, None, "mailchimp:cleaned")
    assert last_no([yes(9)]) is None
    for some in itertools.permutations([no(1), no(4), yes(9)]):
        assert last_no(list(some)) == no(4)
    assert last_no([no(4), untimed]) == untimed


_moments = st.integers(0, 6)
_ours = st.one_of(
    st.just(Consent()),
    _moments.map(yes),
    _moments.map(lambda n: no(n, "by phone")),
    _moments.map(no),
    _moments.map(lambda n: yes(n, "mailchimp:subscribed")),
)
_heard = st.one_of(_moments.map(no), _moments.map(lambda n: yes(n, "mailchimp:subscribed")))


@given(said=_ours, heard=_heard, over=_ours, status=st.sampled_from(MEMBERS), is_only=st.booleans())
def test_consent_never_rises_above_what_somebody_said(
    said: Consent, heard: Consent, over: Consent, status: MemberStatus | None, is_only: bool
) -> None:
    """The outcome is one of the two words, and after the audience's no only a later yes of the platform's
    leads back."""
    found = towards(said, Word(heard, over), None, status, is_only=is_only)
    assert found in (said, heard)
    if heard.status in OUT_HERE and not is_only and found.status is ConsentStatus.SUBSCRIBED:
        assert not (said.source or "").startswith("mailchimp:")
        assert said.at is not None
        assert heard.at is not None
        assert said.at > heard.at


@given(said=_ours, elsewhere=st.one_of(st.none(), _moments.map(no)), status=st.sampled_from(MEMBERS))
def test_a_stranger_to_an_audience_is_never_subscribed_there_by_anothers_record(
    said: Consent, elsewhere: Consent | None, status: MemberStatus | None
) -> None:
    """Somebody is added, or asked, on the platform's own yes alone, and on none that is older than a no."""
    theirs = Member("m", "jo@maple-street.test", status, last_changed=at(0)) if status else None
    found = towards(said, None, None, status, is_only=False, elsewhere=elsewhere)
    outcome = decide(None, found, theirs, Policy())
    raises = {MemberStatus.SUBSCRIBED, MemberStatus.PENDING}
    if {outcome.create, outcome.status} & raises and status in {None, MemberStatus.TRANSACTIONAL}:
        assert said.status is ConsentStatus.SUBSCRIBED
        assert not (said.source or "").startswith("mailchimp:")
        assert elsewhere is None or (said.at and elsewhere.at and said.at > elsewhere.at)
