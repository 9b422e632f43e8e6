"""One contact, one member, and what both last agreed on: case by case."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from processor.domain.contact import Base, Consent, ConsentStatus, MemberStatus
from processor.domain.mapping import read
from processor.domain.plan import MemberState
from processor.domain.policy import Policy, Winner, WithoutConsent
from processor.domain.reconcile import parted, reconcile
from tests.domain.builders import POLICY, at, contact, member, no, yes

S = MemberStatus
JO = {"FNAME": "Jo"}
HOME = {"addr1": "1 Maple St", "addr2": "", "city": "Springfield", "state": "OR", "zip": "97475"}


def agreed(there: Any = None, *, tags: set[str] | None = None, status: MemberStatus = S.SUBSCRIBED) -> Base:
    """A base in which both sides agreed on this member at noon."""
    there = there or member(merge_fields=JO)
    return Base(there.email, status, read(there, POLICY), frozenset(tags or ()), at(0))


def test_equal_sides_need_nothing() -> None:
    """Values are equal when they mean the same: "15.0" and 15, an empty country and the default one."""
    ours = contact(
        consent=yes(0), fields={"first_name": " Jo ", "points": "15.0", "address": HOME, "size": "small"}
    )
    there = member(merge_fields={**JO, "POINTS": 15, "ADDRESS": {**HOME, "country": "US"}, "SIZE": "Small"})
    plan = reconcile(None, ours, there, POLICY)
    assert plan.is_empty
    assert plan.state is MemberState.IN_SYNC
    assert plan.base is not None
    assert plan.base.fields["points"] == 15


def test_a_change_on_one_side_goes_to_the_other() -> None:
    """First name changed here, points there."""
    ours = contact(consent=yes(0), fields={"first_name": "Joanna", "points": None})
    plan = reconcile(agreed(), ours, member(merge_fields={**JO, "POINTS": 7}), POLICY)
    assert plan.up.fields == {"first_name": "Joanna"}
    assert plan.down.fields == {"points": 7}
    assert plan.conflicts == ()
    assert plan.state is MemberState.WAITING


def test_what_goes_up_is_agreed_only_once_it_has_been_read_back() -> None:
    """A call that is lost is planned again."""
    ours = contact(consent=yes(0), fields={"first_name": "Joanna"})
    plan = reconcile(agreed(), ours, member(merge_fields=JO), POLICY)
    assert plan.base is not None
    assert plan.base.fields["first_name"] == "Jo"
    assert reconcile(plan.base, ours, member(merge_fields=JO), POLICY).up == plan.up
    answer = reconcile(plan.base, ours, member(merge_fields={"FNAME": "Joanna"}), POLICY)
    assert answer.is_empty
    assert answer.base is not None
    assert answer.base.fields["first_name"] == "Joanna"


@pytest.mark.parametrize(
    ("winner", "updated", "changed", "who"),
    [
        (Winner.NEWEST, 9, 5, "platform"),
        (Winner.NEWEST, 5, 9, "mailchimp"),
        (Winner.NEWEST, 5, 5, "mailchimp"),
        (Winner.NEWEST, 5, None, "mailchimp"),
        (Winner.PLATFORM, 5, 9, "platform"),
        (Winner.MAILCHIMP, 9, 5, "mailchimp"),
    ],
)
def test_a_conflict_is_settled_by_the_rule_and_told_with_both_values(
    winner: Winner, updated: float, changed: float | None, who: str
) -> None:
    """Changed on both sides differently."""
    ours = contact(consent=yes(0), fields={"first_name": "Joanna"}, updated=updated)
    there = member(merge_fields={"FNAME": "Jojo"}, changed=changed)
    plan = reconcile(agreed(), ours, there, POLICY.model_copy(update={"winner": winner}))
    (conflict,) = plan.conflicts
    assert (conflict.field, conflict.ours, conflict.theirs) == ("first_name", "Joanna", "Jojo")
    assert conflict.winner == who
    assert plan.up.fields == ({"first_name": "Joanna"} if who == "platform" else {})
    assert plan.down.fields == ({"first_name": "Jojo"} if who == "mailchimp" else {})


def test_one_field_may_have_a_rule_of_its_own() -> None:
    """The customer lets the platform win for one field only."""
    rules = tuple(
        rule.model_copy(update={"winner": Winner.PLATFORM if rule.field == "first_name" else None})
        for rule in POLICY.fields
    )
    ours = contact(consent=yes(0), fields={"first_name": "Joanna", "points": 1})
    plan = reconcile(
        agreed(), ours, member(merge_fields={"FNAME": "Jojo", "POINTS": 2}), Policy(fields=rules)
    )
    assert plan.up.fields == {"first_name": "Joanna"}
    assert plan.down.fields == {"points": 2}


def test_both_to_the_same_value_is_agreed() -> None:
    """No conflict, nothing to send."""
    ours = contact(consent=yes(0), fields={"first_name": "Joanna"})
    assert reconcile(agreed(), ours, member(merge_fields={"FNAME": "Joanna"}), POLICY).is_empty


def test_unknown_is_not_empty() -> None:
    """A field that the platform never named is filled in, and wipes nothing; one that it cleared is
    cleared there too."""
    assert reconcile(agreed(), contact(consent=yes(0)), member(merge_fields=JO), POLICY).down.fields == {
        "first_name": "Jo"
    }
    cleared = contact(consent=yes(0), fields={"first_name": None})
    assert reconcile(agreed(), cleared, member(merge_fields=JO), POLICY).up.fields == {"first_name": None}


def test_at_a_first_meeting_empty_gives_way_to_filled() -> None:
    """Even an explicitly empty one, on either side; two values are a conflict."""
    ours = contact(
        consent=yes(0), fields={"first_name": "", "points": 3, "phone": "1", "interest_tips": False}
    )
    there = member(merge_fields={**JO, "PHONE": "2"}, interests={"a1b2c3": True})
    plan = reconcile(None, ours, there, POLICY)
    assert plan.down.fields == {"first_name": "Jo", "phone": "2", "interest_tips": True}
    assert plan.up.fields == {"points": 3}
    assert [conflict.field for conflict in plan.conflicts] == ["phone"]


def test_a_field_that_was_removed_from_the_audience_clears_nothing_here() -> None:
    """A merge field that Mailchimp does not answer with is unknown there."""
    there = replace(member(), merge_fields={})
    ours = contact(consent=yes(0), fields={"first_name": "Jo"})
    assert reconcile(agreed(), ours, there, POLICY).is_empty
    unticked = contact(consent=yes(0), fields={"interest_tips": None})
    assert reconcile(None, unticked, replace(there, interests={}), POLICY).is_empty


def test_a_value_that_mailchimp_cannot_take_is_told_and_left_where_it_is() -> None:
    """The other fields still go; nothing is cut, and Mailchimp's old value does not overwrite it."""
    ours = contact(consent=yes(0), fields={"first_name": "x" * 256, "points": 5})
    plan = reconcile(agreed(), ours, member(merge_fields={"FNAME": "Jojo"}), POLICY)
    assert plan.up.fields == {"points": 5}
    assert not plan.down.fields
    assert (plan.state, plan.reason) == (MemberState.FAILING, "field_value")
    assert plan.problems[0].field == "first_name"
    assert plan.problems[0].value == "x" * 256


