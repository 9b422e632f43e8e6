"""Another audience for an account that is connected: over the API, and in the portal without a sign-in."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from processor import contacts, report, setup
from processor.domain.contact import Consent, ConsentStatus, Member, MemberStatus, Permission
from processor.domain.edit import ContactPatch
from processor.domain.word import Word
from processor.store import connections, members
from tests.web.browser import Person, text_of
from tests.web.house import ACME, BIRCH, SUBSCRIBED, Api, Place, make_connection, stand
from tests.web.paper import Paper

ALL = f"/v1/accounts/{ACME}/connections"


def test_another_audience_is_connected_with_the_access_there_is(api: Api) -> None:
    """The new one waits for its audience, is of the same Mailchimp account, and there is at most one."""
    first = make_connection(api.house, audience_id="a1")
    made = api.call("POST", ALL, json={"beside": first})
    assert made.status_code == 201, made.text
    new = made.json()
    assert (new["state"], new["audience_id"], new["mailchimp_account_id"]) == ("setup", None, "131656250")
    assert api.call("POST", ALL, json={"beside": first}).json()["id"] == new["id"]
    with api.house.store.read() as c:
        one, two = connections.for_account(c, ACME)
    assert one.token_sealed != two.token_sealed
    kit = api.kit
    assert kit.mailchimp(two) is not None  # its own seal opens


def test_nobody_connects_by_way_of_anothers_access(api: Api) -> None:
    """Neither with another account's connection, nor with one that lost its access."""
    theirs = make_connection(api.house, BIRCH, audience_id="a1")
    assert api.call("POST", ALL, json={"beside": theirs}).status_code == 404
    assert api.call("POST", ALL, key=api.birch_key, json={"beside": theirs}).status_code == 404
    lost = make_connection(api.house, audience_id="a2", state="reconnect")
    refused = api.call("POST", ALL, json={"beside": lost})
    assert refused.status_code == 409
    assert "Reconnect first" in refused.json()["detail"]


def test_a_contact_shows_its_consent_towards_each_audience(api: Api) -> None:
    """Who left one of two audiences is told apart, in the API."""
    news = make_connection(api.house, audience_id="a1", audience_name="News", state="paused")
    shop = make_connection(api.house, audience_id="a2", audience_name="Shop", state="paused")
    api.put(email="jo@maple-street.test", consent=SUBSCRIBED)
    with api.house.store.read() as c:
        said = members.by_contact_ids(c, news, ["jo"])["jo"]
    left = Consent(ConsentStatus.UNSUBSCRIBED, api.kit.now(), "mailchimp:unsubscribed")
    over = Consent(ConsentStatus.SUBSCRIBED, datetime.fromisoformat(SUBSCRIBED["at"]), "checkout")
    with api.house.store.write() as c:
        members.delete_many(c, [said.id])
    stand(api.house, news, "jo", word=Word(left, over))
    answer = api.call("GET", f"/v1/accounts/{ACME}/contacts/jo/history").json()["standing"]
    by_audience = {one["connection"]: one["consent"]["status"] for one in answer}
    assert by_audience == {news: "unsubscribed", shop: "subscribed"}


def in_europe(api: Api, status: MemberStatus = MemberStatus.SUBSCRIBED) -> str:
    """A connection whose audience has permissions, with Jo in it."""
    europe = make_connection(api.house, audience_id="a1", audience_name="Europe", state="paused")
    shown = {"p1": Permission("Advertising", False)}
    theirs = Member("m", "jo@maple-street.test", status, permissions=shown, sms_phone="+15550100")
    contacts = f"/v1/accounts/{ACME}/contacts"
    assert api.call("POST", f"{contacts}/batch", json={"contacts": [{"id": "jo"}]}).status_code == 200
    with api.house.store.write() as c:
        (row,) = members.lock(c, [members.by_contact_ids(c, europe, ["jo"])["jo"].id]).values()
        members.update_many(c, [replace(row, theirs=theirs, status=status)], api.kit.now())
    return europe


