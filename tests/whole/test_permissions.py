"""Marketing permissions and SMS: read, told, and carried as far as Mailchimp's API allows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from processor import erase, install, permissions, report
from processor.domain.contact import ConsentStatus
from processor.domain.ledger import Side, Who
from processor.domain.plan import MemberState
from processor.errors import Conflict, Invalid, NotFound
from processor.permissions import Said
from processor.store import connections, consents, members
from processor.sweep import sweep
from tests.whole.world import ACCOUNT, SUBSCRIBED, World, begin, prepared, until

JO = "jo@maple-street.test"
GIVEN_AT = datetime(2026, 3, 1, 9, tzinfo=UTC)


class Europe:
    """An audience with marketing permissions, in step, with Jo in it."""

    def __init__(self, acme: World) -> None:
        self.acme = acme
        self.audience = acme.control.audience(acme.mailchimp_account, "Europe", marketing_permissions=True)
        self.email, self.mail, self.ads = self.audience.marketing_permissions

    def start(self, *, with_members: list[dict[str, Any]] | None = None) -> Europe:
        self.acme.control.put_members(self.audience.id, with_members or [])
        begin(self.acme.house, self.acme.connection_id, self.audience.id)
        until(lambda: self.acme.state() == "in_sync")
        self.acme.put("1", email=JO, fields={"first_name": "Jo"}, consent=SUBSCRIBED)
        until(lambda: self.member and self.standing().theirs)
        until(self.acme.settled)
        return self

    @property
    def member(self) -> dict[str, Any] | None:
        return self.acme.control.member(self.audience.id, JO)

    @property
    def given(self) -> list[str]:
        """Which permissions Jo has given, in Mailchimp."""
        found = self.member
        assert found is not None
        return list(found["marketing_permissions"])

    def say(self, permission: str, enabled: bool, **more: Any) -> None:
        said = {"at": GIVEN_AT, "source": "the checkout"} if enabled else {}
        permissions.say(
            self.acme.kit,
            self.acme.connection_id,
            ACCOUNT,
            "1",
            Said(permission, enabled, **{**said, **more}),
            "a test",
        )

    def standing(self) -> report.Standing:
        (found,) = report.standings(self.acme.kit, ACCOUNT, "1")
        return found

    def ledger(self) -> list[tuple[Any, ...]]:
        """What the ledger says beside the status, newest first."""
        with self.acme.house.store.read() as c:
            lines = [line.entry for line in consents.of_contact(c, ACCOUNT, ["1"], 50)]
        return [(e.about, e.side, e.before, e.after, e.who, e.source) for e in lines if e.about]

    def resting(self) -> None:
        """Let the connection rest, with nobody at work on it."""
        install.pause(self.acme.kit, self.acme.connection_id)
        until(lambda: not self.acme.is_at_work())


@pytest.fixture
def europe(tmp_path: Path) -> Iterator[Europe]:
    with prepared(tmp_path) as acme:
        yield Europe(acme).start()


def test_permissions_are_shown_with_their_texts(europe: Europe) -> None:
    """All of the audience's, by id, and nobody we add has given any."""
    theirs = europe.standing().theirs
    assert theirs is not None
    shown = {one: (said.text, said.enabled) for one, said in theirs.permissions.items()}
    assert shown == {
        europe.email: ("Email", False),
        europe.mail: ("Direct Mail", False),
        europe.ads: ("Customized Online Advertising", False),
    }
    assert europe.given == []


def test_one_that_is_given_with_evidence_goes_up_by_itself(europe: Europe) -> None:
    """Nothing else is sent with it; ledger and history tell what was said, and what was sent."""
    europe.acme.control.forget_requests()
    europe.say(europe.ads, True)
    until(lambda: europe.given == [europe.ads])
    until(europe.acme.settled)
    until(lambda: len(europe.ledger()) == 2)
    patches = europe.acme.control.requests(method="PATCH")
    assert len(patches) == 1
    about = f"permissions.{europe.ads}"
    assert europe.ledger() == [
        (about, Side.THERE, "withdrawn", "given", Who.PLATFORM, "the checkout"),
        (about, Side.HERE, "withdrawn", "given", Who.PLATFORM, "the checkout"),
    ]
    newest = report.history(europe.acme.kit, ACCOUNT, "1", limit=1).happenings[0]
    assert newest.what == {about: {"before": "withdrawn", "after": "given"}}
    europe.say(europe.ads, True)
    assert len(europe.ledger()) == 2


