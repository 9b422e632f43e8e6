"""Set-up: what there is to choose, what is checked, and what a change of it does to a working connection."""

from __future__ import annotations

from typing import Any

import pytest

from processor import setup
from processor.domain.policy import FieldKind, Winner, WithoutConsent
from processor.errors import Conflict, Gone, Invalid, Reconnect
from processor.setup import Choices, FieldChoice
from processor.store import connections
from processor.store.connections import ConnectionRow
from tests.whole.world import SUBSCRIBED, World, grant, prepared, until

JO = "jo@maple-street.test"
PAT = "pat@maple-street.test"


@pytest.fixture
def fresh(tmp_path: Any) -> Any:
    """An account that is connected, and an audience to choose."""
    with prepared(tmp_path) as made:
        yield made


def _row(world: World) -> ConnectionRow:
    with world.house.store.read() as c:
        row = connections.get(c, world.connection_id)
    assert row is not None
    return row


def _save(world: World, by: str = "jo", **choices: Any) -> ConnectionRow:
    return setup.save(world.kit, world.connection_id, Choices(world.audience, **choices), by)


def test_what_is_offered_says_its_size_and_who_has_it(fresh: World) -> None:
    """Every audience with its size and its rules; one that another connection has is named as such, and
    cannot be chosen twice."""
    fresh.control.audience(fresh.mailchimp_account, "Members", double_optin=True, marketing_permissions=True)
    fresh.control.subscribe(fresh.audience, PAT)
    _save(fresh)
    again = grant(fresh.house, fresh.control, fresh.mailchimp_account, fresh.kit.settings.mailchimp_login_url)
    found = {offer.name: offer for offer in setup.offers(fresh.kit, again)}
    assert (found["News"].member_count, found["News"].taken_by) == (1, fresh.connection_id)
    members = found["Members"]
    assert (members.double_opt_in, members.gdpr, members.taken_by) == (True, True, None)
    with pytest.raises(Conflict, match="keeps this audience in step already"):
        setup.save(fresh.kit, again, Choices(fresh.audience), "jo")


def test_a_draft_shows_one_real_person_on_both_sides(fresh: World) -> None:
    """Each field with its name, its rules and both values; the platform's own fields with how many have
    them; nothing is changed, and few calls are made."""
    fresh.control.merge_field(fresh.audience, "SIZE", "radio", required=True, options={"choices": ["S", "M"]})
    fresh.control.interests(fresh.audience, "Topics", ["Weekly tips"])
    fresh.put("1", email=PAT, fields={"first_name": "Pat", "city": "Split", "shoe": "42"})
    fresh.put("2", email=JO, fields={"first_name": "Jo"})
    fresh.control.add(fresh.audience, JO, status="subscribed", merge_fields={"FNAME": "Joanna", "SIZE": "M"})
    fresh.control.forget_requests()
    found = setup.draft(fresh.kit, fresh.connection_id, fresh.audience)
    assert sum(fresh.control.calls().values()) <= 10
    fields = {one.target: one for one in found.fields}
    assert (fields["FNAME"].default, fields["FNAME"].ours, fields["FNAME"].theirs) == (
        "first_name",
        "Jo",
        "Joanna",
    )
    size = fields["SIZE"]
    assert (size.type, size.required, size.choices, size.theirs) == ("radio", True, ("S", "M"), "M")
    assert any(one.kind is FieldKind.INTEREST and one.name == "Weekly tips" for one in found.fields)
    assert fields["language"].default is None
    assert found.person is not None
    assert (found.person.contact_id, found.person.status) == ("2", "subscribed")
    used = {one.name: (one.contacts, one.example) for one in found.platform_fields}
    assert used == {"first_name": (2, "Pat"), "city": (1, "Split"), "shoe": (1, "42")}
    assert found.looked_at == 2
    assert fresh.state() == "setup"


def test_without_anybody_there_a_draft_shows_somebody_from_here(fresh: World) -> None:
    """Nobody is on both sides: the contact of whom most is known, and no value in Mailchimp."""
    assert setup.draft(fresh.kit, fresh.connection_id, fresh.audience).person is None
    fresh.put("1", email=PAT, fields={"first_name": "Pat"})
    fresh.put("2", email=JO, fields={"first_name": "Jo", "city": "Split"})
    person = setup.draft(fresh.kit, fresh.connection_id, fresh.audience).person
    assert person is not None
    assert (person.contact_id, person.theirs, person.status) == ("2", None, None)


