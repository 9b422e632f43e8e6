"""What the platform's own writes do to its contacts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from processor.domain.contact import Consent, ConsentStatus, Contact
from processor.domain.edit import ContactPatch, edit
from processor.errors import Invalid

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
BEFORE, LATER = NOW - timedelta(days=2), NOW - timedelta(days=1)
JO = Contact("acme", "1", "jo@maple-street.test", {"city": "Leeds"}, frozenset({"vip"}), version=3)


def _left(status: ConsentStatus = ConsentStatus.UNSUBSCRIBED) -> Contact:
    return Contact(
        "acme", "1", "jo@maple-street.test", consent=Consent(status, BEFORE, "mailchimp:x"), version=3
    )


def _yes(at: datetime | None, source: str | None = "checkout") -> ContactPatch:
    return ContactPatch(consent=Consent(ConsentStatus.SUBSCRIBED, at, source))


def test_what_is_named_is_set_null_clears_and_the_rest_stays() -> None:
    """As Mailchimp does it, so that a platform may send what it has at hand."""
    done = edit(JO, ContactPatch(fields={"name": "Jo", "city": None}), NOW)
    assert done.contact.fields == {"name": "Jo", "city": None}
    assert done.contact.tags == {"vip"}
    assert done.contact.version == 4
    assert done.what == {"fields.city": ("Leeds", None), "fields.name": (None, "Jo")}


def test_the_second_time_changes_nothing() -> None:
    """A repeated call is no change, and makes no version."""
    patch = ContactPatch(fields={"name": "Jo"}, tags=frozenset({"new"}))
    once = edit(JO, patch, NOW).contact
    again = edit(once, patch, NOW)
    assert again.contact == once
    assert not again.what


def test_an_older_version_changes_nothing_and_says_so() -> None:
    """A late call must not undo what came after it."""
    done = edit(JO, ContactPatch(fields={"city": "Graz"}, version=2), NOW)
    assert done.stale
    assert done.contact == JO
    assert edit(JO, ContactPatch(fields={"city": "Graz"}, version=3), NOW).contact.version == 4


def test_another_spelling_of_the_address_is_no_change() -> None:
    """Mailchimp knows addresses by their lower case."""
    assert not edit(JO, ContactPatch(email="JO@maple-street.test"), NOW).what


@pytest.mark.parametrize("email", ["jo", "jo @maple-street.test", "jo@maple\0.test"])
def test_what_is_no_address_is_refused(email: str) -> None:
    """With the value and what it lacks."""
    with pytest.raises(Invalid, match="is not an e-mail address"):
        edit(JO, ContactPatch(email=email), NOW)


@pytest.mark.parametrize("status", [ConsentStatus.UNSUBSCRIBED, ConsentStatus.CLEANED])
def test_nobody_who_left_is_subscribed_without_evidence(status: ConsentStatus) -> None:
    """When and where they agreed must be said; half of it is not enough."""
    for patch in (_yes(None), _yes(LATER, None)):
        with pytest.raises(Invalid, match="has left"):
            edit(_left(status), patch, NOW)


def test_a_yes_from_before_they_left_is_kept_back() -> None:
    """An old consent sent once more is no new act."""
    done = edit(_left(), _yes(BEFORE - timedelta(hours=1)), NOW)
    assert done.contact.consent.status is ConsentStatus.UNSUBSCRIBED
    assert done.notes
    assert edit(_left(), _yes(LATER), NOW).contact.consent.status is ConsentStatus.SUBSCRIBED


def test_leaving_needs_no_evidence() -> None:
    """A no counts at once, dated now where nothing else is known."""
    done = edit(JO, ContactPatch(consent=Consent(ConsentStatus.UNSUBSCRIBED)), NOW)
    assert done.contact.consent == Consent(ConsentStatus.UNSUBSCRIBED, NOW, "platform")


def test_a_no_from_before_a_proven_yes_is_kept_back() -> None:
    """The person came back after it; without proof of that they would stay out."""
    here = Contact("acme", "1", None, consent=Consent(ConsentStatus.SUBSCRIBED, LATER, "checkout"), version=1)
    late = ContactPatch(consent=Consent(ConsentStatus.UNSUBSCRIBED, BEFORE, "import"))
    assert edit(here, late, NOW).contact.consent.status is ConsentStatus.SUBSCRIBED
    unproven = Contact("acme", "1", None, consent=Consent(ConsentStatus.SUBSCRIBED, LATER), version=1)
    assert edit(unproven, late, NOW).contact.consent.status is ConsentStatus.UNSUBSCRIBED


def test_a_consent_of_the_future_is_refused() -> None:
    """Nothing later could outdo it; a clock that is minutes ahead is no reason to refuse."""
    with pytest.raises(Invalid, match="lies in the future"):
        edit(_left(), _yes(NOW + timedelta(days=400)), NOW)
    soon = _yes(NOW + timedelta(minutes=2))
    once = edit(_left(), soon, NOW).contact
    assert once.consent.status is ConsentStatus.SUBSCRIBED
    assert not edit(once, soon, NOW + timedelta(seconds=30)).what


def test_a_no_outdoes_what_only_mailchimps_record_says() -> None:
    """Its time is that of the last change of whatever kind, so it cannot show that they came back."""
    here = Contact(
        "acme", "1", None, consent=Consent(ConsentStatus.SUBSCRIBED, LATER, "mailchimp:subscribed"), version=1
    )
    late = ContactPatch(consent=Consent(ConsentStatus.UNSUBSCRIBED, BEFORE, "account settings"))
    assert edit(here, late, NOW).contact.consent.status is ConsentStatus.UNSUBSCRIBED


def test_a_new_address_no_longer_bounces_and_is_not_subscribed_either() -> None:
    """What bounced was the old address; whether the new one may be written to must be said."""
    done = edit(_left(ConsentStatus.CLEANED), ContactPatch(email="new@maple-street.test"), NOW)
    assert done.contact.consent.status is ConsentStatus.NONE
    kept = edit(_left(), ContactPatch(email="new@maple-street.test"), NOW)
    assert kept.contact.consent.status is ConsentStatus.UNSUBSCRIBED


def test_an_empty_write_makes_a_new_contact_and_changes_an_old_one_not() -> None:
    """Also one that takes the place of a deleted one, whose versions go on."""
    gone = Contact("acme", "1", None, version=7)
    made = edit(gone, ContactPatch(), NOW, is_new=True)
    assert made.created
    assert made.contact.version == 8
    assert edit(JO, ContactPatch(), NOW).contact is JO


def test_an_older_no_does_not_take_the_place_of_a_later_one() -> None:
    """Sent late, it would let a yes from in between count."""
    older = Consent(ConsentStatus.UNSUBSCRIBED, BEFORE - timedelta(days=3), "import")
    done = edit(_left(), ContactPatch(consent=older), NOW)
    assert done.contact.consent.at == BEFORE
    assert done.notes


def test_a_bounce_does_not_take_the_place_of_an_opt_out() -> None:
    """A bounce is about an address, an opt-out about the person: it goes along to a new address."""
    bounced = edit(_left(), ContactPatch(consent=Consent(ConsentStatus.CLEANED, LATER, "mta")), NOW).contact
    assert (bounced.consent.status, bounced.consent.at) == (ConsentStatus.UNSUBSCRIBED, LATER)
    moved = edit(bounced, ContactPatch(email="new@maple-street.test"), NOW).contact
    assert moved.consent.status is ConsentStatus.UNSUBSCRIBED
