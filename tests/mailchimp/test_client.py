"""Our words to Mailchimp's calls, over real HTTP to the sandbox."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from processor.domain.contact import MemberStatus, subscriber_hash
from processor.domain.mapping import AudienceField
from processor.errors import Gone, Invalid, MailchimpError
from processor.mailchimp.client import Mailchimp
from processor.mailchimp.members import NewMember
from tests.mailchimp.conftest import Stage

JO = "jo@maple-street.test"
SAM = "sam@maple-street.test"
SUBSCRIBED = MemberStatus.SUBSCRIBED


def new(email: str, status: MemberStatus = SUBSCRIBED, **merge_fields: object) -> NewMember:
    """Somebody to add."""
    return NewMember(email, status, merge_fields)


def test_a_ping_says_that_the_token_works(mailchimp: Mailchimp) -> None:
    """A good token gives no error."""
    mailchimp.ping()


def test_the_account_is_named(stage: Stage, mailchimp: Mailchimp) -> None:
    """Whose token it is, with role and ids."""
    account = mailchimp.account()
    assert account.name == "Maple Street"
    assert account.account_id
    assert account.login_id
    assert account.role


def test_all_audiences_are_found(stage: Stage, mailchimp: Mailchimp) -> None:
    """Every audience of the account with what set-up shows, and none of another account."""
    other = stage.control.audience(stage.account.id, "VIP", double_optin=True)
    stage.put({"email_address": JO}, {"email_address": SAM, "status": "unsubscribed"})
    found = {audience.id: audience for audience in mailchimp.audiences()}
    assert set(found) == {stage.audience_id, other.id}
    assert found[other.id].double_opt_in
    news = mailchimp.audience(stage.audience_id)
    assert (news.name, news.member_count, news.double_opt_in) == ("Newsletter", 1, False)
    assert news == found[stage.audience_id]


def test_fields_and_interests_of_an_audience(stage: Stage, mailchimp: Mailchimp) -> None:
    """Merge fields with type and choices; interests of all groups."""
    fields = mailchimp.audience_fields(stage.audience_id)
    (size,) = (field for field in fields if field.tag == "SIZE")
    assert size == AudienceField("SIZE", "Size", "dropdown", False, ("S", "M"), merge_id=size.merge_id)
    assert isinstance(size.merge_id, int)
    assert {"FNAME", "LNAME", "SIZE", "AGE"} <= {field.tag for field in fields}
    stage.control.interests(stage.audience_id, "Topics", ["Trees"])
    names = {interest.name for interest in mailchimp.audience_interests(stage.audience_id)}
    assert names == {"Red", "Blue", "Trees"}


def test_a_member_is_found_by_id_and_by_address(stage: Stage, mailchimp: Mailchimp) -> None:
    """Both give the same member, and no address stands in a URL."""
    stage.put({"email_address": JO, "merge_fields": {"FNAME": "Jo", "AGE": 33}, "tags": ["one", "two"]})
    member = mailchimp.member(stage.audience_id, JO.upper())
    assert member is not None
    assert member == mailchimp.member(stage.audience_id, subscriber_hash(JO))
    assert (member.email, member.status) == (JO, SUBSCRIBED)
    assert (member.merge_fields["FNAME"], member.merge_fields["AGE"]) == ("Jo", 33)
    assert (member.tags, member.tags_complete) == (frozenset({"one", "two"}), True)
    assert member.contact_id
    assert member.unique_email_id
    assert not [seen for seen in stage.control.requests() if "@" in seen["path"] or "%40" in seen["path"]]


def test_a_member_nobody_has_heard_of_is_none(stage: Stage, mailchimp: Mailchimp) -> None:
    """No member, no error."""
    assert mailchimp.member(stage.audience_id, JO) is None


def test_an_audience_that_is_gone_is_not_mistaken_for_a_missing_member(
    stage: Stage, mailchimp: Mailchimp
) -> None:
    """A 404 of the audience stops its connection; a 404 of a member is about that member alone."""
    stage.control.drop_audience(stage.audience_id)
    jo = subscriber_hash(JO)
    for call in (
        lambda: mailchimp.member(stage.audience_id, JO),
        lambda: mailchimp.audience(stage.audience_id),
        lambda: mailchimp.audience_fields(stage.audience_id),
        lambda: mailchimp.audience_interests(stage.audience_id),
        lambda: mailchimp.members_page(stage.audience_id),
        lambda: mailchimp.member_by_unique_email_id(stage.audience_id, "abc"),
        lambda: mailchimp.add_members(stage.audience_id, [new(JO)]),
        lambda: mailchimp.change_member(stage.audience_id, jo, merge_fields={"FNAME": "Jo"}),
        lambda: mailchimp.set_tags(stage.audience_id, jo, ["one"], []),
        lambda: mailchimp.archive(stage.audience_id, jo),
        lambda: mailchimp.delete_permanently(stage.audience_id, jo),
        lambda: mailchimp.webhooks(stage.audience_id),
    ):
        with pytest.raises(Gone) as refusal:
            call()
        assert refusal.value.code == "audience_gone"


def test_a_change_of_a_missing_member_is_gone(stage: Stage, mailchimp: Mailchimp) -> None:
    """The member is not there, and the audience is: code `gone`."""
    with pytest.raises(Gone) as refusal:
        mailchimp.change_member(stage.audience_id, subscriber_hash(JO), merge_fields={"FNAME": "Jo"})
    assert refusal.value.code == "gone"


@pytest.mark.parametrize("status", ["subscribed", "unsubscribed", "archived", "cleaned"])
def test_a_member_is_found_by_its_unique_email_id_in_every_status(
    stage: Stage, mailchimp: Mailchimp, status: str
) -> None:
    """The id that webhooks carry leads to the member, also to an archived one."""
    stage.put({"email_address": JO, "status": status}, {"email_address": SAM})
    jo = mailchimp.member(stage.audience_id, JO)
    assert jo is not None
    assert jo.unique_email_id is not None
    assert mailchimp.member_by_unique_email_id(stage.audience_id, jo.unique_email_id) == jo
    assert mailchimp.member_by_unique_email_id(stage.audience_id, "0000000000") is None
    assert mailchimp.member_by_unique_email_id(stage.audience_id, "") is None


def test_pages_go_from_the_oldest_change_to_the_newest(stage: Stage, mailchimp: Mailchimp) -> None:
    """Sorted, with the total, in pages, and asking only for what is needed."""
    start = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    stage.put(
        *(
            {
                "email_address": f"m{n}@maple-street.test",
                "last_changed": (start - timedelta(hours=n)).isoformat(),
            }
            for n in range(5)
        )
    )
    first = mailchimp.members_page(stage.audience_id, count=3)
    rest = mailchimp.members_page(stage.audience_id, count=3, offset=3)
    assert [member.email[:2] for member in first.members + rest.members] == ["m4", "m3", "m2", "m1", "m0"]
    assert (first.total, rest.total, first.unreadable) == (5, 5, 0)
    assert "fields=" in stage.control.requests()[-1]["query"]


def test_a_page_since_a_time_leaves_that_second_out_or_in_as_asked(
    stage: Stage, mailchimp: Mailchimp
) -> None:
    """`since` is exclusive at Mailchimp; a millisecond less includes the second. `before` ends the page."""
    at = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    stage.put({"email_address": JO, "last_changed": at.isoformat()})
    just_before = at - timedelta(milliseconds=1)
    assert mailchimp.members_page(stage.audience_id, since=at).members == []
    assert len(mailchimp.members_page(stage.audience_id, since=just_before).members) == 1
    assert mailchimp.members_page(stage.audience_id, before=just_before).members == []
    assert "since_last_changed=2026-03-01T11%3A59%3A59.999Z" in stage.control.requests()[-2]["query"]


def test_the_archived_have_a_page_of_their_own(stage: Stage, mailchimp: Mailchimp) -> None:
    """Without a status they are left out, by their status they are found."""
    stage.put({"email_address": JO, "status": "archived"}, {"email_address": SAM})
    unfiltered = mailchimp.members_page(stage.audience_id).members
    archived = mailchimp.members_page(stage.audience_id, status=MemberStatus.ARCHIVED).members
    assert [member.email for member in unfiltered] == [SAM]
    assert [(member.email, member.status) for member in archived] == [(JO, MemberStatus.ARCHIVED)]


def test_pages_of_ids_hold_what_a_full_comparison_needs(stage: Stage, mailchimp: Mailchimp) -> None:
    """Id, contact id, address and status, and the total."""
    stage.put({"email_address": JO}, {"email_address": SAM, "status": "cleaned"})
    page = mailchimp.member_ids_page(stage.audience_id)
    assert page.total == 2
    assert {(each.id, each.email, each.status) for each in page.members} == {
        (subscriber_hash(JO), JO, "subscribed"),
        (subscriber_hash(SAM), SAM, "cleaned"),
    }
    assert all(each.contact_id for each in page.members)
    assert mailchimp.member_ids_page(stage.audience_id, status=MemberStatus.CLEANED, count=1).total == 1


def test_each_member_to_add_is_answered_exactly_once(stage: Stage, mailchimp: Mailchimp) -> None:
    """Added, existing, invalid and twice in the call: none is lost, and each refusal has its code."""
    stage.put({"email_address": SAM, "status": "unsubscribed"})
    added = mailchimp.add_members(
        stage.audience_id,
        [
            NewMember(JO, SUBSCRIBED, {"FNAME": "Jo"}, tags=frozenset({"shop"})),
            new("JO@maple-street.test"),
            new(SAM),
            new("not an address"),
            new("size@maple-street.test", SIZE="XXL"),
        ],
    )
    assert [(member.email, member.status) for member in added.members] == [(JO, SUBSCRIBED)]
    assert added.members[0].merge_fields["FNAME"] == "Jo"
    codes = {refused.email: refused.code for refused in added.refused}
    assert codes == {
        "JO@maple-street.test": "email_taken",
        SAM: "member_exists",
        "not an address": "email_invalid",
        "size@maple-street.test": "field_value",
    }


def test_nobody_is_subscribed_again_by_accident(stage: Stage, mailchimp: Mailchimp) -> None:
    """Adding somebody who unsubscribed changes nothing there."""
    stage.put({"email_address": JO, "status": "unsubscribed", "opt_out": "contact"})
    mailchimp.add_members(stage.audience_id, [new(JO)])
    jo = mailchimp.member(stage.audience_id, JO)
    assert jo is not None
    assert jo.status is MemberStatus.UNSUBSCRIBED


def test_adding_nobody_asks_nobody(stage: Stage, mailchimp: Mailchimp) -> None:
    """No call is made for an empty list, and more than 500 are refused before the call."""
    assert mailchimp.add_members(stage.audience_id, []).members == []
    with pytest.raises(Invalid):
        mailchimp.add_members(stage.audience_id, [new(f"m{n}@maple-street.test") for n in range(501)])
    assert stage.calls == []


def test_five_hundred_are_added_at_once(stage: Stage, mailchimp: Mailchimp) -> None:
    """A full call adds all of them."""
    people = [new(f"m{n}@maple-street.test") for n in range(500)]
    assert len(mailchimp.add_members(stage.audience_id, people).members) == 500


def test_a_change_changes_what_is_named_and_nothing_else(stage: Stage, mailchimp: Mailchimp) -> None:
    """Fields are merged, the status stays although nobody names it, and the answer is the new member."""
    red, blue = (interest.id for interest in mailchimp.audience_interests(stage.audience_id))
    stage.put(
        {
            "email_address": JO,
            "status": "unsubscribed",
            "merge_fields": {"FNAME": "Jo", "LNAME": "Hill"},
            "interests": [red],
        }
    )
    jo = mailchimp.change_member(
        stage.audience_id,
        subscriber_hash(JO),
        merge_fields={"FNAME": "Joan"},
        interests={blue: True},
        language="fr",
    )
    assert (jo.merge_fields["FNAME"], jo.merge_fields["LNAME"]) == ("Joan", "Hill")
    assert (jo.interests, jo.language) == ({red: True, blue: True}, "fr")
    assert jo.status is MemberStatus.UNSUBSCRIBED
    assert jo == mailchimp.member(stage.audience_id, JO)


def test_a_status_is_changed_when_it_is_named(stage: Stage, mailchimp: Mailchimp) -> None:
    """An unsubscribe goes through; whoever left by their own act is not subscribed again."""
    stage.put({"email_address": JO}, {"email_address": SAM, "status": "unsubscribed", "opt_out": "contact"})
    gone = mailchimp.change_member(stage.audience_id, subscriber_hash(JO), status=MemberStatus.UNSUBSCRIBED)
    assert gone.status is MemberStatus.UNSUBSCRIBED
    with pytest.raises(MailchimpError) as refusal:
        mailchimp.change_member(stage.audience_id, subscriber_hash(SAM), status=SUBSCRIBED)
    assert refusal.value.code == "consent_unsubscribed"
    assert refusal.value.instance


def test_an_address_change_is_a_move(stage: Stage, mailchimp: Mailchimp) -> None:
    """The contact id stays, the other ids change, and the old id is gone."""
    stage.put({"email_address": JO})
    before = mailchimp.member(stage.audience_id, JO)
    after = mailchimp.change_member(stage.audience_id, subscriber_hash(JO), email="joan@maple-street.test")
    assert before is not None
    assert after.contact_id == before.contact_id
    assert after.id == subscriber_hash("joan@maple-street.test")
    assert mailchimp.member(stage.audience_id, JO) is None


def test_a_bad_value_names_its_field(stage: Stage, mailchimp: Mailchimp) -> None:
    """A refused merge field comes with its tag and Mailchimp's message, and the catalogue's code."""
    stage.put({"email_address": JO})
    with pytest.raises(MailchimpError) as refusal:
        mailchimp.change_member(stage.audience_id, subscriber_hash(JO), merge_fields={"AGE": "old"})
    assert refusal.value.code == "field_value"
    assert refusal.value.field_errors == (("AGE", "Please enter a number"),)


def test_tags_are_put_on_and_taken_off(stage: Stage, mailchimp: Mailchimp) -> None:
    """Only the named tags change, and nothing is sent where nothing is named."""
    stage.put({"email_address": JO, "tags": ["old", "theirs"]})
    mailchimp.set_tags(stage.audience_id, subscriber_hash(JO), ["new"], ["old"], is_syncing=True)
    jo = mailchimp.member(stage.audience_id, JO)
    assert jo is not None
    assert jo.tags == {"new", "theirs"}
    calls = len(stage.calls)
    mailchimp.set_tags(stage.audience_id, subscriber_hash(JO), [], [])
    assert len(stage.calls) == calls


def test_more_tags_than_mailchimp_shows_are_asked_for_where_one_member_is_looked_at(
    stage: Stage, mailchimp: Mailchimp
) -> None:
    """A page shows fifty, and says so: a missing tag beyond them must not be taken for a removed one."""
    stage.put({"email_address": JO, "tags": [f"tag {n}" for n in range(60)]})
    jo = mailchimp.member(stage.audience_id, JO)
    assert jo is not None
    assert (len(jo.tags), jo.tags_complete, jo.tags_count) == (60, True, 60)
    [shown] = mailchimp.members_page(stage.audience_id).members
    assert (len(shown.tags), shown.tags_complete, shown.tags_count) == (50, False, 60)


def test_archiving_twice_is_no_error(stage: Stage, mailchimp: Mailchimp) -> None:
    """The first does it, the second and one for a stranger find nothing to do."""
    stage.put({"email_address": JO})
    jo = subscriber_hash(JO)
    assert mailchimp.archive(stage.audience_id, jo) is True
    assert mailchimp.archive(stage.audience_id, jo) is False
    assert mailchimp.archive(stage.audience_id, subscriber_hash(SAM)) is False
    member = mailchimp.member(stage.audience_id, jo)
    assert member is not None
    assert member.status is MemberStatus.ARCHIVED


@pytest.mark.parametrize("status", ["cleaned", "pending"])
def test_who_cannot_be_archived_is_not_taken_for_archived(
    stage: Stage, mailchimp: Mailchimp, status: str
) -> None:
    """Mailchimp's one refusal for three cases is told apart."""
    stage.put({"email_address": JO, "status": status})
    with pytest.raises(MailchimpError) as refusal:
        mailchimp.archive(stage.audience_id, subscriber_hash(JO))
    assert refusal.value.status == 405


