"""What a customer reads and does in the portal, without scripts, from set-up to the receipt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from processor import connect, contacts, fields, issues, report, setup
from processor.domain.connection import ConnectionState
from processor.domain.contact import Consent, ConsentStatus
from processor.domain.edit import ContactPatch
from processor.domain.plan import MemberState
from processor.domain.policy import FieldRule, Winner, WithoutConsent
from processor.kit import utc_now
from processor.report import ConnectionReport
from processor.setup import Choices
from processor.store import connections
from sandbox.control import Control
from sandbox.server import Running as Sandbox
from tests.web.browser import Person, form_with, text_of, title_of
from tests.web.house import ACME, Place, make_connection, open_place, stand
from tests.whole.world import until
from workers.threads import working


@dataclass
class Customer(Person):
    """Somebody in the portal, with a Mailchimp account that is connected, and no audience chosen yet."""

    def __init__(self, place: Place) -> None:
        super().__init__(place.kit, place.url)
        self.place = place
        self.control = place.control
        self.account = place.control.account("Maple & <Sons>")
        city = {"tag": "CITY", "name": "City", "type": "text"}
        self.news = place.control.audience(self.account.id, "News", merge_fields=[city]).id

    def connected(self) -> Customer:
        """Connect Mailchimp."""
        self.connects(self.account.id)
        (found,) = report.connections_of(self.kit, ACME)
        self.connection_id = found.row.id
        self.here = f"/portal/connections/{found.row.id}"
        return self

    def set_up(self) -> Customer:
        """Choose the audience as it is offered."""
        setup.save(self.kit, self.connection_id, Choices(self.news), "test")
        return self

    @property
    def found(self) -> ConnectionReport:
        """How the connection stands."""
        return report.connection(self.kit, self.connection_id, ACME)

    def waits(self, path: str, for_text: str) -> Any:
        """Load a page until it says this, as somebody without scripts does."""

        def said() -> Any:
            page = self.gets(self.here + path)
            return page if for_text in text_of(page) else None

        return until(said)


@pytest.fixture
def customer(place: Place) -> Iterator[Customer]:
    """The customer, before connecting."""
    made = Customer(place)
    yield made
    made.close()


@pytest.fixture
def at_work(tmp_path: Path, sandbox: Sandbox, control: Control) -> Iterator[Customer]:
    """The customer of an installation whose workers run."""
    settings = {"tick_seconds": 0.2, "worker_threads": 4, "retry_base_seconds": 0.05}
    with open_place(tmp_path, sandbox.url, control, **settings) as place, working(place.house):
        made = Customer(place)
        yield made
        made.close()


def write(place: Place, contact_id: str, *, agreed: bool = True, **fields: Any) -> None:
    """Write a contact as the platform does."""
    consent = Consent(ConsentStatus.SUBSCRIBED, utc_now() if agreed else None, "checkout" if agreed else None)
    patch = ContactPatch(email=f"{contact_id}@maple-street.test", fields=fields, consent=consent)
    contacts.put(place.kit, ACME, contact_id, patch)


def test_the_set_up_shows_one_real_contact_on_both_sides(customer: Customer, place: Place) -> None:
    """And fields with their types; the choices are written down as they were made, and nothing begins."""
    write(place, "jo", first_name="Joanna", town="Leeds")
    there = {"email_address": "jo@maple-street.test", "merge_fields": {"FNAME": "Jo", "CITY": "York"}}
    place.control.put_members(customer.news, [there])
    page = customer.connected().gets(customer.here)
    assert title_of(page) == "Maple & <Sons>"
    assert "Finish setup Your turn" in text_of(page)
    page = customer.gets(customer.here + "/setup")
    said = text_of(page)
    assert "News 1 subscribed contact" in said
    assert "jo@maple-street.test , subscribed in Mailchimp" in said
    for part in ("Joanna", "Leeds", "York", "town (such as Leeds)"):
        assert part in said
    city = page.text.partition('value="CITY"')[0].rpartition("target.")[2].partition('"')[0]
    changed = {
        f"field.{city}": "town",
        f"winner.{city}": "platform",
        "winner": "mailchimp",
        "sync_tags": None,
    }
    saved = customer.presses(page, "Save and go on to the preview", brake_percent="25", **changed)
    assert title_of(saved) == "Preview"
    policy = customer.found.row.policy
    (rule,) = (rule for rule in policy.fields if rule.target == "CITY")
    assert (rule.field, rule.winner) == ("town", Winner.PLATFORM)
    assert (policy.winner, policy.sync_tags, policy.import_members) == (Winner.MAILCHIMP, False, True)
    assert policy.brake_share == 0.25
    assert customer.found.state is ConnectionState.SETUP
    assert place.control.audience_info(customer.news)["webhooks"] == []


def test_a_word_for_consent_is_kept_with_its_name_and_its_time(customer: Customer) -> None:
    """Not without the tick, nor without a name; and then as it was shown."""
    page = customer.connected().gets(customer.here + "/setup")
    button = "Save and go on to the preview"
    unticked = customer.presses(page, button, without_consent="stated", stated_by="Jo Maple")
    assert unticked.status_code == 422
    assert "Tick the statement and put your name to it" in text_of(unticked)
    assert 'value="Jo Maple"' in unticked.text
    nameless = customer.presses(unticked, button, stated="1", stated_by="  ")
    assert nameless.status_code == 422
    assert "Put your name to the statement" in text_of(nameless)
    assert customer.found.row.audience_id is None
    customer.presses(nameless, button, stated="1", stated_by="Jo Maple")
    policy = customer.found.row.policy
    assert policy.without_consent is WithoutConsent.STATED
    assert policy.statement is not None
    assert (policy.statement.by, policy.statement.text[:36]) == (
        "Jo Maple",
        "Everybody who is subscribed on our p",
    )
    again = customer.gets(customer.here + "/setup")
    assert "given by Jo Maple" in text_of(again)
    customer.presses(again, button)
    assert customer.found.row.policy.statement == policy.statement


def test_without_scripts_a_button_shows_the_fields_of_another_audience(customer: Customer) -> None:
    """What was filled in before stays."""
    size = {"tag": "SIZE", "name": "Size", "type": "text"}
    other = customer.control.audience(customer.account.id, "Members", merge_fields=[size])
    page = customer.connected().gets(customer.here + "/setup")
    assert "Choose the audience first" in text_of(page)
    form = {"audience_id": other.id, "winner": "platform", "without_consent": "transactional"}
    sent = {"csrf": page.text.partition('name="csrf" value="')[2].partition('"')[0], **form}
    shown = customer.http.post(f"{customer.url}{customer.here}/setup/fields", data=sent)
    assert "Platform field for Size" in shown.text
    assert 'value="platform" checked' in shown.text
    assert 'value="transactional" checked' in shown.text
    assert customer.found.row.audience_id is None


def test_what_cannot_be_saved_is_said_beside_it(customer: Customer, place: Place) -> None:
    """A field named twice, a share that is none, no audience: told beside it, and nothing written."""
    page = customer.connected().gets(customer.here + "/setup")
    button = "Save and go on to the preview"
    for changed, field, words in (
        ({"field.0": "x", "field.1": "x"}, "fields", "is named twice"),
        ({"brake_percent": "many"}, "brake_share", "Write a number from 0 to 100."),
        ({"brake_percent": "101"}, "brake_share", "Write a number from 0 to 100."),
        ({"extra_name": "points"}, "fields", "Say which of the audience"),
        ({"audience_id": None}, "audience_id", "Choose one of your audiences first."),
    ):
        answer = customer.presses(page, button, **changed)
        assert answer.status_code == 422, changed
        assert f'aria-describedby="wrong-{field}"' in answer.text
        assert words in text_of(answer)
        assert "Mailchimp & <Sons>" not in answer.text
    assert customer.presses(page, button, winner="nobody").status_code == 422
    assert customer.found.row.audience_id is None
    taken = make_connection(
        place.house, audience_id=customer.news, mailchimp_account=customer.found.row.mailchimp_account
    )
    again = customer.gets(customer.here + "/setup")
    assert "another connection of yours keeps it in step" in text_of(again)
    refused = customer.presses(page, button)
    assert refused.status_code == 409
    assert "keeps this audience in step already" in text_of(refused)
    assert taken != customer.connection_id


def test_a_field_that_is_not_in_the_list_can_be_written(customer: Customer) -> None:
    """A name that no contact has yet goes to one of the audience's fields."""
    page = customer.connected().gets(customer.here + "/setup")
    sent = {"extra_name": "home town", "extra_target": "CITY"}
    customer.presses(page, "Save and go on to the preview", **sent)
    rules = {rule.target: rule.field for rule in customer.found.row.policy.fields}
    assert rules["CITY"] == "home town"


