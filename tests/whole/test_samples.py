"""Every webhook body that Mailchimp is known to send, byte for byte, against the whole product."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from processor.domain.contact import ConsentStatus
from processor.domain.event import EventStatus, EventType
from tests.whole.world import World, until, world

SAMPLES = Path(__file__).parents[2] / ".." / "shared" / "mailchimp" / "webhook-samples"
PERSON = "sample.person@example.net"
LONG_AGO = "2005-01-01T00:00:00+00:00"

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not beside this checkout")


def _send(acme: World, name: str) -> None:
    acme.control.send_raw(acme.audience, (SAMPLES / f"{name}.form").read_bytes())


@contextmanager
def _unheard(acme: World) -> Iterator[None]:
    """What happens inside reaches the platform by the sample only."""
    acme.control.webhooks(drop=1.0)
    yield
    acme.control.settle()
    acme.control.mend()


def _settled_as(acme: World, status: EventStatus, kind: EventType) -> None:
    event = until(lambda: acme.events(status))[0]
    assert event.type == kind
    assert event.code is None


def _member(**more: object) -> dict[str, object]:
    known = {"email_address": PERSON, "last_changed": LONG_AGO}
    return {**known, "status": "subscribed", **more}


def test_subscribe(tmp_path: Path) -> None:
    """A subscriber becomes a contact with what Mailchimp holds of them now."""
    with world(tmp_path, audience_id="8a6d823488") as acme:
        acme.control.put_members(acme.audience, [_member(merge_fields={"FNAME": "Sample"})])
        _send(acme, "subscribe.recorded")
        assert until(lambda: acme.contact(PERSON)).fields["first_name"] == "Sample"
        _settled_as(acme, EventStatus.APPLIED, EventType.SUBSCRIBE)


def test_unsubscribe(tmp_path: Path) -> None:
    """Whoever unsubscribed is taken off."""
    with world(tmp_path, audience_id="f1243a3b12", members=[_member()]) as acme:
        with _unheard(acme):
            acme.control.unsubscribe(acme.audience, PERSON)
        _send(acme, "unsubscribe.recorded-shape")
        until(lambda: acme.contact(PERSON).consent.status is ConsentStatus.UNSUBSCRIBED)
        _settled_as(acme, EventStatus.APPLIED, EventType.UNSUBSCRIBE)


@pytest.mark.parametrize("name", ["profile.documented", "profile-address-set.composite"])
def test_profile(tmp_path: Path, name: str) -> None:
    """An edit arrives, with an address that is a text in one body and a map in the other."""
    with world(tmp_path, audience_id="a6b5da1054", members=[_member(merge_fields={"FNAME": "Old"})]) as acme:
        address = {
            "addr1": "1 High Street",
            "city": "Leeds",
            "state": "WY",
            "zip": "LS1 1AA",
            "country": "GB",
        }
        with _unheard(acme):
            fields = {"FNAME": "Zoë", "ADDRESS": address}
            acme.control.edit(acme.audience, PERSON, merge_fields=fields)
        _send(acme, name)
        until(lambda: acme.contact(PERSON).fields["first_name"] == "Zoë")
        assert acme.contact(PERSON).fields["address"]["city"] == "Leeds"
        _settled_as(acme, EventStatus.APPLIED, EventType.PROFILE)


def test_upemail(tmp_path: Path) -> None:
    """A change of address moves the contact and makes no second one."""
    old, new = "old.person@example.net", "new.person@example.net"
    before = _member(email_address=old)
    with world(tmp_path, audience_id="93ab23d636", members=[before]) as acme:
        first = acme.contact(old)
        acme.control.change_address(acme.audience, old, new)
        _send(acme, "upemail.recorded")
        assert until(lambda: acme.contact(new)).id == first.id
        until(acme.settled)
        kinds = {e.type: e.status for e in acme.events()}
        assert kinds[EventType.UPEMAIL] in {EventStatus.APPLIED, EventStatus.SKIPPED}
        assert not acme.events(EventStatus.DEAD)


def test_cleaned(tmp_path: Path) -> None:
    """A bounced address is written to no more."""
    with world(tmp_path, audience_id="a6b5da1054", members=[_member()]) as acme:
        with _unheard(acme):
            acme.control.clean(acme.audience, PERSON)
        _send(acme, "cleaned.documented")
        until(lambda: acme.contact(PERSON).consent.status is ConsentStatus.CLEANED)
        _settled_as(acme, EventStatus.APPLIED, EventType.CLEANED)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("campaign.documented", EventType.CAMPAIGN),
        ("batch_operation_completed.documented", EventType.BATCH_COMPLETED),
    ],
)
def test_news_about_no_contact_is_skipped(tmp_path: Path, name: str, kind: EventType) -> None:
    """A campaign that was sent, a batch of another app: understood, and nothing to do. Not an error."""
    with world(tmp_path, audience_id="a6b5da1054") as acme:
        _send(acme, name)
        _settled_as(acme, EventStatus.SKIPPED, kind)
