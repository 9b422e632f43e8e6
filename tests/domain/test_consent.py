"""Who may be subscribed by whom."""

from __future__ import annotations

import itertools

import pytest

from processor.domain.consent import OUT_HERE, OUT_THERE, decide, is_new_act
from processor.domain.contact import Base, Consent, ConsentStatus, MemberStatus
from processor.domain.plan import Exclusion
from processor.domain.policy import ConsentStatement, Policy, WithoutConsent
from tests.domain.builders import at, member, no, yes

S = MemberStatus
STRICT = Policy()
DOUBLE = Policy(double_opt_in=True)


def base(status: MemberStatus | None, minutes: float | None = 0) -> Base:
    return Base("jo@maple-street.test", status, consent_at=None if minutes is None else at(minutes))


# The table of design section 4, row by row: base, ours, theirs -> act there, status here, exclusion.


@pytest.mark.parametrize(
    ("policy", "create"), [(STRICT, S.SUBSCRIBED), (DOUBLE, S.PENDING)], ids=["single", "double opt-in"]
)
def test_a_new_contact_with_evidence_is_added(policy: Policy, create: MemberStatus) -> None:
    """Under double opt-in Mailchimp asks first."""
    outcome = decide(None, yes(0), None, policy)
    assert (outcome.create, outcome.consent, outcome.exclusion) == (create, None, None)


@pytest.mark.parametrize(
    "consent", [Consent(), Consent(ConsentStatus.SUBSCRIBED), Consent(ConsentStatus.PENDING)]
)
def test_a_new_contact_without_evidence_is_left_out_or_added_as_never_mailed(consent: Consent) -> None:
    """The customer chose which at set-up; subscribed is not among the choices."""
    assert decide(None, consent, None, STRICT).exclusion is Exclusion.NO_CONSENT
    known = Policy(without_consent=WithoutConsent.TRANSACTIONAL)
    assert decide(None, consent, None, known).create is S.TRANSACTIONAL


STATEMENT = ConsentStatement(at=at(0), by="Jo", text="Our subscribers agreed.")
STATED = Policy(without_consent=WithoutConsent.STATED, statement=STATEMENT)


def test_the_customers_recorded_word_stands_in_for_missing_evidence() -> None:
    """Only of whom the platform holds as subscribed; Mailchimp asks where the audience asks everybody; a
    word that nobody put on record counts for nothing."""
    bare = Consent(ConsentStatus.SUBSCRIBED)
    assert decide(None, bare, None, STATED).create is S.SUBSCRIBED
    asking = STATED.model_copy(update={"double_opt_in": True})
    assert decide(None, bare, None, asking).create is S.PENDING
    unsaid = STATED.model_copy(update={"statement": None})
    assert decide(None, bare, None, unsaid).exclusion is Exclusion.NO_CONSENT


@pytest.mark.parametrize("status", [*ConsentStatus])
@pytest.mark.parametrize("source", [None, "mailchimp:subscribed"])
def test_the_customers_word_goes_for_nobody_else(status: ConsentStatus, source: str | None) -> None:
    """Not for who was never asked, left or bounced, not for whom another audience's record speaks, and
    against nothing that Mailchimp knows."""
    ours = Consent(status, None, source)
    if status is not ConsentStatus.SUBSCRIBED or source:
        assert not decide(None, ours, None, STATED).acts_there
    for known in OUT_THERE | {S.TRANSACTIONAL, S.PENDING}:
        there = None if known is S.DELETED else member(known)
        for before in (None, base(known, None)):
            if there is None and before is None:
                continue  # never seen
            outcome = decide(before, ours, there, STATED)
            assert outcome.create is None
            assert outcome.status in {None, S.UNSUBSCRIBED}


def test_a_new_contact_who_was_asked_is_asked_by_mailchimp() -> None:
    """Pending with evidence stays pending."""
    asked = Consent(ConsentStatus.PENDING, at(0), "form")
    assert decide(None, asked, None, STRICT).create is S.PENDING


@pytest.mark.parametrize(
    ("consent", "why"),
    [(no(), Exclusion.UNSUBSCRIBED), (Consent(ConsentStatus.CLEANED), Exclusion.CLEANED)],
)
def test_whoever_left_before_mailchimp_knew_them_is_never_added(consent: Consent, why: Exclusion) -> None:
    """Not even as transactional."""
    known = Policy(without_consent=WithoutConsent.TRANSACTIONAL)
    outcome = decide(None, consent, None, known)
    assert (outcome.acts_there, outcome.exclusion) == (False, why)