def test_an_account_without_an_audience_says_what_to_do(customer: Customer) -> None:
    """Make one, then load the page again."""
    customer.control.drop_audience(customer.news)
    page = customer.connected().gets(customer.here + "/setup")
    assert "There is no audience in this account yet. Make one in Mailchimp" in text_of(page)


def test_a_mailchimp_that_does_not_answer_is_told(customer: Customer) -> None:
    """In words, with what to do; and later the same page works."""
    customer.connected().control.fail(503)
    page = customer.gets(customer.here + "/setup")
    assert page.status_code == 503
    assert "Mailchimp does not answer now" in text_of(page)
    customer.control.mend()
    assert customer.gets(customer.here + "/setup").status_code == 200


def test_the_whole_way_without_scripts(at_work: Customer) -> None:
    """Preview with its numbers and its list, the first sync to its end, and the receipt."""
    place = at_work.place
    write(place, "jo", first_name="Jo")
    write(place, "max", agreed=False)
    place.control.put_members(at_work.news, [{"email_address": "ann@birch-lane.test"}])
    page = at_work.connected().set_up().gets(at_work.here)
    assert 'href="' + at_work.here + '/preview"' in page.text
    page = at_work.gets(at_work.here + "/preview")
    assert "before anything changes" in text_of(page)
    at_work.presses(page, "Make a preview")
    page = at_work.waits("/preview", "Start the first sync")
    said = text_of(page)
    for part in ("1 Add as subscribed", "1 Add as a contact", "1 No consent on record", "1 contact to what"):
        assert part in said
    assert "1 change in Mailchimp and 1 change on the platform" in said
    sheet = at_work.gets(at_work.here + "/preview.csv")
    assert sheet.headers["content-type"].startswith("text/csv")
    assert "attachment" in sheet.headers["content-disposition"]
    assert sheet.headers["cache-control"] == "no-store"
    assert "jo@maple-street.test" in sheet.text
    page = at_work.presses(page, "Start first sync")
    assert title_of(page) == "First sync"
    page = at_work.waits("/sync", "The first sync is done")
    assert "1 contact added" in text_of(page)
    assert at_work.control.member(at_work.news, "jo@maple-street.test")
    page = at_work.gets(at_work.here)
    assert "Up to date Nothing to do" in text_of(page)
    page = at_work.gets(at_work.here + "/disconnect")
    assert "3 contacts on the platform" in text_of(page)
    page = at_work.presses(page, "Disconnect Mailchimp")
    assert title_of(page) == "Disconnected"
    assert "1 webhook of ours" in text_of(page)
    (receipt,) = report.receipts_of(place.kit, ACME)
    plain = at_work.gets(f"/portal/receipts/{receipt.id}.json")
    assert json.loads(plain.text)["id"] == receipt.id
    assert "attachment" in plain.headers["content-disposition"]
    assert at_work.gets(at_work.here).status_code == 404
    assert title_of(at_work.gets("/portal")) == "Your Mailchimp connections"


