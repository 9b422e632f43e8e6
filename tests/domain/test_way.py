"""Our own value that comes back late is known as ours, so that a later edit wins over it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from processor.domain.contact import Base, Consent, ConsentStatus, Contact, Member, MemberStatus
from processor.domain.mapping import AudienceField, default_rules
from processor.domain.plan import MemberChange
from processor.domain.policy import Policy, Winner
from processor.domain.reconcile import reconcile
from processor.domain.way import heard_of, on_its_way

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
POLICY = Policy(fields=default_rules([AudienceField("FNAME", "First name")]), winner=Winner.MAILCHIMP)
SAID = Consent(ConsentStatus.SUBSCRIBED, NOW - timedelta(days=9), "checkout")
JO = Contact("acme", "1", "jo@example.net", {"first_name": "Second"}, frozenset({"b"}), SAID, version=3)
THERE = Member(
    id="hash",
    email="jo@example.net",
    status=MemberStatus.SUBSCRIBED,
    merge_fields={"FNAME": "First"},
    tags=frozenset({"a", "b"}),
    last_changed=NOW,
)
BASE = Base("jo@example.net", MemberStatus.SUBSCRIBED, {"first_name": "Old"}, frozenset({"b"}), SAID.at)
SENT = on_its_way(MemberChange(fields={"first_name": "First"}, tags_added=frozenset({"a"})), JO, NOW)


def test_a_later_edit_wins_over_our_own_value_that_comes_back() -> None:
    """Although Mailchimp wins conflicts: this is none."""
    plan = reconcile(heard_of(BASE, SENT, THERE, POLICY, NOW), JO, THERE, POLICY)
    assert (plan.down.fields, plan.up.fields, plan.conflicts) == ({}, {"first_name": "Second"}, ())
    assert plan.up.tags_removed == frozenset({"a"})


def test_what_somebody_else_wrote_is_theirs() -> None:
    marketers = replace(THERE, merge_fields={"FNAME": "Joanna"})
    plan = reconcile(heard_of(BASE, SENT, marketers, POLICY, NOW), JO, marketers, POLICY)
    assert plan.down.fields == {"first_name": "Joanna"}


def test_after_a_day_an_equal_value_is_somebody_elses() -> None:
    assert heard_of(BASE, SENT, THERE, POLICY, NOW + timedelta(days=2)) == BASE


def test_a_contact_deleted_while_it_was_being_added_does_not_come_back() -> None:
    """The member that we have just made is archived, as for every contact that the platform deletes."""
    sent = on_its_way(MemberChange(create=MemberStatus.SUBSCRIBED, fields={"first_name": "First"}), JO, NOW)
    plan = reconcile(heard_of(None, sent, THERE, POLICY, NOW), None, THERE, POLICY)
    assert plan.up.archive
    assert not plan.down.create


def test_an_opt_out_while_it_was_being_added_goes_up() -> None:
    sent = on_its_way(MemberChange(create=MemberStatus.SUBSCRIBED), JO, NOW)
    left = replace(JO, consent=Consent(ConsentStatus.UNSUBSCRIBED, NOW, "account settings"))
    plan = reconcile(heard_of(None, sent, THERE, POLICY, NOW), left, THERE, POLICY)
    assert plan.up.status is MemberStatus.UNSUBSCRIBED
