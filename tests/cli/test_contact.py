"""What an operator sees of one contact: how they stand, what happened, how they were, and why."""

from __future__ import annotations

from datetime import timedelta

from processor import contacts
from processor.domain.contact import Consent, ConsentStatus
from processor.domain.edit import ContactPatch
from processor.kit import utc_now
from processor.store import conflicts
from processor.store.conflicts import ConflictRow
from tests.cli.test_cli import Desk, desk

__all__ = ["desk"]

JO = "jo@maple-street.test"


def write(desk: Desk, contact_id: str = "42", account: str = "acme", city: str = "Leeds") -> None:
    """Write a contact, as the platform does."""
    consent = Consent(ConsentStatus.SUBSCRIBED, utc_now() - timedelta(days=1), "checkout")
    patch = ContactPatch(email=JO, fields={"city": city}, consent=consent)
    contacts.put(desk.house.kit, account, contact_id, patch)


def test_a_contact_is_found_by_id_or_address(desk: Desk) -> None:
    """With the sentence that says why it is, or is not, in step, and what happened last."""
    write(desk)
    contacts.put(desk.house.kit, "acme", "42", ContactPatch(fields={"city": "Turku"}))
    shown = desk.run("contact", JO).output
    assert "42 of acme, version 2" in shown
    assert "Nothing differs" in shown or "On its way" in shown or "A change is on its way" in shown
    assert "city: Leeds → Turku" in shown
    told = desk.said("contact", "42", "--account", "acme", "--history")
    assert [one["version"] for one in told["history"]] == [2, 1]
    assert told["consents"][0]["source"] == "checkout"
    assert (
        "on the platform: none → subscribed, by the platform (checkout)"
        in desk.run("contact", JO, "--consent").output
    )


def test_a_contact_is_shown_as_it_was(desk: Desk) -> None:
    """At a time in between; before the first there was none."""
    write(desk)
    between = utc_now().isoformat()
    contacts.put(desk.house.kit, "acme", "42", ContactPatch(fields={"city": "Turku"}))
    assert desk.said("contact", "42", "--account", "acme", "--as-of", between)["contact"]["fields"] == {
        "city": "Leeds"
    }
    gone = desk.run("contact", "42", "--account", "acme", "--as-of", "2020-01-01T00:00:00Z")
    assert (gone.exit_code, "no contact" in gone.output) == (4, True)


def test_a_contact_is_asked_for_as_it_was_by_its_address(desk: Desk) -> None:
    """In an account as well, and after it was deleted: as long as there is a history there is an answer."""
    write(desk)
    between = utc_now().isoformat()
    assert desk.said("contact", JO, "--account", "acme", "--as-of", between)["contact"]["id"] == "42"
    contacts.delete(desk.house.kit, "acme", "42")
    write(desk, "43", city="Oslo")
    for account in ((), ("--account", "acme")):
        assert desk.said("contact", JO, *account, "--as-of", between)["contact"]["id"] == "42"
        now = desk.said("contact", JO, *account, "--as-of", utc_now().isoformat())
        assert now["contact"]["fields"] == {"city": "Oslo"}
        assert desk.run("contact", JO, *account, "--as-of", "2020-01-01").exit_code == 4
    assert "Write the time" in desk.run("contact", JO, "--as-of", "0001-01-01T00:00:00+14:00").output


def test_one_address_in_two_accounts_is_asked_about(desk: Desk) -> None:
    """Nobody is shown for somebody else."""
    write(desk)
    write(desk, "7", "birch")
    asked = desk.run("contact", JO)
    assert asked.exit_code == 1
    assert "42 of acme, 7 of birch" in asked.output
    assert desk.said("contact", JO, "--account", "birch")["contact"]["id"] == "7"
    assert desk.run("contact", "nobody").exit_code == 4


def test_the_ledger_is_printed_as_a_table(desk: Desk) -> None:
    """Whole, for an account that is known."""
    write(desk)
    assert f'"{JO}"' in desk.run("consents", "acme").output
    assert desk.run("consents", "nobody").exit_code == 4


def test_a_conflict_is_decided_the_other_way(desk: Desk) -> None:
    """Both values are listed; the other one is used, once."""
    write(desk)
    with desk.house.store.write() as c:
        conflicts.note(
            c, [ConflictRow("acme", "con_a", "42", "city", "Leeds", "Oslo", "platform", utc_now())]
        )
    (listed,) = desk.said("conflicts", "con_a")
    assert (listed["platform"], listed["mailchimp"], listed["state"]) == ("Leeds", "Oslo", "open")
    for _ in range(2):
        assert "the other value is used" in desk.run("conflicts", "use-other", "con_a", listed["id"]).output
    assert contacts.get(desk.house.kit, "acme", "42").fields["city"] == "Oslo"


def test_a_dry_run_of_the_purge_changes_nothing(desk: Desk) -> None:
    """It says what would go, kind by kind."""
    write(desk)
    rows = desk.said("purge", "--dry-run")
    assert {row["what"]: row["would_go"] for row in rows}["changes"] == 0
    assert "changes: 0 rows thrown away" in desk.run("purge").output