def test_our_opt_out_is_sent() -> None:
    """Subscribed when last agreed, unsubscribed here since."""
    assert decide(base(S.SUBSCRIBED), no(5), member(), STRICT).status is S.UNSUBSCRIBED


def test_somebody_who_came_back_through_mailchimp_is_subscribed_here() -> None:
    """Both sides knew them as unsubscribed; Mailchimp's record is the evidence."""
    outcome = decide(base(S.UNSUBSCRIBED, 0), no(0), member(changed=9), STRICT)
    assert outcome.status is None
    assert outcome.consent == Consent(ConsentStatus.SUBSCRIBED, at(9), "mailchimp:subscribed")
    assert (outcome.agreed_status, outcome.agreed_at) == (S.SUBSCRIBED, at(9))


@pytest.mark.parametrize(
    ("agreed", "ours", "changed"),
    [
        (base(S.UNSUBSCRIBED, 0), no(5), 9),
        (base(S.PENDING, 0), no(5), 9),
        (base(S.TRANSACTIONAL, None), no(None), 9),
        (base(S.UNSUBSCRIBED, 0), no(None), 9),
        (base(S.UNSUBSCRIBED, 7), no(7), 3),
        (None, no(0), 9),
    ],
    ids=["both since", "both since, asked", "unclear", "undated", "an old view", "first meeting"],
)
def test_where_it_is_unclear_the_person_stays_out(agreed: Base | None, ours: Consent, changed: float) -> None:
    """Subscribed there, unsubscribed here, and no proof that they came back."""
    outcome = decide(agreed, ours, member(changed=changed), STRICT)
    assert (outcome.status, outcome.consent) == (S.UNSUBSCRIBED, None)


@pytest.mark.parametrize("ours", [Consent(), Consent(ConsentStatus.PENDING, at(0), "form")])
def test_a_confirmation_there_subscribes_here(ours: Consent) -> None:
    """Never asked or still waiting here: Mailchimp's record is the evidence."""
    outcome = decide(None, ours, member(changed=3), STRICT)
    assert outcome.consent == Consent(ConsentStatus.SUBSCRIBED, at(3), "mailchimp:subscribed")


def test_pending_is_left_to_mailchimp() -> None:
    """A new act does not skip the confirmation; an opt-out ends it."""
    assert not decide(base(S.PENDING), yes(9), member(S.PENDING), STRICT).acts_there
    assert decide(base(S.PENDING), no(9), member(S.PENDING), STRICT).status is S.UNSUBSCRIBED
    pending = decide(None, Consent(), member(S.PENDING), STRICT).consent
    assert pending is not None
    assert pending.status is ConsentStatus.PENDING


def test_transactional_is_raised_only_by_a_new_act() -> None:
    """Known and never mailed, until the person says yes."""
    there = member(S.TRANSACTIONAL)
    assert decide(base(S.TRANSACTIONAL), yes(5), there, STRICT).status is S.SUBSCRIBED
    assert decide(base(S.TRANSACTIONAL), yes(5), there, DOUBLE).status is S.PENDING
    assert decide(base(S.UNSUBSCRIBED), yes(5), there, STRICT).status is S.PENDING
    for ours in (yes(0), no(5), Consent()):
        assert not decide(base(S.TRANSACTIONAL), ours, there, STRICT).acts_there


def test_an_opt_out_there_is_believed_with_its_reason() -> None:
    """And a person who says yes again afterwards is asked by Mailchimp, never subscribed."""
    there = member(S.UNSUBSCRIBED, changed=4, reason="abuse")
    outcome = decide(base(S.SUBSCRIBED, 0), yes(0), there, STRICT)
    assert outcome.consent == Consent(ConsentStatus.UNSUBSCRIBED, at(4), "mailchimp:unsubscribed (abuse)")
    assert decide(base(S.UNSUBSCRIBED, 4), yes(5), there, STRICT).status is S.PENDING


def test_an_old_yes_sent_once_more_is_not_a_new_one() -> None:
    """The platform's clock ran ahead of Mailchimp's: its own old consent must not undo the opt-out."""
    there = member(S.UNSUBSCRIBED, changed=4)
    first = decide(base(S.SUBSCRIBED, 6), yes(6), there, STRICT)
    agreed = base(first.agreed_status, None)
    agreed = Base(agreed.email, first.agreed_status, consent_at=first.agreed_at)
    again = decide(agreed, yes(6), there, STRICT)
    assert (again.status, again.consent) == (None, first.consent)