def test_a_value_that_came_from_mailchimp_is_no_problem() -> None:
    """A choice that was retired since, an address without a city: what is equal is agreed."""
    there = member(merge_fields={"SIZE": "Medium"})
    first = reconcile(None, contact(consent=yes(0)), there, POLICY)
    ours = contact(consent=yes(0), fields=dict(first.down.fields))
    assert ours.fields == {"size": "Medium"}
    again = reconcile(first.base, ours, there, POLICY)
    assert (again.is_empty, again.problems, again.state) == (True, (), MemberState.IN_SYNC)


# Tags


def test_a_choice_that_is_offered_no_more_gives_way_to_the_marketers() -> None:
    """Both sides had it; the marketer took the choice away and put another in its place. Nobody changed it
    here, so it follows; where somebody did change it here to one that is not offered, that is told."""
    base = Base("jo@maple-street.test", S.SUBSCRIBED, {"size": "Medium"}, frozenset(), at(0))
    there = member(merge_fields={"SIZE": "Large"})
    plan = reconcile(base, contact(consent=yes(0), fields={"size": "Medium"}), there, POLICY)
    assert (plan.down.fields, plan.problems, plan.up.is_empty) == ({"size": "Large"}, (), True)
    plan = reconcile(base, contact(consent=yes(0), fields={"size": "Huge"}), there, POLICY)
    assert (plan.down.is_empty, plan.up.is_empty, plan.problems[0].value) == (True, True, "Huge")