def test_a_preview_that_is_old_starts_nothing(at_work: Customer) -> None:
    """The set-up was changed since: no button, and a form sent all the same is refused in words."""
    page = at_work.connected().set_up().gets(at_work.here + "/preview")
    at_work.presses(page, "Make a preview")
    ready = at_work.waits("/preview", "Start the first sync")
    setup.save(at_work.kit, at_work.connection_id, Choices(at_work.news, sync_tags=False), "test")
    page = at_work.gets(at_work.here + "/preview")
    assert "the set-up was changed since. Make a new one before you start." in text_of(page)
    assert "Start first sync" not in page.text
    refused = at_work.presses(ready, "Start first sync")
    assert refused.status_code == 409
    assert title_of(refused) == "The first sync was not started"
    assert "Nothing has been changed." in text_of(refused)
    assert at_work.found.state is ConnectionState.SETUP


def test_pausing_and_going_on(customer: Customer, place: Place) -> None:
    """The page says what it does, and what is kept."""
    customer.connected().set_up()
    change(place, customer.connection_id, state=ConnectionState.IN_SYNC)
    page = customer.presses(customer.gets(customer.here), "Pause")
    assert "Paused. Whatever changes meanwhile is kept." in text_of(page)
    assert "Paused Off" in text_of(page)
    page = customer.presses(page, "Go on")
    assert "Going on." in text_of(page)
    assert customer.found.row.state == ConnectionState.IN_SYNC
    twice = customer.presses(page, "Pause")
    assert customer.presses(page, "Pause").status_code == twice.status_code == 200


