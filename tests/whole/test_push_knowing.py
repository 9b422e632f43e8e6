"""A push of many knows how members stand without a look at each, and is not fooled by what happened a moment
before. No webhook arrives here: only what a push finds out by itself counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from processor import contacts
from processor.domain.contact import Consent, ConsentStatus
from processor.domain.edit import ContactPatch
from processor.domain.plan import MemberState
from processor.kit import utc_now
from processor.store import connections, members
from processor.sweep import sweep
from tests.whole.test_left_behind import are, told
from tests.whole.world import ACCOUNT, SUBSCRIBED, World, until, world

MANY = 40
AGREED = Consent(ConsentStatus.SUBSCRIBED, utc_now().replace(year=2026, month=1, day=15), "checkout")
READS = "GET /lists/{list_id}/members/{subscriber_hash}"
ADDS = "POST /lists/{list_id}"


@pytest.fixture
def deaf(tmp_path: Path) -> Iterator[World]:
    """An installation that no webhook reaches, and that does not go round by itself."""
    with world(tmp_path, sweep_minutes=600) as made:
        made.control.webhooks(drop=1.0)
        yield made


def address(n: int) -> str:
    """The address of one of many."""
    return f"person{n}@maple-street.test"


def put_all(acme: World, **named: Any) -> None:
    """Write many contacts at once, as an import does."""
    patches = {str(n): ContactPatch(email=address(n), **named) for n in range(MANY)}
    contacts.put_many(acme.kit, ACCOUNT, patches)


def everybody(acme: World, *but: int) -> list[str]:
    """The ids of all but some."""
    return [str(n) for n in range(MANY) if n not in but]


def idle(acme: World) -> bool:
    """Whether nothing is to be pushed, now or later, and nobody is at it."""
    with acme.house.store.read() as c:
        rows = members.find(c, acme.connection_id, limit=10_000)
    return bool(rows) and all(row.due_at is None for row in rows)


def add_all(acme: World) -> None:
    """Many contacts who agreed, known on both sides."""
    put_all(acme, consent=AGREED, fields={"first_name": "Jo"})
    until(lambda: are(acme, MemberState.IN_SYNC, *everybody(acme)))
    acme.control.forget_requests()


def test_many_new_contacts_are_added_without_a_look_at_each(deaf: World) -> None:
    """One call adds them; one before it sees that none of them was archived just now."""
    put_all(deaf, consent=AGREED)
    until(lambda: are(deaf, MemberState.IN_SYNC, *everybody(deaf)))
    assert len(deaf.control.members(deaf.audience)) == MANY
    assert deaf.control.calls() == {"GET /lists/{list_id}/members": 1, ADDS: 1}


def test_who_came_left_or_was_archived_there_a_moment_before_is_left_as_they_are(deaf: World) -> None:
    """Nobody here has heard of them when their contacts are added: nobody is brought back, nobody is there
    twice, and the contacts follow."""
    there = {0: "subscribed", 1: "unsubscribed", 2: "archived", 3: "cleaned"}
    for n in there:
        deaf.control.subscribe(deaf.audience, address(n))
    deaf.control.unsubscribe(deaf.audience, address(1))
    deaf.control.archive(deaf.audience, address(2))
    deaf.control.clean(deaf.audience, address(3))
    put_all(deaf, consent=AGREED)
    until(lambda: len(deaf.control.members(deaf.audience)) == MANY and idle(deaf))
    found = deaf.control.members(deaf.audience)
    assert {n: found[address(n)]["status"] for n in there} == there
    assert deaf.contact(address(1)).consent.status is ConsentStatus.UNSUBSCRIBED
    assert deaf.contact(address(2)).consent.status is ConsentStatus.UNSUBSCRIBED
    assert deaf.contact(address(3)).consent.status is ConsentStatus.CLEANED
    assert len(deaf.contacts()) == MANY
    assert deaf.control.calls()[READS] <= 2 * len(there)


def test_who_was_archived_long_ago_is_looked_at_when_a_contact_comes(deaf: World) -> None:
    """They were read once, and belong to no contact: being new here is not being new there."""
    deaf.control.subscribe(deaf.audience, address(0))
    deaf.control.archive(deaf.audience, address(0))
    sweep(deaf.kit, deaf.connection_id, full=True)
    put_all(deaf, consent=AGREED)
    until(lambda: len(deaf.control.members(deaf.audience)) == MANY and idle(deaf))
    assert deaf.member(address(0))["status"] == "archived"


def test_what_changed_there_a_moment_before_is_seen_before_anything_is_sent(deaf: World) -> None:
    """The marketer's edits are kept beside ours, who left is taken off here, and fields of the others go
    up: from pages, without a look at each."""
    add_all(deaf)
    deaf.control.edit(deaf.audience, address(0), merge_fields={"CITY": "Leeds"})
    deaf.control.unsubscribe(deaf.audience, address(1))
    deaf.control.archive(deaf.audience, address(2))
    put_all(deaf, fields={"first_name": "Joanna"})
    until(lambda: idle(deaf) and deaf.member(address(3))["merge_fields"]["FNAME"] == "Joanna")
    first = deaf.member(address(0))["merge_fields"]
    assert (first["FNAME"], first["CITY"]) == ("Joanna", "Leeds")
    assert deaf.contact(address(0)).fields["city"] == "Leeds"
    assert deaf.member(address(1))["status"] == "unsubscribed"
    assert deaf.member(address(2))["status"] == "archived"
    assert deaf.contact(address(1)).consent.status is ConsentStatus.UNSUBSCRIBED
    assert deaf.contact(address(2)).consent.status is ConsentStatus.UNSUBSCRIBED
    assert deaf.control.calls().get(READS, 0) <= 3  # changed within the second in which they were added


def test_who_was_deleted_for_good_meanwhile_is_found_out_and_not_added_again(deaf: World) -> None:
    """They are on no page, and the call that changes them is refused; a look tells why."""
    add_all(deaf)
    deaf.control.delete(deaf.audience, address(0))
    put_all(deaf, fields={"first_name": "Joanna"})
    until(lambda: idle(deaf) and told(deaf)["0"].reason == "deleted_there")
    assert deaf.contact(address(0)).consent.status is ConsentStatus.UNSUBSCRIBED
    assert deaf.member(address(0)) is None
    assert ADDS not in deaf.control.calls()
    assert all(deaf.member(address(n))["merge_fields"]["FNAME"] == "Joanna" for n in range(1, MANY))


def test_an_act_of_consent_is_sent_after_a_look_of_its_own(deaf: World) -> None:
    """Many opt out and in on the platform: who left there meanwhile is not asked or subscribed."""
    add_all(deaf)
    contacts.put_many(
        deaf.kit,
        ACCOUNT,
        {i: ContactPatch(consent=Consent(ConsentStatus.UNSUBSCRIBED)) for i in everybody(deaf)},
    )
    until(lambda: idle(deaf))
    found = deaf.control.members(deaf.audience).values()
    assert {m["status"] for m in found} == {"unsubscribed"}
    assert "POST /batches" not in deaf.control.calls()


def test_an_audience_that_was_never_read_in_full_is_looked_at_one_by_one(deaf: World) -> None:
    """There, not being known says nothing."""
    with deaf.house.store.write() as c:
        connections.update(c, deaf.connection_id, utc_now(), last_full_sweep_at=None, watermark=None)
    put_all(deaf, consent=AGREED)
    until(lambda: are(deaf, MemberState.IN_SYNC, *everybody(deaf)))
    assert deaf.control.calls()[READS] == MANY


def test_members_who_are_not_there_cost_one_question_about_the_audience(deaf: World) -> None:
    """Not one each."""
    contacts.put_many(
        deaf.kit,
        ACCOUNT,
        {str(n): ContactPatch(email=address(n), consent=AGREED) for n in range(10)},
    )
    until(lambda: are(deaf, MemberState.IN_SYNC, *(str(n) for n in range(10))))
    calls = deaf.control.calls()
    assert (calls[READS], calls["GET /lists/{list_id}"]) == (10, 1)


def test_an_address_said_to_be_there_and_not_found_there_comes_to_an_end(deaf: World) -> None:
    """It is looked for as often as anything is tried, and is then told as failing."""
    words = "is already a list member. Use PUT to insert or update list members."
    deaf.control.change_audience(deaf.audience, refused={address(0): f"{address(0)} {words}"})
    put_all(deaf, consent=AGREED)
    until(lambda: are(deaf, MemberState.FAILING, "0"))
    assert told(deaf)["0"].reason == "member_exists"
    assert len(deaf.control.members(deaf.audience)) == MANY - 1


def test_the_new_address_of_a_contact_is_looked_at_though_the_old_member_is_gone(deaf: World) -> None:
    """They were deleted there and moved here: who is archived at the new address stays so."""
    new = "jo@elm-street.test"
    deaf.put("1", email="jo@maple-street.test", consent=SUBSCRIBED)
    until(lambda: are(deaf, MemberState.IN_SYNC, "1"))
    deaf.control.delete(deaf.audience, "jo@maple-street.test")
    deaf.control.subscribe(deaf.audience, new)
    deaf.control.archive(deaf.audience, new)
    deaf.put("1", email=new, consent={**SUBSCRIBED, "at": "2026-02-15T09:00:00+00:00"})
    until(lambda: are(deaf, MemberState.EXCLUDED, "1"))
    assert deaf.member(new)["status"] == "archived"
    assert deaf.contact(new).consent.status is ConsentStatus.UNSUBSCRIBED


def test_a_value_that_does_not_fit_holds_back_nothing_but_itself(deaf: World) -> None:
    """Mailchimp refuses one field: the contact comes in, and later changes arrive, without it; it is told by
    name until it is corrected."""
    _make_city_a_number(deaf)
    deaf.put("1", email=address(1), fields={"first_name": "Jo", "city": "Ghent"}, consent=SUBSCRIBED)
    until(lambda: are(deaf, MemberState.FAILING, "1"))
    assert deaf.member(address(1))["merge_fields"]["FNAME"] == "Jo"
    failing = told(deaf)["1"]
    assert (failing.reason, failing.detail) == ("field_value", "Please enter a number")
    deaf.put("1", fields={"first_name": "Joanna"})
    until(lambda: deaf.member(address(1))["merge_fields"]["FNAME"] == "Joanna")
    until(lambda: are(deaf, MemberState.FAILING, "1"))
    deaf.put("1", fields={"city": "9000"})
    until(lambda: are(deaf, MemberState.IN_SYNC, "1"))


def _make_city_a_number(acme: World) -> None:
    """The marketer replaces a merge field by one of another type."""
    token = acme.control.token(acme.mailchimp_account)
    url = f"{acme.control.url}/3.0/lists/{acme.audience}/merge-fields"
    headers = {"Authorization": f"Bearer {token}"}
    found = httpx.get(url, headers=headers).json()["merge_fields"]
    city = next(field["merge_id"] for field in found if field["tag"] == "CITY")
    httpx.delete(f"{url}/{city}", headers=headers).raise_for_status()
    acme.control.merge_field(acme.audience, "CITY", "number")