def test_tags_merge_one_by_one() -> None:
    """Each side added one and removed one."""
    base = agreed(tags={"old", "older"})
    ours = contact(consent=yes(0), fields={"first_name": "Jo"}, tags={"old", "mine"})
    plan = reconcile(base, ours, member(merge_fields=JO, tags={"older", "theirs"}), POLICY)
    assert plan.up.tags_added == {"mine"}
    assert plan.up.tags_removed == {"older"}
    assert plan.down.tags_added == {"theirs"}
    assert plan.down.tags_removed == {"old"}


def test_a_first_meeting_removes_no_tag() -> None:
    """Only a tag that both sides had is ever removed."""
    plan = reconcile(None, contact(consent=yes(0), tags={"mine"}), member(tags={"theirs"}), POLICY)
    assert not plan.up.tags_removed
    assert not plan.down.tags_removed


def test_a_tag_beyond_those_that_mailchimp_shows_is_not_taken_for_removed() -> None:
    """It shows fifty in one answer."""
    ours = contact(consent=yes(0), fields={"first_name": "Jo"}, tags={"old"})
    there = member(merge_fields=JO, tags_complete=False)
    plan = reconcile(agreed(tags={"old"}), ours, there, POLICY)
    assert plan.is_empty
    assert plan.base is not None
    assert plan.base.tags == {"old"}


def test_a_tag_in_another_case_is_the_same_tag() -> None:
    """Mailchimp knows one tag by all its spellings: each side keeps its own, and taking it off on one side
    takes it off on the other as that one spells it."""
    ours, there = contact(consent=yes(0), tags={"vip"}), member(tags={"VIP"})
    for base in (None, agreed(there, tags={"vip"}), agreed(there, tags={"VIP"})):
        plan = reconcile(base, ours, there, POLICY)
        assert plan.is_empty
        assert plan.base.tags == {"vip"}
        gone = reconcile(base or agreed(there, tags={"Vip "}), contact(consent=yes(0)), there, POLICY)
        assert (gone.up.tags_removed, gone.down.tags_added) == ({"VIP"}, set())
        gone = reconcile(base or agreed(tags={"Vip "}), ours, member(), POLICY)
        assert (gone.down.tags_removed, gone.up.tags_added) == ({"vip"}, set())


def test_two_tags_that_are_there_in_both_spellings_stay_two() -> None:
    """Nothing is dropped where Mailchimp shows both."""
    ours, there = contact(consent=yes(0), tags={"vip"}), member(tags={"vip", "VIP"})
    plan = reconcile(agreed(there, tags={"vip"}), ours, there, POLICY)
    assert (plan.down.tags_added, plan.up.is_empty) == ({"VIP"}, True)


def test_tags_are_left_alone_where_the_customer_says_so() -> None:
    """On both sides, and on a create."""
    policy = POLICY.model_copy(update={"sync_tags": False})
    ours = contact(consent=yes(0), fields={"first_name": "Jo"}, tags={"mine"})
    assert reconcile(agreed(), ours, member(merge_fields=JO, tags={"theirs"}), policy).is_empty
    assert not reconcile(None, ours, None, policy).up.tags_added


# Addresses


def test_an_address_that_moved_there_moves_here() -> None:
    """One person, not two."""
    there = member(email="jo@elm-street.test", merge_fields=JO)
    plan = reconcile(agreed(), contact(consent=yes(0), fields={"first_name": "Jo"}), there, POLICY)
    assert plan.down.email == "jo@elm-street.test"
    assert plan.up.is_empty


