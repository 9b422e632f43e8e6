"""Uninstalling: one step, nothing left behind, a receipt."""

from __future__ import annotations

import httpx
from sqlalchemy import text

from processor import connect
from processor.domain.connection import ConnectionState
from processor.store import connections, receipts
from processor.uninstall import receipt_lines, uninstall
from tests.whole.world import SUBSCRIBED, World, grant, until

JO = "jo@maple-street.test"


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
    assert any("Stays: 1 contacts" in line for line in receipt_lines(receipt))
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
    connect.choose_audience(acme.kit, again, acme.audience)

    def in_step() -> bool:
        with acme.house.store.read() as c:
            return connections.get(c, again).state == ConnectionState.IN_SYNC

    until(in_step)
    until(acme.settled)
    assert len(_hooks(acme)) == 1
    acme.control.edit(acme.audience, JO, merge_fields={"FNAME": "Joanna"})
    until(lambda: acme.contact(JO).fields.get("first_name") == "Joanna")
    assert len(acme.control.members(acme.audience)) == 1