def test_the_brake_asks_with_its_numbers(customer: Customer, place: Place) -> None:
    """It goes on only when somebody presses exactly that button."""
    customer.connected().set_up()
    brake = {"what": "unsubscribe", "where": "here", "found": 210, "of": 1000, "run": None, "sweep": "x"}
    detail = "Going on would unsubscribe 210 of 1,000 contacts here."
    state = {"state": ConnectionState.PAUSED, "problem_code": "brake", "problem_detail": detail}
    change(place, customer.connection_id, **state, brake=brake, paused_at=place.kit.now())
    page = customer.gets(customer.here)
    said = text_of(page)
    assert "Your turn" in said
    assert "unsubscribe 210 of 1,000 contacts" in said
    assert "Stay paused" in said
    assert customer.found.row.state == ConnectionState.PAUSED
    page = customer.presses(page, "Go on with these changes", accept="1")
    assert "Going on." in text_of(page)
    assert customer.found.row.state == ConnectionState.IN_SYNC


def test_an_audience_that_is_gone_leads_to_another(customer: Customer, place: Place) -> None:
    """One button, and the others are offered."""
    customer.connected().set_up()
    customer.control.audience(customer.account.id, "Members")
    change(place, customer.connection_id, state=ConnectionState.SETUP, problem_code="audience_gone")
    page = customer.gets(customer.here)
    assert "Choose another audience" in text_of(page)
    customer.control.drop_audience(customer.news)
    offered = customer.gets(customer.here + "/setup")
    assert "Members 0 subscribed contacts" in text_of(offered)
    assert "News" not in text_of(offered)


def test_whoever_fails_is_shown_with_words_and_tried_again(customer: Customer, place: Place) -> None:
    """On the first page one card for the cause, behind the number all, a page at a time; one or all are tried
    again."""
    customer.connected().set_up()
    change(place, customer.connection_id, state=ConnectionState.IN_SYNC)
    for n in range(60):
        stand(place.house, customer.connection_id, f"c{n}", state=MemberState.FAILING, reason="email_fake")
    stand(place.house, customer.connection_id, "x", state=MemberState.EXCLUDED, reason="no_consent")
    issues.review(place.kit, customer.connection_id)
    page = customer.gets(customer.here)
    assert "Up to date, with 60 contacts that need a look" in text_of(page)
    assert text_of(page).count("The address looks made up") == 2  # the card, and its button's name
    assert "60 contacts , since just now" in text_of(page)
    listed = customer.gets(customer.here + "/contacts")
    assert text_of(listed).count("The address looks made up.") == 50
    more = listed.text.partition("after=")[2].partition('"')[0]
    rest = customer.gets(f"{customer.here}/contacts?state=failing&after={more}")
    assert text_of(rest).count("The address looks made up.") == 10
    left_out = customer.gets(customer.here + "/contacts?state=excluded")
    assert "No consent on record" in text_of(left_out)
    assert "Being left out is not an error" in text_of(left_out)
    assert customer.gets(customer.here + "/contacts?state=lost").status_code == 422
    customer.presses(listed, "Try again")
    assert customer.found.members[MemberState.FAILING] == 59
    page = customer.presses(page, "Try all again")
    assert "Being tried again now." in text_of(page)
    assert customer.found.members[MemberState.FAILING] == 0


def test_disconnecting_while_mailchimp_is_down_is_finished_later(at_work: Customer) -> None:
    """The receipt says what is left to do, looks again by itself, and then that it is done."""
    place = at_work.place
    at_work.connected().set_up()
    change(place, at_work.connection_id, state=ConnectionState.IN_SYNC)
    at_work.control.fail(503)
    page = at_work.presses(at_work.gets(at_work.here + "/disconnect"), "Disconnect Mailchimp")
    assert title_of(page) == "Disconnecting…"
    assert 'hx-trigger="every 3s"' in page.text
    (receipt,) = report.receipts_of(place.kit, ACME)
    home = at_work.gets(at_work.here)
    assert "Disconnecting… We are working" in text_of(home)
    assert at_work.gets(at_work.here + "/disconnect").url.path == f"/portal/receipts/{receipt.id}"
    at_work.control.mend()
    with place.house.store.write() as c:
        from processor.store import receipts

        receipts.put_off(c, at_work.connection_id, place.kit.now() - timedelta(seconds=1))
    path = f"/portal/receipts/{receipt.id}"
    until(lambda: title_of(at_work.gets(path)) == "Disconnected")
    polled = at_work.gets(path, **{"HX-Request": "true"})
    assert polled.headers["hx-redirect"] == path