def test_deleting_for_good_twice_is_no_error(stage: Stage, mailchimp: Mailchimp) -> None:
    """The first does it, the second finds nothing; adding again is refused as forgotten."""
    stage.put({"email_address": JO})
    assert mailchimp.delete_permanently(stage.audience_id, subscriber_hash(JO)) is True
    assert mailchimp.delete_permanently(stage.audience_id, subscriber_hash(JO)) is False
    refused = mailchimp.add_members(stage.audience_id, [new(JO)]).refused
    assert [(each.email, each.code) for each in refused] == [(JO, "email_forgotten")]


def test_every_request_is_recorded_by_its_template(stage: Stage, mailchimp: Mailchimp) -> None:
    """What metrics see has names in place of ids, Mailchimp's number, and the refusal's code."""
    stage.put({"email_address": JO})
    mailchimp.member(stage.audience_id, JO)
    with pytest.raises(MailchimpError):
        mailchimp.change_member(stage.audience_id, subscriber_hash(JO), merge_fields={"AGE": "old"})
    good, bad = stage.calls
    assert (good.method, good.template, good.status, good.code) == (
        "GET",
        "/lists/{list_id}/members/{member_id}",
        200,
        "",
    )
    assert (bad.method, bad.status, bad.code) == ("PATCH", 400, "field_value")
    assert good.instance != bad.instance
    assert 0 < good.seconds < 5
    assert JO not in repr(stage.calls)
    assert stage.token not in repr(stage.calls)


@pytest.mark.parametrize("bad_id", ["", "..", "a/b", "a?b", "%2e", "é", "a" * 65])
def test_an_id_cannot_make_another_path(stage: Stage, mailchimp: Mailchimp, bad_id: str) -> None:
    """What is no id of Mailchimp's is refused before any call."""
    with pytest.raises(Invalid):
        mailchimp.archive(stage.audience_id, bad_id)
    with pytest.raises(Invalid):
        mailchimp.audience(bad_id)
    assert stage.calls == []
