"""Whoever is left out by choice, over anything that people may do: nothing is done but that they leave."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from processor.domain.choice import left_out
from processor.domain.consent import OUT_HERE
from processor.domain.contact import Base, Consent, ConsentStatus, Contact, Member, MemberStatus
from processor.domain.plan import ContactChange, Exclusion, MemberChange, MemberState
from processor.domain.policy import Policy, WithoutConsent
from processor.domain.reconcile import reconcile
from tests.domain.builders import NOON

TIMES = st.sampled_from([None, NOON.replace(hour=9), NOON, NOON.replace(hour=15)])
CONSENTS = st.builds(Consent, st.sampled_from(ConsentStatus), TIMES, st.sampled_from([None, "checkout"]))
EMAILS = st.sampled_from(["jo@maple-street.test", "jo@elm-street.test"])
TAGS = st.frozensets(st.sampled_from(["vip", "press"]))
CONTACTS = st.builds(
    Contact, st.just("shop"), st.just("c1"), EMAILS, tags=TAGS, consent=CONSENTS, updated_at=st.just(NOON)
)
MEMBERS = st.builds(
    Member, st.just("h"), EMAILS, st.sampled_from(MemberStatus), tags=TAGS, last_changed=TIMES
)
BASES = st.builds(
    Base, EMAILS, st.one_of(st.none(), st.sampled_from(MemberStatus)), tags=TAGS, consent_at=TIMES
)
POLICIES = st.builds(
    Policy, without_consent=st.sampled_from(WithoutConsent), unsubscribe_archived=st.booleans()
)
SCENES = st.tuples(st.none() | BASES, st.none() | CONTACTS, st.none() | MEMBERS, POLICIES)


@given(SCENES)
def test_nothing_is_done_but_leaving(scene: tuple[Any, ...]) -> None:
    """On either side; and what was agreed on about all else stays."""
    base, *_ = scene
    plan = left_out(reconcile(*scene), base)
    assert plan.up in (MemberChange(), MemberChange(status=MemberStatus.UNSUBSCRIBED))
    assert plan.down == ContactChange(consent=plan.down.consent)
    assert plan.down.consent is None or plan.down.consent.status in OUT_HERE
    assert (plan.state, plan.reason, plan.relink) == (MemberState.EXCLUDED, Exclusion.BY_CHOICE, False)
    if base is not None and plan.base is not None:
        assert (plan.base.email, plan.base.fields, plan.base.tags) == (base.email, base.fields, base.tags)


@given(SCENES)
def test_nobody_s_leaving_is_lost(scene: tuple[Any, ...]) -> None:
    """Whatever would have been said of somebody's leaving is said."""
    base, ours, _, _ = scene
    asked = reconcile(*scene)
    plan = left_out(asked, base)
    assert (asked.up.status is MemberStatus.UNSUBSCRIBED) == (plan.up.status is MemberStatus.UNSUBSCRIBED)
    if ours is not None and asked.down.consent is not None and asked.down.consent.status in OUT_HERE:
        assert plan.down.consent == asked.down.consent


@given(SCENES)
def test_whoever_left_stays_out_when_taken_back_in(scene: tuple[Any, ...]) -> None:
    """Once the leaving is written down, going on as usual subscribes them nowhere."""
    base, ours, theirs, policy = scene
    plan = left_out(reconcile(*scene), base)
    if ours is None or plan.down.consent is None:
        return
    gone = Contact(ours.account_id, ours.id, ours.email, tags=ours.tags, consent=plan.down.consent)
    back = reconcile(plan.base, gone, theirs, policy)
    assert back.up.status in {None, MemberStatus.UNSUBSCRIBED}
    assert back.up.create is None
    assert back.down.consent is None or back.down.consent.status is not ConsentStatus.SUBSCRIBED