def test_an_address_that_moved_here_moves_there_while_they_are_subscribed() -> None:
    """Mailchimp changes the address of subscribed members only."""
    ours = contact(email="jo@elm-street.test", consent=yes(0), fields={"first_name": "Jo"})
    plan = reconcile(agreed(), ours, member(merge_fields=JO), POLICY)
    assert plan.up.email == "jo@elm-street.test"
    assert plan.base is not None
    assert plan.base.email == "jo@maple-street.test"


@pytest.mark.parametrize("status", [S.PENDING, S.TRANSACTIONAL, S.UNSUBSCRIBED, S.CLEANED])
def test_otherwise_the_new_address_becomes_a_member_of_its_own(status: MemberStatus) -> None:
    """And nothing is sent to the old member."""
    ours = contact(email="jo@elm-street.test", consent=yes(0), tags={"mine"})
    plan = reconcile(agreed(status=status), ours, member(status), POLICY)
    assert plan.relink
    assert plan.up.is_empty


def test_whoever_leaves_leaves_before_the_address_moves() -> None:
    """Or they would be mailed on at the old one."""
    ours = contact(email="jo@elm-street.test", consent=no(5))
    first = reconcile(agreed(), ours, member(), POLICY)
    assert (first.up.status, first.up.email, first.relink) == (S.UNSUBSCRIBED, None, False)
    assert reconcile(first.base, ours, member(S.UNSUBSCRIBED), POLICY).relink


@pytest.mark.parametrize("status", [S.PENDING, S.UNSUBSCRIBED, S.CLEANED])
def test_whoever_left_or_has_not_confirmed_takes_that_along_to_a_new_address(status: MemberStatus) -> None:
    """An old yes leads to nothing there; a new one to being asked by Mailchimp, also once it is sent and
    read anew."""
    ours = contact(email="jo@elm-street.test", consent=yes(0))
    plan = reconcile(agreed(status=status), ours, member(status), POLICY)
    assert plan.relink
    start = parted(plan.base, status)
    left_out = reconcile(start, ours, None, POLICY)
    assert (left_out.up.is_empty, left_out.reason) == (True, "moved")
    again = contact(email="jo@elm-street.test", consent=yes(9))
    asked = reconcile(left_out.base, again, None, POLICY)
    assert asked.up.create is S.PENDING
    answer = member(S.PENDING, email="jo@elm-street.test", changed=9)
    assert reconcile(asked.base, again, answer, POLICY).base.status is S.PENDING


def test_a_contact_parts_from_a_member_who_was_never_mailed_as_if_new() -> None:
    """Non-subscribed is neither having left nor being asked."""
    assert parted(agreed(status=S.TRANSACTIONAL), S.TRANSACTIONAL) is None


def test_a_bounce_at_the_old_address_is_not_the_persons_word() -> None:
    """They are not taken off here: the bounce was the address's."""
    ours = contact(email="jo@elm-street.test", consent=yes(0))
    assert reconcile(agreed(), ours, member(S.CLEANED), POLICY).down.consent is None


def test_what_was_agreed_about_the_old_member_says_nothing_about_the_next_ones() -> None:
    """A contact who left moved to an address whose owner is subscribed: that is not coming back, and stays
    so while the opt-out is on its way."""
    ours = contact(email="jo@elm-street.test", consent=no(0))
    start = parted(agreed(status=S.UNSUBSCRIBED), S.UNSUBSCRIBED)
    for _ in range(2):
        plan = reconcile(start, ours, member(email="jo@elm-street.test", changed=9), POLICY)
        assert (plan.up.status, plan.down.consent) == (S.UNSUBSCRIBED, None)
        start = plan.base


def test_whoever_was_archived_does_not_come_back_by_a_new_address() -> None:
    """Whether or not archiving counts as unsubscribing."""
    policy = POLICY.model_copy(update={"unsubscribe_archived": False})
    ours = contact(email="jo@elm-street.test", consent=yes(0))
    plan = reconcile(agreed(), ours, member(S.ARCHIVED), policy)
    assert (plan.relink, plan.up.is_empty, plan.reason) == (False, True, "archived")


