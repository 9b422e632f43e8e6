"""Whom Mailchimp refuses and who is left out is told by name and in words, and comes along once corrected."""

from __future__ import annotations

import pytest

from processor import contacts, report, retry_members
from processor.domain.plan import MemberState
from processor.errors import NotFound
from processor.report import MemberReport
from tests.whole.world import ACCOUNT, SUBSCRIBED, World, until

JO = "jo@maple-street.test"


def told(acme: World, *states: MemberState) -> dict[str, MemberReport]:
    """The contacts of the connection in these states, by id."""
    page = report.members(acme.kit, acme.connection_id, ACCOUNT, states=states or None)
    return {found.contact_id or "": found for found in page.members}


def are(acme: World, state: MemberState, *contact_ids: str) -> bool:
    """Whether just these contacts are in this state, and nothing is under way."""
    return acme.settled() and told(acme, state).keys() == set(contact_ids)


def test_refused_contacts_are_told_in_words_and_come_along_once_corrected(acme: World) -> None:
    """An address that looks made up, and one that somebody else has: each says why, and a correction on the
    platform is enough."""
    acme.put("1", email=JO, fields={"first_name": "Jo"}, consent=SUBSCRIBED)
    until(lambda: are(acme, MemberState.IN_SYNC, "1"))
    acme.put("2", email="someone@example.com", fields={"first_name": "Sam"}, consent=SUBSCRIBED)
    acme.put("3", email=JO, fields={"first_name": "Joanna"}, consent=SUBSCRIBED)
    acme.put("4", email="kim@maple-street.test")
    until(lambda: are(acme, MemberState.FAILING, "2", "3") and are(acme, MemberState.EXCLUDED, "4"))
    failing = told(acme, MemberState.FAILING)
    assert (failing["2"].email, failing["2"].reason) == ("someone@example.com", "email_fake")
    assert "“someone@example.com”" in failing["2"].words.happened
    assert "looks fake" in (failing["2"].detail or "")
    assert failing["2"].next_try_at is None
    assert (failing["3"].email, failing["3"].reason) == (JO, "email_taken")
    assert failing["3"].words.happened.startswith(f"{JO} belongs to another member of News")
    assert failing["3"].words.happened.endswith("Nothing was changed for Joanna.")
    left_out = told(acme, MemberState.EXCLUDED)["4"]
    assert left_out.words.happened.startswith("Nobody has recorded when and where they agreed")
    acme.put("2", email="sam@maple-street.test")
    acme.put("3", email="joanna@maple-street.test")
    acme.put("4", consent=SUBSCRIBED)
    until(lambda: are(acme, MemberState.IN_SYNC, "1", "2", "3", "4"))
    names = {"jo", "sam", "joanna", "kim"}
    assert all(acme.member(f"{name}@maple-street.test")["status"] == "subscribed" for name in names)


def test_a_retry_tries_the_refused_version_again(acme: World) -> None:
    """The cause was put right in Mailchimp: nothing changes here, so a person says when. What is still
    refused fails again, with its reason."""
    refusal = {
        "title": "Invalid Resource",
        "detail": "The moon is full.",
        "path": "/lists/*",
        "method": "POST",
    }
    acme.control.fail(400, **refusal)
    acme.put("1", email=JO, consent=SUBSCRIBED)
    acme.put("2", email="someone@example.com", consent=SUBSCRIBED)
    until(lambda: are(acme, MemberState.FAILING, "1", "2"))
    assert "“The moon is full.”" in told(acme)["1"].words.happened
    assert retry_members.retry(acme.kit, acme.connection_id, ACCOUNT) == 2
    until(lambda: are(acme, MemberState.FAILING, "1", "2"))
    acme.control.mend()
    assert retry_members.retry(acme.kit, acme.connection_id, ACCOUNT, contact_ids=["1", "2"]) == 2
    until(lambda: are(acme, MemberState.IN_SYNC, "1"))
    assert acme.member(JO)["status"] == "subscribed"
    until(lambda: are(acme, MemberState.FAILING, "2"))
    assert told(acme)["2"].reason == "email_fake"
    assert retry_members.retry(acme.kit, acme.connection_id, ACCOUNT, contact_ids=["1"]) == 0


def test_a_contact_that_was_deleted_is_not_left_failing(acme: World) -> None:
    """Nobody is asked to correct somebody who is gone."""
    acme.put("2", email="someone@example.com", consent=SUBSCRIBED)
    until(lambda: are(acme, MemberState.FAILING, "2"))
    contacts.delete(acme.kit, ACCOUNT, "2")
    until(lambda: are(acme, MemberState.FAILING))


def test_another_accounts_connection_is_not_found(acme: World) -> None:
    """Neither its list nor its retry."""
    with pytest.raises(NotFound):
        report.members(acme.kit, acme.connection_id, "birch")
    with pytest.raises(NotFound):
        retry_members.retry(acme.kit, acme.connection_id, "birch")