def test_none_is_given_without_evidence_or_to_nobody(europe: Europe) -> None:
    """When and where are asked for; so are a contact who is there, and a permission that is."""
    for lacking in ({"at": None}, {"source": None}):
        with pytest.raises(Invalid, match="say when"):
            europe.say(europe.ads, True, **lacking)
    with pytest.raises(Invalid, match="future"):
        europe.say(europe.ads, True, at=datetime.now(UTC) + timedelta(days=1))
    with pytest.raises(Invalid, match="no marketing permission"):
        europe.say("0123456789", True)
    kit, connection_id = europe.acme.kit, europe.acme.connection_id
    with pytest.raises(NotFound):
        permissions.say(kit, connection_id, ACCOUNT, "nobody", Said(europe.ads, False), "a test")
    with pytest.raises(NotFound):
        permissions.say(kit, connection_id, "birch", "1", Said(europe.ads, False), "a test")
    assert europe.ledger() == []
    assert europe.given == []


def test_who_has_left_gives_none_and_may_still_withdraw(europe: Europe) -> None:
    """An opt-out from the audience counts for more than a permission."""
    europe.say(europe.ads, True)
    until(lambda: europe.given == [europe.ads])
    europe.acme.control.unsubscribe(europe.audience.id, JO)
    until(lambda: europe.acme.contact(JO).consent.status is ConsentStatus.UNSUBSCRIBED)
    until(europe.acme.settled)
    with pytest.raises(Conflict, match="They have left"):
        europe.say(europe.mail, True)
    europe.say(europe.ads, False)
    until(lambda: europe.given == [])


def test_a_permission_that_waited_for_long_is_not_given_over_a_change_in_mailchimp(
    tmp_path: Path,
) -> None:
    """Given on the platform while the connection rests; given and withdrawn again in Mailchimp meanwhile,
    which shows no trace of it. After ten minutes the yes is dropped, and the ledger says so."""
    with prepared(tmp_path) as acme:
        europe = Europe(acme).start()
        europe.resting()
        europe.say(europe.ads, True)
        europe.say(europe.mail, True)
        late(europe)
        acme.control.permit(europe.audience.id, JO, **{europe.ads: True})
        acme.control.permit(europe.audience.id, JO, **{europe.ads: False})
        install.resume(acme.kit, acme.connection_id)
        until(lambda: europe.standing().asked == frozenset())
        until(acme.settled)
        assert europe.given == []
        dropped = [line for line in europe.ledger() if line[3] == "withdrawn"]
        assert {(line[0], line[1], line[4]) for line in dropped} == {
            (f"permissions.{europe.ads}", Side.HERE, Who.MAILCHIMP),
            (f"permissions.{europe.mail}", Side.HERE, Who.MAILCHIMP),
        }


def late(europe: Europe) -> None:
    """Let what waits have waited for an hour."""
    kit = europe.acme.kit
    with europe.acme.house.store.write() as c:
        (row,) = members.by_contact_ids(c, europe.acme.connection_id, ["1"]).values()
        hour = timedelta(hours=1)
        asked = {one: replace(act, kept_at=act.kept_at - hour) for one, act in row.asked.items()}
        members.update_many(c, [replace(row, asked=asked)], kit.now())


def test_one_that_is_taken_back_before_it_is_sent_is_not_sent(europe: Europe) -> None:
    """Nothing goes up, both words are in the ledger, and the older yes does not come back."""
    europe.resting()
    europe.say(europe.ads, True)
    europe.say(europe.ads, False, at=GIVEN_AT + timedelta(days=1), source="by phone")
    with pytest.raises(Conflict, match="withdrew"):
        europe.say(europe.ads, True)
    europe.acme.control.forget_requests()
    install.resume(europe.acme.kit, europe.acme.connection_id)
    until(europe.acme.settled)
    assert europe.acme.control.requests(method="PATCH") == []
    assert [line[2:4] for line in europe.ledger() if europe.ads in line[0]] == [
        ("given", "withdrawn"),
        ("withdrawn", "given"),
    ]


def test_who_leaves_before_it_is_sent_gives_nothing(europe: Europe) -> None:
    """A permission that waits for a paused connection is dropped when the person unsubscribes."""
    europe.resting()
    europe.say(europe.ads, True)
    europe.acme.control.unsubscribe(europe.audience.id, JO)
    install.resume(europe.acme.kit, europe.acme.connection_id)
    until(lambda: europe.standing().asked == frozenset())
    until(europe.acme.settled)
    assert europe.given == []
    assert europe.member["status"] == "unsubscribed"