def test_several_connections_are_listed(customer: Customer, place: Place) -> None:
    """Each with its state in words; one alone is opened at once."""
    customer.connected()
    assert customer.gets("/portal").url.path == customer.here
    make_connection(place.house, audience_id="b", audience_name="Members", state="paused")
    page = customer.gets("/portal")
    assert title_of(page) == "Your Mailchimp connections"
    for part in ("Members", "Paused Off", "Finish setup Your turn", "No audience chosen yet"):
        assert part in text_of(page)


def test_a_page_keeps_itself_fresh_and_notices_another_state(customer: Customer, place: Place) -> None:
    """The part that is asked for again is only a part; where the buttons would differ, all is loaded anew."""
    customer.connected().set_up()
    change(place, customer.connection_id, state=ConnectionState.IN_SYNC)
    page = customer.gets(customer.here)
    poll = page.text.partition('hx-get="')[2].partition('"')[0].replace("&amp;", "&")
    part = customer.gets(poll, **{"HX-Request": "true"})
    assert "Up to date" in part.text
    assert "<html" not in part.text
    assert "hx-redirect" not in part.headers
    change(place, customer.connection_id, state=ConnectionState.RECONNECT, problem_code="reconnect")
    assert customer.gets(poll, **{"HX-Request": "true"}).headers["hx-redirect"] == customer.here


def change(place: Place, connection_id: str, **columns: Any) -> None:
    """Let a connection stand in this way."""
    with place.house.store.write() as c:
        connections.update(c, connection_id, place.kit.now(), **columns)


def test_what_we_read_of_others_is_only_text(customer: Customer, place: Place) -> None:
    """Names of accounts, audiences and people that look like markup are shown as they are."""
    write(place, "jo", first_name="<script>alert(1)</script>")
    page = customer.connected().gets(customer.here + "/setup")
    assert "<script>alert" not in page.text
    assert "Maple &amp; &lt;Sons&gt;" in page.text
    assert connect.CALLBACK_PATH not in page.text


def test_a_part_that_cannot_be_read_now_does_not_take_the_page_along(customer: Customer) -> None:
    """What was filled in stays: the part says what happened in its own place, and nothing is loaded anew."""
    page = customer.connected().set_up().gets(customer.here + "/setup")
    customer.control.fail(503)
    part = {"HX-Request": "true"}
    form = {name: value for name, value in form_with(page, "Save and go on").values if "." not in name}
    for answer in (
        customer.gets(customer.here + "/setup/findings", **part),
        customer.http.post(f"{customer.url}{customer.here}/setup/fields", data=form, headers=part),
    ):
        assert answer.status_code == 200
        assert "Mailchimp does not answer now" in text_of(answer)
        assert not {"hx-refresh", "hx-redirect"} & set(answer.headers)


def test_fields_that_are_new_or_gone_in_mailchimp_lead_to_the_field_map(customer: Customer) -> None:
    """The first page names both, each with the way to the map; a map that is saved ends it."""
    customer.connected().set_up()
    customer.control.merge_field(customer.news, "SHOE", "number", name="Shoe size")
    with customer.kit.store.write() as c:
        gone = FieldRule(field="town", target="TOWN", merge_id=99)
        policy = customer.found.row.policy.model_copy(update={"gone": (gone,)})
        connections.update(c, customer.connection_id, utc_now(), state="in_sync", policy=policy)
    fields.refresh(customer.kit, customer.found.row, customer.kit.mailchimp(customer.found.row))
    issues.review(customer.kit, customer.connection_id)
    page = customer.gets(customer.here)
    said = text_of(page)
    assert "New in Mailchimp, not synced yet Shoe size: map it to a field of your platform" in said
    assert "“town” has no counterpart any more" in said
    assert said.count("Edit the field map") == 2
    page = customer.gets(customer.here + "/setup")
    assert "Shoe size new in Mailchimp, not synced yet: map or leave" in text_of(page)
    assert "1 field of your map is no longer in Mailchimp: town → TOWN" in text_of(page)
    shoe = page.text.partition('value="SHOE"')[0].rpartition("target.")[2].partition('"')[0]
    customer.presses(page, "Save", **{f"field.{shoe}": ""})
    issues.review(customer.kit, customer.connection_id)
    assert "Edit the field map" not in text_of(customer.gets(customer.here))
