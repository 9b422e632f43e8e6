"""A contact's page in the portal: why they are, or are not, in step, what happened, and what to decide."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from processor import contacts
from processor.domain.contact import Consent, ConsentStatus
from processor.domain.edit import ContactPatch
from processor.domain.plan import MemberState
from processor.kit import utc_now
from processor.store import conflicts, members
from processor.store.conflicts import ConflictRow
from tests.web.browser import Person, form_with, text_of, title_of
from tests.web.house import ACME, BIRCH, Place, make_connection, stand

JO = "gid://shop/7"
EMAIL = "jo@maple-street.test"


class Visitor(Person):
    """Somebody in the portal, of a connection that works."""

    def __init__(self, place: Place) -> None:
        super().__init__(place.kit, place.url)
        made = {"state": "in_sync", "audience_id": "a1", "audience_name": "News"}
        self.connection_id = make_connection(place.house, **made)
        self.here = f"/portal/connections/{self.connection_id}"
        consent = Consent(ConsentStatus.SUBSCRIBED, utc_now(), "checkout")
        patch = ContactPatch(email=EMAIL, fields={"city": "<b>Leeds</b>"}, consent=consent)
        contacts.put(place.kit, ACME, JO, patch, "key:key_a")
        contacts.put(place.kit, ACME, JO, ContactPatch(fields={"city": "Turku"}), "key:key_a")


@pytest.fixture
def visitor(place: Place) -> Iterator[Visitor]:
    """The customer, inside."""
    made = Visitor(place)
    made.enters()
    yield made
    made.close()


def test_the_list_leads_to_the_contact_and_it_says_why(visitor: Visitor, place: Place) -> None:
    """One sentence, what happened with values before and after, and the evidence for the consent."""
    said = {"state": MemberState.FAILING, "reason": "email_fake", "detail": "looks fake"}
    with place.house.store.write() as c:
        found = members.by_contact_ids(c, visitor.connection_id, [JO])
        members.delete_many(c, [row.id for row in found.values()])
    stand(place.house, visitor.connection_id, JO, **said)
    listed = visitor.gets(visitor.here + "/contacts")
    link = listed.text.partition("/contact?id=")[2].partition('"')[0]
    page = visitor.gets(f"{visitor.here}/contact?id={link}")
    assert title_of(page) == EMAIL
    text = text_of(page)
    assert "News: Mailchimp takes “jo@maple-street.test” for a made-up address" in text
    assert "Changed on your platform (your platform told us)" in text
    assert "city: <b>Leeds</b> → Turku" in text
    assert "<b>Leeds" not in page.text
    assert "none → subscribed on the platform, by the platform (checkout)" in text
    table = visitor.gets(f"{visitor.here}/contact/consents.csv?id={link}")
    assert '"checkout"' in table.text


def test_the_other_value_is_one_button_away(visitor: Visitor, place: Place) -> None:
    """On the contact's page and on the list; afterwards it says that it is used."""
    row = ConflictRow(ACME, visitor.connection_id, JO, "city", "Turku", "Oslo", "platform", utc_now())
    with place.house.store.write() as c:
        conflicts.note(c, [row])
    listed = visitor.gets(visitor.here + "/conflicts")
    assert "“Turku” on the platform, “Oslo” in Mailchimp" in text_of(listed)
    page = visitor.presses(listed, "Use the other value: Oslo")
    assert "The other value is used now" in text_of(page)
    assert contacts.get(place.kit, ACME, JO).fields["city"] == "Oslo"
    assert "Use the other value" not in visitor.gets(visitor.here + "/conflicts").text
    # The old page, still open in another tab.
    again = visitor.presses(listed, "Use the other value: Oslo")
    assert "The other value is used now" in text_of(again)
    assert form_with(listed, "Use the other value: Oslo")


def test_nobody_elses_contact_is_shown(visitor: Visitor, place: Place) -> None:
    """Neither that of another account, nor one that never was."""
    contacts.put(place.kit, BIRCH, "kim", ContactPatch(email="kim@maple-street.test"))
    for one in ("kim", "nobody", ""):
        assert visitor.gets(f"{visitor.here}/contact?id={one}").status_code == 404
        assert visitor.gets(f"{visitor.here}/contact/consents.csv?id={one}").status_code == 404
