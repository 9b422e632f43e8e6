"""Uninstalling: one step, nothing left behind, a receipt."""

from __future__ import annotations

import httpx
from sqlalchemy import text

from processor.domain.connection import ConnectionState
from processor.erase import erase, finish, get
from processor.store import connections, receipts
from processor.uninstall import foresee, receipt_lines, uninstall
from tests.whole.world import ACCOUNT, SUBSCRIBED, World, begin, grant, until

JO = "jo@maple-street.test"
PAT = "pat@maple-street.test"
KIM = "kim@maple-street.test"


def _hooks(acme: World) -> list[str]:
    return [hook["url"] for hook in acme.control.audience_info(acme.audience)["webhooks"]]


def _rows(acme: World) -> dict[str, int]:
    with acme.house.store.read() as c:
        names = ("connections", "members", "events", "attempts", "oauth_states")
        return {name: c.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in names}


def test_what_is_ours_goes_and_the_people_stay(acme: World) -> None:
    """Our webhook, the token, the settings and the stored copies are gone; contacts and members are as they
    were; the webhook's address answers 410; the receipt says all that."""
    acme.put("1", email=JO, consent=SUBSCRIBED)
    until(lambda: acme.member(JO))
    acme.control.settle()
    until(acme.settled)
    ours = _hooks(acme)[0]
    receipt = uninstall(acme.kit, acme.connection_id)
    assert receipt.finished_at is not None
    assert receipt.what["removed"]["webhooks"] == 1
    assert _hooks(acme) == []
    assert set(_rows(acme).values()) == {0}
    assert acme.member(JO)["status"] == "subscribed"
    assert acme.contact(JO).id == "1"
    until(lambda: httpx.get(ours).status_code == 410)
    with acme.house.store.read() as c:
        assert "bw" not in str(c.execute(text("SELECT token_sealed, secrets_sealed FROM hooks")).all())
    assert any("Stays: 1 contact on" in line for line in receipt_lines(receipt))
    assert uninstall(acme.kit, acme.connection_id) == receipt


def test_it_works_while_mailchimp_is_down_and_ends_by_itself(acme: World) -> None:
    """Nothing is sent any more at once; our webhook goes as soon as Mailchimp answers again."""
    acme.put("1", email=JO, consent=SUBSCRIBED)
    until(lambda: acme.member(JO))
    acme.control.fail(503)
    receipt = uninstall(acme.kit, acme.connection_id)
    assert receipt.finished_at is None
    assert any("as soon as it does" in line for line in receipt_lines(receipt))
    acme.put("1", fields={"first_name": "Jo"})
    acme.control.mend()
    with acme.house.store.write() as c:
        receipts.put_off(c, acme.connection_id, acme.kit.now())

    def finished() -> bool:
        with acme.house.store.read() as c:
            return receipts.of_connection(c, acme.connection_id).finished_at is not None

    until(finished)
    assert _hooks(acme) == []
    assert set(_rows(acme).values()) == {0}
    assert acme.member(JO)["merge_fields"]["FNAME"] == ""


def test_what_would_go_is_said_before(acme: World) -> None:
    """The same numbers as the receipt, nothing changed by asking, and good grammar."""
    acme.put("1", email=JO, consent=SUBSCRIBED)
    until(lambda: acme.member(JO))
    acme.control.settle()
    until(acme.settled)
    seen = foresee(acme.kit, acme.connection_id)
    assert acme.state() == "in_sync"
    receipt = uninstall(acme.kit, acme.connection_id)
    assert seen["removed"] | {"webhooks": 1} == receipt.what["removed"]
    assert seen["stays"] == receipt.what["stays"]
    assert seen["removed"]["first_syncs"] == 1
    lines = "\n".join(receipt_lines(receipt))
    assert "1 webhook of ours" in lines
    assert "1 record of a first sync" in lines
    assert "Nothing was waiting to be delivered." in lines


def test_an_erasure_that_waits_is_carried_out_first(acme: World) -> None:
    """Afterwards nobody could: the person goes for good, then our access."""
    acme.put("1", email=JO, consent=SUBSCRIBED)
    until(lambda: acme.member(JO))
    until(acme.settled)
    acme.control.fail(503, path="/lists/*/members/*/actions/*", method="POST")
    erasure = erase(acme.kit, ACCOUNT, "1")
    until(lambda: get(acme.kit, erasure.id, ACCOUNT).places[0]["code"] == "mailchimp_down")
    acme.control.mend()
    assert uninstall(acme.kit, acme.connection_id).finished_at is not None
    assert acme.member(JO) is None
    finish(acme.kit, erasure.id)
    until(lambda: get(acme.kit, erasure.id, ACCOUNT).finished_at)
    assert get(acme.kit, erasure.id, ACCOUNT).places[0]["state"] == "deleted"


def test_whoever_left_stays_out_when_it_is_installed_again(acme: World) -> None:
    """They unsubscribed in Mailchimp while nothing was connected, or before: no new installation brings them
    back, whatever the platform's rows say."""
    for n, email in (("1", JO), ("2", PAT), ("3", KIM)):
        acme.put(n, email=email, consent=SUBSCRIBED)
    until(lambda: all(acme.member(email) for email in (JO, PAT, KIM)))
    acme.control.unsubscribe(acme.audience, PAT)
    until(lambda: acme.contact(PAT).consent.status == "unsubscribed")
    until(acme.settled)
    assert uninstall(acme.kit, acme.connection_id).finished_at is not None
    acme.control.unsubscribe(acme.audience, JO)
    acme.control.archive(acme.audience, KIM)
    acme.put("2", consent=SUBSCRIBED)
    url = acme.house.kit.settings.mailchimp_login_url
    again = grant(acme.house, acme.control, acme.mailchimp_account, url)
    begin(acme.house, again, acme.audience)

    def in_step() -> bool:
        with acme.house.store.read() as c:
            return connections.get(c, again).state == ConnectionState.IN_SYNC

    until(in_step)
    until(acme.settled)
    assert [acme.member(email)["status"] for email in (JO, PAT, KIM)] == [
        "unsubscribed",
        "unsubscribed",
        "archived",
    ]
    assert acme.contact(JO).consent.status == "unsubscribed"


def test_a_withdrawn_access_does_not_keep_it_from_ending(acme: World) -> None:
    """The token is dead: what is here goes, and the receipt says what we could not delete."""
    acme.control.revoke(acme.mailchimp_account)
    receipt = uninstall(acme.kit, acme.connection_id)
    assert receipt.finished_at is not None
    assert "switches it off by itself" in receipt.what["to_do"][0]
    assert set(_rows(acme).values()) == {0}


def test_installing_again_works(acme: World) -> None:
    """The same account and audience, as if for the first time; nobody is added twice."""
    acme.put("1", email=JO, consent=SUBSCRIBED)
    until(lambda: acme.member(JO))
    assert uninstall(acme.kit, acme.connection_id).finished_at is not None
    url = acme.house.kit.settings.mailchimp_login_url
    again = grant(acme.house, acme.control, acme.mailchimp_account, url)
    begin(acme.house, again, acme.audience)

    def in_step() -> bool:
        with acme.house.store.read() as c:
            return connections.get(c, again).state == ConnectionState.IN_SYNC

    until(in_step)
    until(acme.settled)
    assert len(_hooks(acme)) == 1
    acme.control.edit(acme.audience, JO, merge_fields={"FNAME": "Joanna"})
    until(lambda: acme.contact(JO).fields.get("first_name") == "Joanna")
    assert len(acme.control.members(acme.audience)) == 1