@pytest.mark.parametrize(
    ("choices", "field", "words"),
    [
        ({"fields": [FieldChoice("a", "NOPE")]}, "fields", "has no field “NOPE”"),
        ({"fields": [FieldChoice("a", "EMAIL")]}, "fields", "in step by itself"),
        ({"fields": [FieldChoice("a", "FNAME"), FieldChoice("a", "LNAME")]}, "fields", "named twice"),
        ({"fields": [FieldChoice("a", "FNAME"), FieldChoice("b", "FNAME")]}, "fields", "Two fields"),
        ({"fields": [FieldChoice("", "FNAME")]}, "fields", "1 to 100 characters"),
        ({"fields": [FieldChoice("x" * 101, "FNAME")]}, "fields", "1 to 100 characters"),
        ({"fields": [FieldChoice("a\nb", "FNAME")]}, "fields", "no control character"),
        ({"without_consent": WithoutConsent.STATED}, "statement_text", "give the statement"),
        ({"brake_share": 1.5}, "brake_share", "between 0 and 1"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(
    fresh: World, choices: dict[str, Any], field: str, words: str
) -> None:
    """The choice is named, what to do is said, and nothing is written."""
    with pytest.raises(Invalid, match=words) as refused:
        _save(fresh, **choices)
    assert refused.value.field == field
    assert _row(fresh).audience_id is None
    with pytest.raises(Gone):
        setup.save(fresh.kit, fresh.connection_id, Choices("0000000000"), "jo")


def test_a_statement_is_kept_with_its_time_and_its_name(fresh: World) -> None:
    """It stays while other settings change, needs a name, and goes when it is taken back."""
    with pytest.raises(Invalid, match="Say who gives the statement"):
        _save(fresh, by=" ", without_consent=WithoutConsent.STATED, statement_text="They agreed.")
    said = _save(fresh, without_consent=WithoutConsent.STATED, statement_text="They agreed.").policy.statement
    assert said is not None
    assert (said.by, said.text) == ("jo", "They agreed.")
    assert (fresh.kit.now() - said.at).total_seconds() < 60
    assert _save(fresh, by="pat", sync_tags=False).policy.statement == said
    assert _save(fresh, without_consent=WithoutConsent.LEAVE_OUT).policy.statement is None


def test_saving_begins_nothing_and_is_safe_to_repeat(fresh: World) -> None:
    """No webhook, no sync; types and choices come from the audience; another may still be chosen."""
    fresh.put("1", email=JO, consent=SUBSCRIBED)
    chosen = [FieldChoice("town", "CITY", Winner.PLATFORM)]
    first = _save(fresh, fields=chosen)
    assert _save(fresh).policy == first.policy
    (rule,) = first.policy.fields
    assert (rule.field, rule.target, rule.type, rule.winner) == ("town", "CITY", "text", Winner.PLATFORM)
    assert (fresh.state(), _row(fresh).next_sweep_at) == ("setup", None)
    assert fresh.control.audience_info(fresh.audience)["webhooks"] == []
    assert fresh.member(JO) is None
    other = fresh.control.audience(fresh.mailchimp_account, "Other")
    moved = setup.save(fresh.kit, fresh.connection_id, Choices(other.id), "jo")
    assert moved.audience_name == "Other"
    assert {rule.field for rule in moved.policy.fields} >= {"first_name", "last_name"}


def test_a_field_that_went_from_mailchimp_is_told(fresh: World) -> None:
    """The draft names it; saving anew leaves it out, and everything else as it was."""
    small = fresh.control.audience(fresh.mailchimp_account, "Small")
    setup.save(fresh.kit, fresh.connection_id, Choices(small.id), "jo")
    with fresh.house.store.write() as c:
        policy = _row(fresh).policy
        gone = policy.fields[0].model_copy(update={"field": "old", "target": "OLD", "merge_id": 999})
        policy = policy.model_copy(update={"fields": (*policy.fields, gone)})
        connections.update(c, fresh.connection_id, fresh.kit.now(), policy=policy)
    fresh.control.merge_field(small.id, "NEW", "text")
    found = setup.draft(fresh.kit, fresh.connection_id, small.id)
    assert [rule.target for rule in found.gone] == ["OLD"]
    assert [one.target for one in found.fields if one.is_new] == ["NEW"]
    saved = setup.save(fresh.kit, fresh.connection_id, Choices(small.id), "jo")
    assert {"OLD", "NEW"} & {rule.target for rule in saved.policy.fields} == set()


def test_new_settings_of_a_working_connection_reach_everybody(acme: World) -> None:
    """A field that is mapped anew is filled on both sides, and whoever was left out for want of consent
    comes in on a statement; nobody who left does."""
    begin_with = [FieldChoice("first_name", "FNAME")]
    setup.save(acme.kit, acme.connection_id, Choices(acme.audience, fields=begin_with), "jo")
    acme.put("1", email=JO, fields={"first_name": "Jo", "town": "Split"}, consent=SUBSCRIBED)
    acme.put("2", email=PAT, consent={"status": "subscribed"})
    acme.put("3", email="kim@maple-street.test", consent={"status": "unsubscribed"})
    until(lambda: acme.member(JO))
    acme.control.add(
        acme.audience, "lee@maple-street.test", status="subscribed", merge_fields={"CITY": "Oslo"}
    )
    until(lambda: acme.contact("lee@maple-street.test"))
    until(acme.settled)
    assert acme.member(JO)["merge_fields"]["CITY"] == ""
    saved = setup.save(
        acme.kit,
        acme.connection_id,
        Choices(
            acme.audience,
            fields=[*begin_with, FieldChoice("town", "CITY")],
            without_consent=WithoutConsent.STATED,
            statement_text="They agreed.",
        ),
        "jo",
    )
    assert saved.state == "in_sync"
    until(lambda: acme.member(JO)["merge_fields"]["CITY"] == "Split")
    until(lambda: acme.contact("lee@maple-street.test").fields.get("town") == "Oslo")
    assert until(lambda: acme.member(PAT))["status"] == "subscribed"
    assert acme.member("kim@maple-street.test") is None


def test_a_working_connection_keeps_its_audience(acme: World) -> None:
    """Another one needs another connection: said in words, nothing changed."""
    other = acme.control.audience(acme.mailchimp_account, "Other")
    with pytest.raises(Invalid, match="keeps “News” in step"):
        setup.save(acme.kit, acme.connection_id, Choices(other.id), "jo")
    assert _row(acme).audience_id == acme.audience


def test_without_access_mailchimp_is_not_asked(acme: World) -> None:
    """Offers, draft and save say that it must be reconnected first."""
    with acme.house.store.write() as c:
        connections.set_state(c, acme.connection_id, "reconnect", acme.kit.now(), problem_code="reconnect")
    acme.control.forget_requests()
    for ask in (
        lambda: setup.offers(acme.kit, acme.connection_id),
        lambda: setup.draft(acme.kit, acme.connection_id, acme.audience),
        lambda: _save(acme),
    ):
        with pytest.raises(Reconnect):
            ask()
    assert acme.control.calls() == {}
