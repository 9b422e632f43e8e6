"""What an operator sees of contacts that fail or are left out."""

from __future__ import annotations

from dataclasses import replace

from processor import contacts
from processor.domain.edit import ContactPatch
from processor.domain.event import Delivery, EventStatus, SkipReason
from processor.domain.plan import MemberState
from processor.kit import utc_now
from processor.seals import token_bind
from processor.store import connections, inbox, members
from processor.store.inbox import Settled
from tests.cli.test_cli import Desk, desk

__all__ = ["desk"]


def refuse(desk: Desk) -> None:
    """Let Mailchimp have refused one contact, and another be left out."""
    contacts.put(desk.house.kit, "acme", "42", ContactPatch(email="jo@example.com"))
    contacts.put(desk.house.kit, "acme", "43", ContactPatch(email="kim@maple-street.test"))
    said = {"reason": "email_fake", "detail": "jo@example.com looks fake", "instance": "c70d656a"}
    with desk.house.store.write() as c:
        known = members.by_contact_ids(c, "con_a", ["42", "43"])
        members.delete_many(c, [row.id for row in known.values()])
        new = [
            members.new_member("con_a", contact_id="42", state=MemberState.FAILING, **said),
            members.new_member("con_a", contact_id="43", state=MemberState.EXCLUDED, reason="no_consent"),
        ]
        members.insert_many(c, new, utc_now())


def states(desk: Desk) -> dict[str, str]:
    """The state of each contact."""
    listed = desk.said("connections", "contacts", "con_a", *(f"--state={s.value}" for s in MemberState))
    return {row["contact"]: row["state"] for row in listed}


def test_a_connection_leads_from_its_number_to_the_people(desk: Desk) -> None:
    """`show` says how it stands and which command lists them; the list says who, why and what to do."""
    assert "connections contacts" not in desk.run("connections", "show", "con_a").output
    refuse(desk)
    shown = desk.run("connections", "show", "con_a").output.splitlines()
    assert shown[0] == "Up to date, with 1 contact that needs a look"
    assert shown[1] == "Nothing is waiting."
    assert shown[2].endswith("bothways connections contacts con_a")
    listed = desk.run("connections", "contacts", "con_a").output
    for said in (
        "42       jo@example.com",
        "Mailchimp takes “jo@example.com” for a made-up address",
        "Mailchimp says: jo@example.com looks fake (number c70d656a)",
        "-> Correct it on your platform",
        "Nobody has recorded when and where they agreed, so they are not added to Mailchimp.",
    ):
        assert said in listed
    (kim,) = desk.said("connections", "contacts", "con_a", "--state", "excluded")
    assert (kim["contact"], kim["address"], kim["reason"]) == ("43", "kim@maple-street.test", "no_consent")


def test_where_nobody_needs_a_look_it_is_said(desk: Desk) -> None:
    """No empty table; an unknown connection has its exit code, a long list says how to go on."""
    assert desk.run("connections", "contacts", "con_a").output == "No contact needs a look.\n"
    assert desk.run("connections", "contacts", "con_nobody").exit_code == 4
    assert desk.run("connections", "retry", "con_nobody").exit_code == 4
    refuse(desk)
    first = desk.run("connections", "contacts", "con_a", "--limit", "1")
    after = first.stderr.split()[-1]
    (rest,) = desk.said("connections", "contacts", "con_a", "--after", after)
    assert rest["contact"] == "43"


def test_retry_tries_those_who_fail_and_nobody_else(desk: Desk) -> None:
    """One by id or all; a connection that is stopped keeps them until it works again."""
    refuse(desk)
    assert desk.run("connections", "retry", "con_a", "43").output == "None of these contacts is failing.\n"
    assert desk.run("connections", "retry", "con_a", "42").output.startswith(
        "1 contact is tried again now. See: bothways connections contacts con_a"
    )
    assert states(desk) == {"42": "waiting", "43": "excluded"}
    assert desk.run("connections", "retry", "con_a").output == "No contact is failing.\n"
    with desk.house.store.write() as c:
        held = members.lock(c, [members.by_contact_ids(c, "con_a", ["42"])["42"].id])
        failing = [replace(row, state=MemberState.FAILING, due_at=None) for row in held.values()]
        members.update_many(c, failing, utc_now())
        connections.update(c, "con_a", utc_now(), state="paused")
    assert "as soon as the connection works again" in desk.run("connections", "retry", "con_a").output


def test_events_name_the_person_and_say_why_nothing_was_needed(desk: Desk) -> None:
    """An address and a sentence, where there was a code."""
    now = utc_now()
    with desk.house.store.write() as c:
        inbox.keep(c, [Delivery("con_a", b"echo", "text/plain", now)])
        (row,) = inbox.claim(c, "con_a", limit=10, now=now, lease_seconds=60, worker="w")
        why = {"why": SkipReason.NOTHING_NEW.value}
        skipped = Settled(
            row.id,
            row.claim,
            EventStatus.SKIPPED,
            type="profile",
            subject="jo@maple-street.test",
            outcome=why,
        )
        inbox.settle(c, [skipped], now)
    listed = desk.run("events", "--status", "skipped").output
    assert "WHO" in listed
    assert "jo@maple-street.test" in listed
    assert "Nothing new: our own change coming back, or known already." in listed
    assert "nothing_new" not in listed


def test_another_audience_is_added_by_a_command(desk: Desk) -> None:
    """It prints the new connection and what to do with it; asked again, it is the same."""
    sealed = desk.house.kit.sealer.seal("a token", token_bind("con_a"))
    with desk.house.store.write() as c:
        connections.update(c, "con_a", utc_now(), token_sealed=sealed)
    made = desk.run("connections", "add", "con_a").output.splitlines()
    assert made[0].startswith("con_")
    assert made[0] != "con_a"
    assert made[1] == f"Choose its audience: bothways connections audiences {made[0]}"
    assert desk.said("connections", "add", "con_a")["id"] == made[0]