def install_swept(europe: Europe) -> None:
    """Let a sweep find what no webhook tells."""
    acme = europe.acme
    with acme.house.store.write() as c:
        connections.update(c, acme.connection_id, acme.kit.now(), next_sweep_at=acme.kit.now())
    began = acme.kit.now()

    def swept() -> bool:
        with acme.house.store.read() as c:
            row = connections.get(c, acme.connection_id)
        return row is not None and row.sweep_cursor is None and (row.next_sweep_at or began) > began

    until(swept)
    until(acme.settled)


def test_what_changes_in_mailchimp_is_told_in_the_ledger(europe: Europe) -> None:
    """Permissions and SMS, which no webhook tells: a sweep finds them, and says what they were before."""
    europe.acme.control.permit(europe.audience.id, JO, **{europe.mail: True})
    europe.acme.control.sms(europe.audience.id, JO, "subscribed", phone="+15550100")
    install_swept(europe)
    europe.acme.control.sms(europe.audience.id, JO, "unsubscribed")
    install_swept(europe)
    assert europe.ledger() == [
        ("sms", Side.THERE, "subscribed", "unsubscribed", Who.MAILCHIMP, "mailchimp:sms"),
        ("sms", Side.THERE, None, "subscribed", Who.MAILCHIMP, "mailchimp:sms"),
        (
            f"permissions.{europe.mail}",
            Side.THERE,
            "withdrawn",
            "given",
            Who.MAILCHIMP,
            "mailchimp:permissions",
        ),
    ]
    theirs = europe.standing().theirs
    assert theirs is not None
    assert (theirs.sms_phone, theirs.sms_status) == ("+15550100", "unsubscribed")
    assert theirs.sms_changed_at is not None
    assert europe.member["status"] == "subscribed"


def test_who_has_no_address_does_no_harm_and_is_shown(tmp_path: Path) -> None:
    """Two contacts whom only SMS reaches are left out, each by themselves; who gets an address comes in."""
    reached = {"status": "transactional", "sms_status": "subscribed"}
    with prepared(tmp_path) as acme:
        europe = Europe(acme).start(
            with_members=[
                {"email_address": "sms:+15550101", "sms_phone": "+15550101", **reached},
                {"email_address": "sms:+15550102", "sms_phone": "+15550102", **reached},
            ]
        )
        assert [contact.email for contact in acme.contacts()] == [JO]
        left_out = report.members(
            acme.kit, acme.connection_id, ACCOUNT, states={MemberState.EXCLUDED}
        ).members
        assert [(one.reason, one.email) for one in left_out] == [("sms_only", None)] * 2
        assert "phone number and no e-mail address" in left_out[0].words.happened
        install_swept(europe)
        acme.control.change_address(europe.audience.id, "sms:+15550101", "kim@maple-street.test")
        until(lambda: acme.contact("kim@maple-street.test"))
        until(acme.settled)
        assert acme.contact("kim@maple-street.test").consent.status is ConsentStatus.NONE


def test_an_erasure_leaves_neither_permission_nor_phone(europe: Europe) -> None:
    """What waits to be sent is forgotten like everything else."""
    europe.say(europe.ads, True)
    until(lambda: europe.given == [europe.ads])
    europe.resting()
    europe.say(europe.ads, False)
    erase.erase(europe.acme.kit, ACCOUNT, "1")
    with europe.acme.house.store.read() as c:
        rows = members.find(c, europe.acme.connection_id, limit=10)
        assert consents.of_contact(c, ACCOUNT, ["1"], 50) == []
    assert [(row.theirs, row.word, dict(row.asked)) for row in rows] == [(None, None, {})]


def test_what_changes_in_mailchimp_is_told_in_the_feed(europe: Europe) -> None:
    """Once, with the connection and the permission's own words; what we sent ourselves is not."""
    acme, (before,) = europe.acme, europe.acme.contacts()
    acme.control.permit(europe.audience.id, JO, **{europe.mail: True})
    acme.control.sms(europe.audience.id, JO, "subscribed", "+15550100")
    sweep(acme.kit, acme.connection_id)
    told = acme.changes()[-1].change
    assert told.what == {
        f"permissions.{europe.mail}": {"before": "withdrawn", "after": "given"},
        "sms": {"before": None, "after": "subscribed"},
    }
    assert told.why["connection"] == acme.connection_id
    assert told.why["texts"] == {f"permissions.{europe.mail}": "Direct Mail"}
    assert told.version == acme.contacts()[0].version == before.version + 1
    count = len(acme.changes())
    sweep(acme.kit, acme.connection_id)
    europe.say(europe.ads, True)
    until(lambda: set(europe.given) == {europe.mail, europe.ads} and acme.settled())
    assert len(acme.changes()) == count