@pytest.mark.parametrize("winner", [Winner.PLATFORM, Winner.MAILCHIMP])
def test_an_address_that_moved_on_both_sides_is_a_conflict(winner: Winner) -> None:
    """Settled by the rule for addresses."""
    policy = POLICY.model_copy(update={"email_winner": winner})
    ours = contact(email="jo@elm-street.test", consent=yes(0))
    plan = reconcile(agreed(), ours, member(email="jo@oak-street.test"), policy)
    assert plan.conflicts[0].field == "email"
    assert plan.up.email == ("jo@elm-street.test" if winner is Winner.PLATFORM else None)
    assert plan.down.email == ("jo@oak-street.test" if winner is Winner.MAILCHIMP else None)


def test_another_spelling_is_not_a_move() -> None:
    """Capital letters do not make another address, nor a loop."""
    ours = contact(email="Jo@Maple-Street.test", consent=yes(0), fields={"first_name": "Jo"})
    assert reconcile(agreed(), ours, member(merge_fields=JO), POLICY).is_empty


@pytest.mark.parametrize("email", [None, "", "  "])
def test_a_contact_without_an_address_is_left_out(email: str | None) -> None:
    """Nothing is sent, except that they left."""
    plan = reconcile(None, contact(email=email, consent=yes(0)), None, POLICY)
    assert (plan.up.is_empty, plan.state, plan.reason) == (True, MemberState.EXCLUDED, "no_address")
    left = reconcile(agreed(), contact(email=email, consent=no(5)), member(), POLICY)
    assert left.up.status is S.UNSUBSCRIBED
    news = reconcile(agreed(), contact(email=email, consent=yes(0)), member(S.UNSUBSCRIBED), POLICY)
    assert news.down.consent is not None
    assert news.down.consent.status is ConsentStatus.UNSUBSCRIBED


# Who is on both sides


def test_a_new_member_starts_with_all_that_is_known() -> None:
    """Fields and tags go along; empty ones do not."""
    fields = {"first_name": "Jo", "points": "7", "phone": "", "interest_tips": False, "unmapped": 1}
    plan = reconcile(None, contact(consent=yes(0), fields=fields, tags={"vip", " "}), None, POLICY)
    assert plan.up.create is S.SUBSCRIBED
    assert plan.up.fields == {"first_name": "Jo", "points": 7}
    assert plan.up.tags_added == {"vip"}
    assert plan.base is None
    assert plan.state is MemberState.WAITING


def test_an_import_brings_everything_along() -> None:
    """A member whom the platform does not know becomes a contact."""
    there = member(merge_fields=JO, tags={"vip"}, changed=3)
    plan = reconcile(None, None, there, POLICY)
    assert plan.down.create
    assert (plan.down.email, plan.down.fields["first_name"]) == (there.email, "Jo")
    assert plan.down.tags_added == {"vip"}
    assert plan.down.consent == Consent(ConsentStatus.SUBSCRIBED, at(3), "mailchimp:subscribed")
    ours = contact(fields=dict(plan.down.fields), tags={"vip"}, consent=plan.down.consent)
    assert reconcile(plan.base, ours, there, POLICY).is_empty
    assert reconcile(None, None, replace(there, email=""), POLICY).reason == "sms_only"


@pytest.mark.parametrize("status", [S.CLEANED, S.ARCHIVED])
def test_nothing_is_sent_to_a_member_out_of_reach(status: MemberStatus) -> None:
    """Fields still come down, and what cannot go up is not said to be waiting."""
    ours = contact(consent=no(0), fields={"first_name": "Joanna"}, tags={"mine"})
    plan = reconcile(agreed(status=status), ours, member(status, merge_fields={**JO, "POINTS": 2}), POLICY)
    assert plan.up.is_empty
    assert plan.down.fields == {"points": 2}
    assert (plan.state, plan.reason) == (MemberState.EXCLUDED, status.value)


