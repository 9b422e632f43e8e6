"""Somebody left, and things go wrong meanwhile: they stay out."""

from __future__ import annotations

from processor import contacts
from processor.domain.contact import ConsentStatus
from processor.domain.plan import MemberState
from processor.store import members
from processor.sweep import sweep
from tests.whole.world import ACCOUNT, SUBSCRIBED, World, until

JO = "jo@maple-street.test"
KIM = "kim@maple-street.test"
UNSUBSCRIBED = {"status": "unsubscribed"}


def _failing(acme: World) -> list[str]:
    with acme.house.store.read() as c:
        rows = members.find(c, acme.connection_id, limit=50, states=[MemberState.FAILING])
    return [row.reason or "" for row in rows]


def _attempts(acme: World) -> list[int]:
    with acme.house.store.read() as c:
        return [row.attempts for row in members.find(c, acme.connection_id, limit=50)]


def test_an_opt_out_outlasts_any_outage(acme: World) -> None:
    """Mailchimp is away for longer than an event is tried; once it is back, the opt-out arrives, and so do
    the other changes, without a person's help."""
    acme.put("1", email=JO, consent=SUBSCRIBED)
    until(lambda: acme.member(JO))
    acme.control.fail(503)
    acme.put("1", consent=UNSUBSCRIBED)
    acme.put("3", email=KIM, consent=SUBSCRIBED)
    tries = acme.kit.settings.event_attempts + 2
    until(lambda: all(n >= tries for n in _attempts(acme)))
    assert _failing(acme) == []
    acme.control.mend()
    until(lambda: acme.member(JO)["status"] == "unsubscribed")
    until(lambda: acme.member(KIM))


def test_a_field_that_is_refused_does_not_hold_an_opt_out_back(acme: World) -> None:
    """The opt-out goes by itself, before the fields; the refused value is told as such."""
    acme.put("1", email=JO, fields={"first_name": "Jo"}, consent=SUBSCRIBED)
    until(lambda: acme.member(JO))
    acme.put("1", fields={"phone": "x" * 500}, consent=UNSUBSCRIBED)
    until(lambda: acme.member(JO)["status"] == "unsubscribed")


def test_the_next_owner_of_an_address_does_not_take_over_the_contact(acme: World) -> None:
    """One moves on unheard, another signs up with the address: they are two, each with their own data, and
    sweeps go on."""
    acme.put("1", email=JO, fields={"first_name": "One"}, consent=SUBSCRIBED)
    until(lambda: acme.member(JO))
    acme.control.settle()
    until(acme.settled)
    sweep(acme.kit, acme.connection_id, full=True)
    acme.control.webhooks(drop=1.0)
    acme.control.change_address(acme.audience, JO, KIM)
    acme.control.mend()
    acme.control.subscribe(acme.audience, JO, merge_fields={"FNAME": "Stranger"})
    until(lambda: (found := acme.contact(KIM)) and found.id == "1")
    until(acme.settled)
    assert acme.contact(KIM).fields["first_name"] == "One"
    assert acme.contact(KIM).consent.status is ConsentStatus.SUBSCRIBED
    assert acme.contact(JO).fields["first_name"] == "Stranger"
    assert acme.contact(JO).id != "1"
    assert sweep(acme.kit, acme.connection_id, full=True) is not None


def test_an_opt_out_stays_with_a_contact_that_is_made_again(acme: World) -> None:
    """Deleted and made anew under the same id with the old consent: they stay out."""
    acme.put("1", email=JO, consent=SUBSCRIBED)
    until(lambda: acme.member(JO))
    acme.put("1", consent=UNSUBSCRIBED)
    until(lambda: acme.member(JO)["status"] == "unsubscribed")
    contacts.delete(acme.kit, ACCOUNT, "1")
    until(acme.settled)
    acme.put("1", email=JO, consent=SUBSCRIBED)
    until(acme.settled)
    assert acme.contact(JO).consent.status is ConsentStatus.UNSUBSCRIBED
    assert acme.member(JO)["status"] == "unsubscribed"


def test_an_opt_out_is_the_persons_not_the_ids(acme: World) -> None:
    """A second contact with the address of somebody who left is not subscribed on an older yes."""
    acme.put("1", email=JO)
    acme.put("1", consent=UNSUBSCRIBED)
    written = acme.put("2", email=JO, consent=SUBSCRIBED)
    assert written.consent.status is ConsentStatus.UNSUBSCRIBED
    until(acme.settled)
    assert acme.member(JO) is None
