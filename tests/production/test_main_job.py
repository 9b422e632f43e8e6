"""Separate processes, as the Procfile starts them, do the main job both ways."""

from __future__ import annotations

import pytest

from processor.domain.contact import ConsentStatus
from tests.production.installation import Installation
from tests.whole.world import SUBSCRIBED, until

pytestmark = [pytest.mark.services]

JO = "jo@maple-street.test"
NEW = "joanna@maple-street.test"


def test_what_happens_in_mailchimp_arrives_on_the_platform(acme: Installation) -> None:
    """Subscribed, edited, moved, unsubscribed: through any web process, by any worker process."""
    acme.control.subscribe(acme.audience, JO, merge_fields={"FNAME": "Jo", "CITY": "Leeds"})
    first = until(lambda: acme.contacts().get(JO))
    assert first.fields["city"] == "Leeds"
    acme.control.edit(acme.audience, JO, merge_fields={"FNAME": "Joanna"})
    until(lambda: acme.contacts()[JO].fields["first_name"] == "Joanna")
    acme.control.change_address(acme.audience, JO, NEW)
    assert until(lambda: acme.contacts().get(NEW)).id == first.id
    acme.control.unsubscribe(acme.audience, NEW)
    until(lambda: acme.contacts()[NEW].consent.status is ConsentStatus.UNSUBSCRIBED)
    assert list(acme.contacts()) == [NEW]


def test_what_happens_on_the_platform_arrives_in_mailchimp(acme: Installation) -> None:
    """Added, edited, moved, unsubscribed through the REST API: the audience's member follows."""
    acme.put("1", email=JO, fields={"first_name": "Jo"}, consent=SUBSCRIBED)
    until(lambda: (m := acme.member(JO)) and m["status"] == "subscribed")
    acme.put("1", fields={"first_name": "Joanna"})
    until(lambda: acme.member(JO)["merge_fields"]["FNAME"] == "Joanna")
    acme.put("1", email=NEW)
    until(lambda: acme.member(NEW))
    assert acme.member(JO) is None
    acme.put("1", consent={"status": "unsubscribed"})
    until(lambda: acme.member(NEW)["status"] == "unsubscribed")
    until(acme.is_settled)
    assert len(acme.control.members(acme.audience)) == 1