@pytest.mark.parametrize("status", [S.UNSUBSCRIBED, S.ARCHIVED])
def test_at_a_first_meeting_the_stricter_side_wins(status: MemberStatus) -> None:
    """Only a yes that is later than their opt-out is worth asking them about."""
    there = member(status, changed=4)
    older = decide(None, yes(3), there, STRICT)
    assert older.consent is not None
    assert older.consent.status is ConsentStatus.UNSUBSCRIBED
    assert decide(None, yes(5), there, STRICT).status is S.PENDING
    unknown = decide(None, yes(5), member(status, changed=None), STRICT)
    assert unknown.status is None


def test_a_bounce_stops_even_a_new_yes() -> None:
    """A new address is needed."""
    outcome = decide(base(S.SUBSCRIBED), yes(9), member(S.CLEANED, changed=8), STRICT)
    assert outcome.consent == Consent(ConsentStatus.CLEANED, at(8), "mailchimp:cleaned")
    assert (outcome.acts_there, outcome.exclusion) == (False, Exclusion.CLEANED)


def test_our_own_bounce_goes_up_as_an_opt_out() -> None:
    """Mailchimp takes no `cleaned` from others; nothing to do where it is cleaned already."""
    ours = Consent(ConsentStatus.CLEANED, at(5), "mail server")
    assert decide(base(S.SUBSCRIBED), ours, member(), STRICT).status is S.UNSUBSCRIBED
    assert not decide(base(S.SUBSCRIBED), ours, member(S.CLEANED), STRICT).acts_there
    back = decide(base(S.CLEANED, 5), ours, member(changed=9), STRICT)
    assert back.consent is not None
    assert back.consent.status is ConsentStatus.SUBSCRIBED


def test_whoever_was_archived_or_deleted_there_stops_here() -> None:
    """Never re-added by ourselves; by rule of the connection they count as unsubscribed."""
    gone = decide(base(S.SUBSCRIBED), yes(0), None, STRICT)
    assert gone.consent == Consent(ConsentStatus.UNSUBSCRIBED, None, "mailchimp:deleted")
    assert (gone.acts_there, gone.agreed_status) == (False, S.DELETED)
    archived = decide(base(S.SUBSCRIBED), yes(0), member(S.ARCHIVED, changed=2), STRICT)
    assert archived.consent == Consent(ConsentStatus.UNSUBSCRIBED, at(2), "mailchimp:archived")
    kept = decide(base(S.SUBSCRIBED), yes(0), None, Policy(unsubscribe_archived=False))
    assert (kept.consent, kept.acts_there, kept.exclusion) == (None, False, Exclusion.DELETED_THERE)


def test_a_new_yes_after_that_is_asked_by_mailchimp() -> None:
    """Pending, so that the confirmation is theirs."""
    assert decide(base(S.DELETED), yes(5), None, STRICT).create is S.PENDING
    assert decide(base(S.ARCHIVED), yes(5), member(S.ARCHIVED), STRICT).status is S.PENDING


def test_somebody_deleted_there_who_signs_up_again_is_subscribed_here() -> None:
    """The deletion had no date; the form's record has one."""
    gone = decide(base(S.SUBSCRIBED), yes(0), None, STRICT)
    agreed = Base("jo@maple-street.test", gone.agreed_status, consent_at=gone.agreed_at)
    back = decide(agreed, gone.consent, member(changed=9), STRICT)
    assert back.consent is not None
    assert (back.consent.status, back.status) == (ConsentStatus.SUBSCRIBED, None)


# No contact here.


@pytest.mark.parametrize(
    ("status", "consent"),
    [
        (S.SUBSCRIBED, ConsentStatus.SUBSCRIBED),
        (S.UNSUBSCRIBED, ConsentStatus.UNSUBSCRIBED),
        (S.CLEANED, ConsentStatus.CLEANED),
        (S.PENDING, ConsentStatus.PENDING),
        (S.TRANSACTIONAL, ConsentStatus.NONE),
    ],
)
def test_members_are_imported_with_the_consent_that_they_have(
    status: MemberStatus, consent: ConsentStatus
) -> None:
    """Unless the customer chose not to import; archived members never are."""
    outcome = decide(None, None, member(status), STRICT)
    assert outcome.create_here
    assert outcome.consent is not None
    assert outcome.consent.status is consent
    assert outcome.consent.has_evidence is (consent is not ConsentStatus.NONE)
    left = decide(None, None, member(status), Policy(import_members=False))
    assert (left.create_here, left.exclusion) == (False, Exclusion.NOT_IMPORTED)
    assert decide(None, None, member(S.ARCHIVED), STRICT).exclusion is Exclusion.NOT_IMPORTED


