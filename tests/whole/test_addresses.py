"""A changed address is a move, in both directions: nobody is doubled, and nobody is brought back by it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from processor import contacts
from processor.domain.contact import Consent, ConsentStatus
from processor.domain.edit import ContactPatch
from processor.domain.plan import MemberState
from processor.report import members
from tests.whole.world import ACCOUNT, World, until

JO, NEW, KIM = "jo@maple-street.test", "jo@new-street.test", "kim@maple-street.test"
YES = {"status": "subscribed", "at": "2026-01-15T09:00:00+00:00", "source": "checkout"}
NO = {"status": "unsubscribed", "at": "2026-03-01T09:00:00+00:00", "source": "preferences"}


def _add(acme: World, contact_id: str, email: str, **named: Any) -> None:
    acme.put(contact_id, email=email, consent=YES, **named)
    until(lambda: acme.member(email) and acme.settled())


def _addresses(acme: World) -> dict[str, str]:
    """Who is in Mailchimp, and how they stand there."""
    return {email: found["status"] for email, found in acme.control.members(acme.audience).items()}


@pytest.mark.parametrize(
    "new",
    ["Jo@Maple-Street.test", "jo+news@maple-street.test", "jö@maple-street.test", "o'jo@maple-street.test"],
    ids=["case only", "plus", "unicode", "apostrophe"],
)
def test_a_platforms_move_keeps_one_member(acme: World, new: str) -> None:
    """Moved there and back, the member stays the same one, with its history in Mailchimp."""
    _add(acme, "1", JO, fields={"first_name": "Jo"})
    before = acme.member(JO)["contact_id"]
    acme.put("1", email=new)
    until(lambda: acme.settled() and acme.member(new))
    assert list(_addresses(acme)) == [acme.member(new)["email_address"].lower()]
    assert acme.member(new)["contact_id"] == before
    acme.put("1", email=JO)
    until(lambda: acme.settled() and acme.member(JO))
    assert acme.member(JO)["contact_id"] == before
    assert len(acme.contacts()) == len(acme.control.members(acme.audience)) == 1
    acme.control.edit(acme.audience, JO, merge_fields={"FNAME": "Joan"})
    until(lambda: acme.contacts()[0].fields["first_name"] == "Joan")


@pytest.mark.parametrize(
    "new",
    ["Jo@Maple-Street.test", "jo+news@maple-street.test", "jö@maple-street.test"],
    ids=["case only", "plus", "unicode"],
)
def test_a_move_in_mailchimp_keeps_one_contact(acme: World, new: str) -> None:
    """The contact has the new address under its old id, and is written to there."""
    _add(acme, "1", JO)
    acme.control.change_address(acme.audience, JO, new)
    if new.lower() != JO:  # two spellings of one address are one: the platform's own stays
        until(lambda: acme.contact(new))
    acme.put("1", fields={"first_name": "Jo"})
    until(lambda: acme.settled() and (acme.member(new) or {})["merge_fields"]["FNAME"] == "Jo")
    assert [(one.id, one.email.lower()) for one in acme.contacts()] == [("1", new.lower())]
    assert len(acme.control.members(acme.audience)) == 1


def test_a_profile_that_comes_before_its_upemail_makes_no_second_contact(acme: World) -> None:
    """Mailchimp tells of a move twice, in any order: the member's own id says who it is."""
    _add(acme, "1", JO, fields={"first_name": "Jo"})
    acme.control.webhooks(drop=1.0)
    acme.control.change_address(acme.audience, JO, NEW)
    fired = "2026-11-22 12:00:00"
    about = {"data[list_id]": acme.audience, "fired_at": fired}
    profile = {"type": "profile", **about, "data[email]": NEW, "data[merges][EMAIL]": NEW}
    upemail = {"type": "upemail", **about, "data[old_email]": JO, "data[new_email]": NEW}
    acme.control.send_raw(acme.audience, urlencode({**profile, "data[merges][FNAME]": "Jo"}).encode())
    until(lambda: acme.contact(NEW))
    acme.control.send_raw(acme.audience, urlencode(upemail).encode())
    until(lambda: len(acme.events()) >= 2 and acme.settled())
    assert [(one.id, one.email) for one in acme.contacts()] == [("1", NEW)]
    assert _addresses(acme) == {NEW: "subscribed"}