def test_an_unsubscribed_member_is_kept_up_to_date() -> None:
    """Unsubscribed on both sides is in step."""
    ours = contact(consent=no(0), fields={"first_name": "Joanna"})
    there = member(S.UNSUBSCRIBED, merge_fields=JO)
    assert reconcile(agreed(status=S.UNSUBSCRIBED), ours, there, POLICY).up.fields == {"first_name": "Joanna"}
    there = member(S.UNSUBSCRIBED, merge_fields={"FNAME": "Joanna"})
    assert reconcile(agreed(status=S.UNSUBSCRIBED), ours, there, POLICY).state is MemberState.IN_SYNC


def test_a_member_deleted_there_takes_nothing_along_when_they_sign_up_anew() -> None:
    """Tags and fields of the new member are met for the first time: what is missing is not removed."""
    ours = contact(consent=yes(0), fields={"first_name": "Jo"}, tags={"vip"})
    gone = reconcile(agreed(tags={"vip"}), ours, None, POLICY)
    assert gone.up.is_empty
    assert gone.down.consent is not None
    ours = replace(ours, consent=gone.down.consent)
    back = reconcile(gone.base, ours, member(changed=9), POLICY)
    assert back.up.fields == {"first_name": "Jo"}
    assert back.up.tags_added == {"vip"}
    assert not back.down.tags_removed
    assert back.down.consent is not None
    assert back.down.consent.status is ConsentStatus.SUBSCRIBED


def test_a_member_who_vanishes_while_we_ask_them_counts_as_deleted() -> None:
    """Not as never seen, or the lost answer would subscribe them."""
    ours = contact(consent=yes(5))
    first = reconcile(None, ours, member(S.UNSUBSCRIBED, changed=4), POLICY)
    assert first.up.status is S.PENDING
    assert reconcile(first.base, ours, None, POLICY).up.create is S.PENDING


def test_whoever_is_asked_to_come_back_is_written_to_in_the_same_breath() -> None:
    """Archived, a new yes, and a new name: one plan, not two."""
    ours = contact(consent=yes(5), fields={"first_name": "Joanna"}, tags={"vip"})
    plan = reconcile(agreed(status=S.ARCHIVED), ours, member(S.ARCHIVED, merge_fields=JO), POLICY)
    assert plan.up.status is S.PENDING
    assert plan.up.fields == {"first_name": "Joanna"}
    assert plan.up.tags_added == {"vip"}


def test_without_consent_a_contact_is_added_only_as_the_customer_chose() -> None:
    """Left out, or known and never mailed."""
    plan = reconcile(None, contact(), None, POLICY)
    assert (plan.state, plan.reason) == (MemberState.EXCLUDED, "no_consent")
    policy = POLICY.model_copy(update={"without_consent": WithoutConsent.TRANSACTIONAL})
    assert reconcile(None, contact(), None, policy).up.create is S.TRANSACTIONAL


def test_a_contact_deleted_here_is_archived_there_and_stays_so() -> None:
    """Then nothing more, until the person comes back by themselves."""
    plan = reconcile(agreed(), None, member(), POLICY)
    assert plan.up.archive
    assert plan.up.is_urgent
    after = reconcile(plan.base, None, member(S.ARCHIVED), POLICY)
    assert (after.up.is_empty, after.reason) == (True, "deleted_here")
    assert reconcile(after.base, None, member(changed=9), POLICY).down.create


def test_a_text_that_was_cut_off_there_shortens_nothing_here() -> None:
    """Mailchimp holds the beginning of a long address of a page: ours stays whole, and it is told."""
    long = "https://maple-street.test/" + "a" * 400
    base = Base("jo@maple-street.test", MemberStatus.SUBSCRIBED, {"site": None})
    plan = reconcile(
        base,
        contact(fields={"site": long}, consent=yes(0)),
        member(merge_fields={"SITE": long[:255]}),
        POLICY,
    )
    assert (plan.down.is_empty, plan.up.is_empty, plan.conflicts) == (True, True, ())
    [problem] = plan.problems
    assert (problem.field, problem.code, problem.value) == ("site", "field_value", long)
    shorter = reconcile(
        base, contact(fields={"site": long}), member(merge_fields={"SITE": long[:100]}), POLICY
    )
    assert shorter.problems == ()
