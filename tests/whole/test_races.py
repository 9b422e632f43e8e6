"""Two ways in at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from processor import bootstrap, contacts
from processor.bootstrap import House
from processor.config import Settings
from processor.converge import Cause, Sighting, Verdict, converge
from processor.domain.connection import ConnectionState
from processor.domain.contact import Consent, ConsentStatus, Member, MemberStatus, subscriber_hash
from processor.domain.edit import ContactPatch
from processor.kit import utc_now
from processor.store import accounts, connections, members
from processor.store import contacts as stored
from processor.store.connections import ConnectionRow
from tests.ready import make_ready

JO = "jo@maple-street.test"
AGREED = Consent(ConsentStatus.SUBSCRIBED, datetime.fromisoformat("2026-01-15T09:00:00+00:00"), "checkout")
CAUSE = Cause("webhook")
NOON = datetime.fromisoformat("2026-05-01T12:00:00+00:00")


@dataclass
class Still:
    """A connection in which nobody works, so that a test says what happens when."""

    house: House
    connection: ConnectionRow

    def contacts(self) -> int:
        with self.house.store.read() as c:
            return stored.count(c, "acme")


@pytest.fixture
def still(tmp_path: Path) -> Iterator[Still]:
    """An installation without workers."""
    settings = Settings(
        data_dir=tmp_path,
        secret_key="a secret key that is long enough for tests",
        push_wait_seconds=0,
    )
    make_ready(settings.database)
    house = bootstrap.build(settings)
    with house.store.write() as c:
        accounts.ensure(c, "acme", utc_now())
        connections.create(
            c,
            "con_a",
            "acme",
            utc_now(),
            state=ConnectionState.IN_SYNC,
            mailchimp_account="1",
            account_name="Acme",
            login_name="jo",
            role="admin",
            dc="us1",
            api_base="http://127.0.0.1:1",
            token_sealed=None,
        )
        connections.update(c, "con_a", utc_now(), audience_id="a6b5da1054")
        connection = connections.get(c, "con_a")
    assert connection is not None
    yield Still(house, connection)
    house.close()


def _member(email: str, contact_id: str | None = "c" * 32, **more: object) -> Member:
    made = {
        "status": MemberStatus.SUBSCRIBED,
        "last_changed": datetime.fromisoformat("2026-05-01T12:00:00+00:00"),
    }
    return Member(subscriber_hash(email), email, contact_id=contact_id, **{**made, **more})


def test_the_webhook_of_a_member_just_added_may_come_before_the_answer(still: Still) -> None:
    """A push has sent a new member; its webhook is seen first. It is that contact's, not a second one's."""
    kit = still.house.kit
    contacts.put(kit, "acme", "1", ContactPatch(email=JO, consent=AGREED))
    with kit.store.write() as c:
        row = members.claim_due(c, "con_a", limit=1, now=kit.now(), lease_seconds=60, worker=kit.worker)[0]
    heard = converge(kit, still.connection, [Sighting(JO, _member(JO))], CAUSE)[0]
    assert heard.row.id == row.id
    answer = Sighting(None, _member(JO, None), row.id, sure=True)
    answered = converge(kit, still.connection, [answer], CAUSE, claims={row.id: row.claim})[0]
    assert answered.verdict is not Verdict.TAKEN
    assert still.contacts() == 1


def test_two_contacts_of_one_address_stay_two_and_one_is_told(still: Still) -> None:
    """The second contact that looks its address up finds the first one's member, and leaves it alone."""
    kit = still.house.kit
    for contact_id in ("1", "2"):
        contacts.put(kit, "acme", contact_id, ContactPatch(email=JO, consent=AGREED))
    with kit.store.read() as c:
        rows = members.by_contact_ids(c, "con_a", ["1", "2"])
    seen = [Sighting(JO, _member(JO), rows[i].id) for i in ("1", "2")]
    first, second = (converge(kit, still.connection, [s], CAUSE)[0] for s in seen)
    assert first.verdict is Verdict.CHANGED
    assert second.verdict is Verdict.TAKEN


def test_an_older_view_changes_nothing(still: Still) -> None:
    """Two workers looked one after the other; the first look is carried in last, and is passed over."""
    kit = still.house.kit
    newer = _member(JO, tags=frozenset({"new"}))
    older = _member(JO, tags=frozenset({"old"}), last_changed=NOON - timedelta(seconds=1))
    converge(kit, still.connection, [Sighting(JO, newer)], CAUSE)
    assert converge(kit, still.connection, [Sighting(JO, older)], CAUSE)[0].verdict is Verdict.STALE
    twin = _member(JO, tags=frozenset({"other"}))
    assert converge(kit, still.connection, [Sighting(JO, twin)], CAUSE)[0].verdict is Verdict.AGAIN
    sure = Sighting(JO, twin, sure=True)
    assert converge(kit, still.connection, [sure], CAUSE)[0].verdict is Verdict.CHANGED


def test_a_member_known_without_a_contact_is_adopted_by_the_contact_that_comes(still: Still) -> None:
    """Somebody archived long ago is known; when the platform adds them, they are not added again."""
    kit = still.house.kit
    archived = _member(JO, status=MemberStatus.ARCHIVED)
    converge(kit, still.connection, [Sighting(JO, archived)], CAUSE)
    assert still.contacts() == 0
    contacts.put(kit, "acme", "1", ContactPatch(email=JO, consent=AGREED))
    with kit.store.read() as c:
        row = members.by_contact_ids(c, "con_a", ["1"])["1"]
    met = converge(kit, still.connection, [Sighting(JO, archived, row.id)], CAUSE)[0]
    assert met.plan.up.create is None
    with kit.store.read() as c:
        assert len(members.by_views(c, "con_a", email_keys=[JO])) == 1
