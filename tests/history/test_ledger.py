"""The ledger of consents: who, when, and on what evidence, for every change of a status on either side."""

from __future__ import annotations

from datetime import datetime

import pytest

from processor.domain.ledger import ConsentEntry, Side, Who, who_said
from processor.store import consents
from tests.whole.world import ACCOUNT, SUBSCRIBED, World, until


def ledger(acme: World, contact_id: str) -> list[ConsentEntry]:
    """The contact's lines, oldest first."""
    with acme.house.store.read() as c:
        return [row.entry for row in reversed(consents.of_contact(c, ACCOUNT, [contact_id], 100))]


def joined(acme: World, name: str) -> str:
    """A contact who agreed on the platform and is in the audience; returns their address."""
    email = f"{name}@maple-street.test"
    acme.put(name, email=email, consent=SUBSCRIBED, fields={"first_name": name.title()})
    until(lambda: len(ledger(acme, name)) == 2)
    until(acme.settled)
    return email


def left(acme: World, name: str) -> bool:
    """Whether the contact counts as somebody who left, and nothing is under way."""
    contact = acme.contact(f"{name}@maple-street.test")
    return contact is not None and contact.consent.status in {"unsubscribed", "cleaned"} and acme.settled()


def test_a_yes_is_written_down_here_and_where_it_was_sent(acme: World) -> None:
    """The platform's word with its evidence, and the status that went up on it."""
    joined(acme, "ann")
    here, there = ledger(acme, "ann")
    assert (here.side, here.before, here.after, here.who) == (Side.HERE, "none", "subscribed", Who.PLATFORM)
    assert (here.at, here.source) == (datetime.fromisoformat(SUBSCRIBED["at"]), "checkout")
    assert (there.side, there.before, there.after) == (Side.THERE, None, "subscribed")
    assert (there.who, there.source, there.connection_id) == (Who.PLATFORM, "checkout", acme.connection_id)
    assert there.address == "ann@maple-street.test"


@pytest.mark.parametrize(
    ("name", "act", "about", "who"),
    [
        ("ben", "unsubscribe", {}, Who.CONTACT),
        ("bob", "unsubscribe", {"by": "admin"}, Who.ADMIN),
        ("cal", "complain", {}, Who.COMPLAINT),
        ("dan", "clean", {}, Who.BOUNCE),
        ("eve", "archive", {"by": "admin"}, Who.ARCHIVE),
    ],
)
def test_who_is_behind_it_is_told_apart(
    acme: World, name: str, act: str, about: dict[str, str], who: Who
) -> None:
    """By the contact, by somebody at the customer's, by a complaint, a bounce, or an archiving."""
    email = joined(acme, name)
    acme.control.act(acme.audience, act, email, **about)
    until(lambda: left(acme, name))
    until(lambda: ledger(acme, name)[-1].who is who)
    lines = ledger(acme, name)[2:]
    assert lines[0].before == "subscribed"
    assert {line.after for line in lines} <= {"unsubscribed", "cleaned"}
    assert all(line.connection_id == acme.connection_id and line.cause["cause"] for line in lines)


def test_an_opt_out_that_we_send_is_nobodys_in_mailchimp(acme: World) -> None:
    """It comes back with "by admin", which is us: the ledger names the platform's act alone."""
    joined(acme, "fay")
    acme.put("fay", consent={"status": "unsubscribed", "at": "2026-05-01T09:00:00+00:00", "source": "shop"})
    until(lambda: len(ledger(acme, "fay")) == 4)
    until(acme.settled)
    lines = ledger(acme, "fay")[2:]
    assert [(line.side, line.before, line.after, line.who) for line in lines] == [
        (Side.HERE, "subscribed", "unsubscribed", Who.PLATFORM),
        (Side.THERE, "subscribed", "unsubscribed", Who.PLATFORM),
    ]


def test_what_mailchimp_does_not_tell_is_not_guessed() -> None:
    """A reason of the webhook that may be anybody's names nobody."""
    assert who_said("checkout") is Who.PLATFORM
    assert who_said("mailchimp:unsubscribed (manual)") is Who.MAILCHIMP
    assert who_said("mailchimp:unsubscribed") is Who.MAILCHIMP
    assert who_said("mailchimp:unsubscribed (Too many messages)") is Who.CONTACT
    assert who_said("mailchimp:cleaned (abuse)") is Who.COMPLAINT
    assert who_said("mailchimp:deleted") is Who.DELETE