@pytest.mark.parametrize("status", list(S))
def test_a_contact_deleted_here_is_archived_there_where_that_is_possible(status: MemberStatus) -> None:
    """Mailchimp archives no bounced or pending member, and an opt-out must stay visible."""
    outcome = decide(base(S.SUBSCRIBED), None, member(status), STRICT)
    assert outcome.archive is (status in {S.SUBSCRIBED, S.TRANSACTIONAL})
    assert not decide(base(S.SUBSCRIBED), None, member(status), Policy(archive_deleted=False)).acts_there


@pytest.mark.parametrize("agreed", sorted(OUT_THERE))
def test_whoever_comes_back_after_being_deleted_here_becomes_a_contact_again(agreed: MemberStatus) -> None:
    """Archiving them would throw out somebody who just signed up."""
    assert decide(base(agreed), None, member(changed=9), STRICT).create_here
    closed = decide(base(agreed), None, member(changed=9), Policy(import_members=False))
    assert (closed.create_here, closed.archive) == (False, False)


# Over all inputs.

TIMES = (None, 0, 5)
BASES = [None, *(base(status, minutes) for status in (None, *S) for minutes in TIMES)]
OURS = [
    None,
    *(
        Consent(status, None if minutes is None else at(minutes), source)
        for status in ConsentStatus
        for minutes in TIMES
        for source in (None, "form", "mailchimp:unsubscribed")
    ),
]
THEIRS = [None, *(member(status, changed=minutes) for status in S for minutes in TIMES)]
POLICIES = [
    Policy(double_opt_in=double, without_consent=without, unsubscribe_archived=stop, archive_deleted=stop)
    for double in (False, True)
    for without in WithoutConsent
    for stop in (False, True)
]


def test_nobody_is_subscribed_there_without_a_new_act_with_evidence() -> None:
    """Promise 3, over every base, consent, status, time and policy."""
    for agreed, ours, there, policy in itertools.product(BASES, OURS, THEIRS, POLICIES):
        outcome = decide(agreed, ours, there, policy)
        if S.SUBSCRIBED in (outcome.create, outcome.status):
            assert ours is not None, (agreed, there, policy)
            assert is_new_act(agreed, ours), (agreed, ours, there, policy)
            assert agreed is None or agreed.status not in OUT_THERE
            assert there is None or there.status is S.TRANSACTIONAL or there.status is S.DELETED


def test_bad_news_is_never_undone_by_us() -> None:
    """Out there, and not by our archiving: no act of ours but asking. Out here: nothing but leaving goes
    up, and only Mailchimp's own record of a subscribed member brings them back."""
    for agreed, ours, there, policy in itertools.product(BASES, OURS, THEIRS, POLICIES):
        outcome = decide(agreed, ours, there, policy)
        if there is not None and there.status in OUT_THERE - {S.DELETED}:
            assert outcome.status in {None, S.PENDING}
            assert not outcome.create
            if outcome.consent is not None:
                assert outcome.consent.status in OUT_HERE
        if ours is not None and ours.status in OUT_HERE:
            assert outcome.create is None
            assert outcome.status in {None, S.UNSUBSCRIBED}
            if outcome.consent is not None:
                assert there is not None
                assert there.status is S.SUBSCRIBED


def test_consent_written_here_always_names_mailchimp_as_its_source() -> None:
    """Evidence is somebody's record, never our own guess."""
    for agreed, ours, there in itertools.product(BASES, OURS, THEIRS):
        consent = decide(agreed, ours, there, STRICT).consent
        if consent is not None and consent.status is not ConsentStatus.NONE:
            assert (consent.source or "").startswith("mailchimp:")
            is_there = there is not None and there.status is not S.DELETED
            assert consent.at == (there.last_changed if there and is_there else None)


def test_doing_it_twice_changes_nothing() -> None:
    """The consent written and the base agreed: asking again gives nothing more to do here."""
    for agreed, ours, there, policy in itertools.product(BASES, OURS, THEIRS, POLICIES):
        first = decide(agreed, ours, there, policy)
        after = first.consent or ours
        if ours is None and not first.create_here:
            after = None
        second_base = Base("jo@maple-street.test", first.agreed_status, consent_at=first.agreed_at)
        second = decide(second_base, after, there, policy)
        assert second.consent is None, (agreed, ours, there, policy, first, second)
        assert (second.create, second.status, second.archive) == (first.create, first.status, first.archive)