def test_a_permission_is_given_over_the_api(api: Api) -> None:
    """With when and where, to be sent; the contact's standing and ledger show it."""
    there = f"/v1/connections/{in_europe(api)}/permissions"
    given = {"contact": "jo", "permission": "p1", "enabled": True}
    assert api.call("POST", there, json=given).status_code == 422
    evidence = {"at": "2026-03-01T09:00:00Z", "source": "the checkout"}
    answer = api.call("POST", there, json={**given, **evidence})
    assert answer.status_code == 200, answer.text
    assert answer.json()["permissions"] == [
        {"id": "p1", "text": "Advertising", "enabled": False, "waiting": True}
    ]
    paper = Paper(api.call("GET", "/v1/openapi.json", key="").json())
    paper.check("post", "/v1/connections/{connection}/permissions", answer)
    assert answer.json()["sms"] == {"phone": "+15550100", "status": None, "changed_at": None}
    (line,) = api.call("GET", f"/v1/accounts/{ACME}/contacts/jo/consent").json()["consents"]
    assert (line["about"], line["after"], line["source"]) == ("permissions.p1", "given", "the checkout")
    assert line["by"].startswith("key:")
    assert api.call("POST", there, key=api.birch_key, json={**given, **evidence}).status_code == 404
    assert api.call("POST", there, json={**given, **evidence, "permission": "p2"}).status_code == 422


def test_who_has_left_is_given_no_permission_over_the_api(api: Api) -> None:
    """409, in words."""
    there = f"/v1/connections/{in_europe(api, MemberStatus.UNSUBSCRIBED)}/permissions"
    given = {
        "contact": "jo",
        "permission": "p1",
        "enabled": True,
        "at": "2026-03-01T09:00:00Z",
        "source": "x",
    }
    refused = api.call("POST", there, json=given)
    assert refused.status_code == 409
    assert "They have left Europe" in refused.json()["detail"]


def test_a_marketer_sees_permissions_and_sms_of_a_contact(place: Place) -> None:
    """On the contact's page, with their texts; and the consent towards each audience where they differ."""
    europe = make_connection(place.house, audience_id="a1", audience_name="Europe", state="paused")
    make_connection(place.house, audience_id="a2", audience_name="Shop", state="paused")
    contacts.put(place.kit, ACME, "jo", ContactPatch(email="jo@maple-street.test"))
    with place.house.store.write() as c:
        (row,) = members.lock(c, [members.by_contact_ids(c, europe, ["jo"])["jo"].id]).values()
        theirs = Member(
            "m",
            "jo@maple-street.test",
            MemberStatus.UNSUBSCRIBED,
            permissions={"p1": Permission("Customized advertising", True)},
            sms_phone="+15550100",
            sms_status="subscribed",
        )
        left = Consent(ConsentStatus.UNSUBSCRIBED, place.kit.now(), "mailchimp:unsubscribed")
        members.update_many(
            c, [replace(row, theirs=theirs, word=Word(left, over=Consent()))], place.kit.now()
        )
    person = Person(place.kit, place.url)
    try:
        said = text_of(person.enters().gets(f"/portal/connections/{europe}/contact?id=jo"))
    finally:
        person.close()
    for words in ("Customized advertising given", "SMS subscribed", "+15550100"):
        assert words in " ".join(said.split())
    assert "Towards this audience: unsubscribed" in " ".join(said.split())


def test_a_marketer_adds_an_audience_by_a_button(place: Place) -> None:
    """From the list of connections, without a sign-in, to the set-up, where the first is shown as taken."""
    account = place.control.account("Maple")
    news = place.control.audience(account.id, "News").id
    place.control.audience(account.id, "Shop")
    person = Person(place.kit, place.url)
    try:
        person.connects(account.id)
        (first,) = report.connections_of(place.kit, ACME)
        setup.save(place.kit, first.row.id, setup.Choices(news), "test")
        page = person.gets("/portal?all=1")
        form = person.presses(page, "Add another audience of Maple")
        two = [one.row.id for one in report.connections_of(place.kit, ACME)]
        assert form.url.path == f"/portal/connections/{two[1]}/setup"
        assert "Shop" in text_of(form)
        listed = text_of(person.gets("/portal"))
        assert "News" in listed
        assert "No audience chosen yet" in listed
    finally:
        person.close()