@pytest.mark.parametrize("there", ["unsubscribed", "cleaned", "archived"])
def test_a_move_to_an_address_that_is_there_in_another_status_brings_nobody_back(
    acme: World, there: str
) -> None:
    """Whoever left at the new address stays out, and the old address is not written to as if nothing were."""
    acme.control.subscribe(acme.audience, NEW)
    until(lambda: acme.contact(NEW) and acme.settled())
    _leave(acme, there)
    other = until(
        lambda: (one := acme.contact(NEW)) and one.consent.status is not ConsentStatus.SUBSCRIBED and one
    )
    until(acme.settled)
    _add(acme, "1", JO)
    acme.put("1", email=NEW)
    until(lambda: _state(acme, "1") in {MemberState.FAILING, MemberState.EXCLUDED})
    until(acme.settled)
    assert _addresses(acme)[NEW] == there
    assert {one.id for one in acme.contacts()} == {"1", other.id}


def _state(acme: World, contact_id: str) -> MemberState:
    found = members(acme.kit, acme.connection_id, None).members
    return next(one.state for one in found if one.contact_id == contact_id)


def _leave(acme: World, status: str) -> None:
    if status == "unsubscribed":
        acme.control.unsubscribe(acme.audience, NEW)
    elif status == "cleaned":
        acme.control.clean(acme.audience, NEW)
    else:
        acme.control.archive(acme.audience, NEW)


def test_who_left_and_moves_is_subscribed_nowhere(acme: World) -> None:
    """Mailchimp moves subscribed members only: the old one stays out, and nobody is added at the new one."""
    _add(acme, "1", JO)
    acme.put("1", consent=NO)
    until(lambda: acme.settled() and acme.member(JO)["status"] == "unsubscribed")
    acme.put("1", email=NEW)
    until(acme.settled)
    assert _addresses(acme) == {JO: "unsubscribed"}
    assert acme.contact(NEW).consent.status is ConsentStatus.UNSUBSCRIBED


def test_two_people_swap_their_addresses_in_mailchimp(acme: World) -> None:
    """By way of a third address, as Mailchimp needs it, and with webhooks out of order: each contact
    keeps its id and its name, and has the other's address."""
    _add(acme, "1", JO, fields={"first_name": "Jo"})
    _add(acme, "2", KIM, fields={"first_name": "Kim"})
    acme.control.webhooks(reorder=0.5, reorder_seconds=0.3, repeat=0.3)
    for old, new in ((JO, NEW), (KIM, JO), (NEW, KIM)):
        acme.control.change_address(acme.audience, old, new)
    until(lambda: (one := acme.contact(KIM)) and one.id == "1" and acme.settled(), 30)
    assert {one.id: (one.email, one.fields["first_name"]) for one in acme.contacts()} == {
        "1": (KIM, "Jo"),
        "2": (JO, "Kim"),
    }
    names = {
        m["email_address"]: m["merge_fields"]["FNAME"] for m in acme.control.members(acme.audience).values()
    }
    assert names == {KIM: "Jo", JO: "Kim"}


def test_everybody_of_a_file_that_was_off_by_a_line_moves_one_on(acme: World) -> None:
    """Each address is left just before the next one comes to it: nobody is taken for stuck, or doubled."""
    street = [f"p{n}@maple-street.test" for n in range(9)]
    people = {f"c{n}": street[n + 1] for n in range(8)}
    contacts.put_many(acme.kit, ACCOUNT, {i: _patch(i, e) for i, e in people.items()})
    until(lambda: len(_addresses(acme)) == 8 and acme.settled())
    ids = {name: contact_id for contact_id, name in _ids(acme).items()}
    moved = {i: _patch(i, street[n]) for n, i in enumerate(people)}
    contacts.put_many(acme.kit, ACCOUNT, dict(reversed(moved.items())))
    until(lambda: _addresses(acme) == dict.fromkeys(street[:8], "subscribed") and acme.settled())
    assert {name: contact_id for contact_id, name in _ids(acme).items()} == ids
    assert {m["merge_fields"]["FNAME"]: a for a, m in acme.control.members(acme.audience).items()} == {
        f"c{n}": street[n] for n in range(8)
    }


def _patch(name: str, email: str) -> ContactPatch:
    consent = Consent(ConsentStatus.SUBSCRIBED, datetime.fromisoformat(YES["at"]), YES["source"])
    return ContactPatch(email=email, fields={"first_name": name}, consent=consent)


def _ids(acme: World) -> dict[str, str]:
    """Mailchimp's own ids, which stay over a move, with the names of those who have them."""
    members = acme.control.members(acme.audience).values()
    return {m["contact_id"]: m["merge_fields"]["FNAME"] for m in members}


@pytest.mark.parametrize("how", ["moved here", "moved there", "deleted here"])
def test_whoever_waits_for_an_address_has_it_as_soon_as_it_is_left(acme: World, how: str) -> None:
    """The customer does what they were told, gives the other contact another address or deletes it; and
    nothing stays subscribed at the address that was left."""
    _add(acme, "1", JO, fields={"first_name": "Jo"})
    _add(acme, "2", KIM)
    acme.put("1", email=KIM)
    until(lambda: _state(acme, "1") is MemberState.FAILING and acme.settled())
    if how == "moved here":
        acme.put("2", email=NEW)
    elif how == "moved there":
        acme.control.change_address(acme.audience, KIM, NEW)
    else:
        contacts.delete(acme.kit, ACCOUNT, "2")
    until(lambda: (one := acme.member(KIM)) and one["merge_fields"]["FNAME"] == "Jo")
    until(lambda: _addresses(acme).get(JO, "archived") == "archived" and acme.settled())
    until(lambda: _state(acme, "1") is MemberState.IN_SYNC)
    assert len(acme.contacts()) == (1 if how == "deleted here" else 2)


def test_nothing_stays_subscribed_at_the_old_address_of_who_meets_a_stranger_at_the_new_one(
    acme: World,
) -> None:
    """Mailchimp moves nobody to an address that it has: the contact goes on with the member there."""
    _add(acme, "1", JO)
    acme.control.webhooks(drop=1.0)
    acme.control.subscribe(acme.audience, NEW)
    acme.put("1", email=NEW)
    until(lambda: _addresses(acme) == {JO: "archived", NEW: "subscribed"})
    until(acme.settled)
    assert [(one.id, one.email) for one in acme.contacts()] == [("1", NEW)]


def test_who_was_archived_keeps_nobody_from_the_address_that_they_had(acme: World) -> None:
    """Two swap addresses, and one of them was archived: both stay out, and nothing asks for a decision."""
    _add(acme, "1", JO)
    _add(acme, "2", KIM)
    acme.control.archive(acme.audience, KIM)
    until(lambda: acme.contact(KIM).consent.status is ConsentStatus.UNSUBSCRIBED and acme.settled())
    contacts.put_many(acme.kit, ACCOUNT, {"1": ContactPatch(email=KIM), "2": ContactPatch(email=JO)})
    until(lambda: _addresses(acme) == {JO: "unsubscribed", KIM: "archived"} and acme.settled())
    until(lambda: (_state(acme, "1"), _state(acme, "2")) == (MemberState.EXCLUDED, MemberState.IN_SYNC))
