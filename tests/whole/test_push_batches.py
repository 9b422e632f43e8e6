"""Many changes of existing members go in a batch, whose results are read later."""

from __future__ import annotations

import httpx
import pytest

from processor import bulk, contacts, install
from processor.domain.contact import Consent, ConsentStatus
from processor.domain.edit import ContactPatch
from processor.domain.plan import MemberState
from processor.kit import utc_now
from processor.push.collect import collect
from processor.store import batches, connections, members
from processor.uninstall import uninstall
from tests.whole.test_left_behind import are, told
from tests.whole.test_push_knowing import ADDS, AGREED, _make_city_a_number, address, idle
from tests.whole.world import ACCOUNT, World, until

MANY = 60
PATCHES = "PATCH /lists/{list_id}/members/{subscriber_hash}"
START = "POST /batches"


def change_all(acme: World, **named: object) -> None:
    """Write the same change to many contacts at once."""
    contacts.put_many(acme.kit, ACCOUNT, {str(n): ContactPatch(**named) for n in range(MANY)})


def direct(acme: World, method: str) -> int:
    """How many calls were made by this method outside batches."""
    return sum(not seen["batch"] for seen in acme.control.requests(method=method))


def under_way(acme: World) -> int:
    """How many batches wait for their results."""
    with acme.house.store.read() as c:
        return len(batches.of_connection(c, acme.connection_id))


@pytest.fixture
def many(acme: World) -> World:
    """Many contacts who agreed, known on both sides for a while."""
    new = {str(n): ContactPatch(email=address(n), consent=AGREED) for n in range(MANY)}
    contacts.put_many(acme.kit, ACCOUNT, new)
    until(lambda: are(acme, MemberState.IN_SYNC, *new))
    acme.control.settle()
    until(lambda: acme.settled() and idle(acme))
    acme.control.forget_requests()
    return acme


def test_many_changes_go_in_one_batch_and_arrive(many: World) -> None:
    """Fields and tags of each; one call starts them, and all are in step once the results are read."""
    change_all(many, fields={"first_name": "Joanna", "city": "Ghent"}, tags=frozenset({"vip"}))
    until(lambda: idle(many))
    found = many.control.members(many.audience).values()
    assert {(m["merge_fields"]["FNAME"], m["merge_fields"]["CITY"]) for m in found} == {("Joanna", "Ghent")}
    assert all(len(m["tags"]) == 1 for m in found)
    calls = many.control.calls()
    assert (calls[START], direct(many, "PATCH"), calls.get(ADDS, 0)) == (1, 0, 0)
    until(lambda: under_way(many) == 0)
    assert len(told(many, MemberState.IN_SYNC)) == MANY


def test_one_that_is_refused_stops_itself_only(many: World) -> None:
    """Its other fields arrive by a call of its own; it is told by name and with the field's cause."""
    _make_city_a_number(many)
    patches = {str(n): ContactPatch(fields={"first_name": "Jo", "city": "9000"}) for n in range(MANY)}
    patches["7"] = ContactPatch(fields={"first_name": "Jo", "city": "Ghent"})
    contacts.put_many(many.kit, ACCOUNT, patches)
    until(lambda: idle(many) and are(many, MemberState.FAILING, "7"))
    failing = told(many)["7"]
    assert (failing.reason, failing.detail) == ("field_value", "Please enter a number")
    found = many.control.members(many.audience).values()
    assert {m["merge_fields"]["FNAME"] for m in found} == {"Jo"}
    assert len(told(many, MemberState.IN_SYNC)) == MANY - 1


def test_what_happens_while_a_batch_is_under_way_is_not_lost(many: World) -> None:
    """The marketer edits one, another leaves, the platform changes a third: all of it arrives."""
    many.control.batches(3)
    change_all(many, fields={"first_name": "Joanna"})
    until(lambda: under_way(many))
    many.control.edit(many.audience, address(0), merge_fields={"CITY": "Leeds"})
    many.control.unsubscribe(many.audience, address(1))
    many.put("2", fields={"city": "Ghent"})
    until(lambda: under_way(many) == 0)
    until(lambda: idle(many) and many.settled())
    assert many.contact(address(0)).fields["city"] == "Leeds"
    assert many.contact(address(1)).consent.status is ConsentStatus.UNSUBSCRIBED
    assert many.member(address(1))["status"] == "unsubscribed"
    until(lambda: many.member(address(2))["merge_fields"]["CITY"] == "Ghent")
    found = many.control.members(many.audience).values()
    assert {m["merge_fields"]["FNAME"] for m in found} == {"Joanna"}


def test_who_leaves_here_does_not_wait_for_a_batch(many: World) -> None:
    """Opt-outs have a call each, before everything else."""
    many.control.batches(60)
    change_all(many, fields={"first_name": "Joanna"})
    until(lambda: under_way(many))
    said = {"status": "subscribed", "at": AGREED.at.isoformat(), "source": "form"}
    many.put("x", email="x@maple-street.test", consent=said)
    until(lambda: "x" in told(many, MemberState.IN_SYNC))
    contacts.put_many(
        many.kit, ACCOUNT, {"x": ContactPatch(consent=Consent(ConsentStatus.UNSUBSCRIBED, utc_now(), "form"))}
    )
    until(lambda: many.member("x@maple-street.test")["status"] == "unsubscribed")
    assert under_way(many) == 1


def _delete_batches(acme: World) -> None:
    """Somebody stops our batches in Mailchimp."""
    headers = {"Authorization": f"Bearer {acme.control.token(acme.mailchimp_account)}"}
    with acme.house.store.read() as c:
        ids = [row.batch_id for row in batches.of_connection(c, acme.connection_id)]
    for one in ids:
        httpx.delete(f"{acme.control.url}/3.0/batches/{one}", headers=headers).raise_for_status()


def test_a_batch_that_is_gone_is_sent_again(many: World) -> None:
    """Its members are looked at and sent once more."""
    many.control.batches(6)
    change_all(many, fields={"first_name": "Joanna"})
    until(lambda: under_way(many))
    many.control.batches(0.1)
    _delete_batches(many)
    until(lambda: idle(many), 30)
    found = many.control.members(many.audience).values()
    assert {m["merge_fields"]["FNAME"] for m in found} == {"Joanna"}
    assert many.control.calls()[START] == 2


def test_a_paused_connection_still_hears_of_what_was_sent(many: World) -> None:
    """The results are read while it is paused; nothing new is sent."""
    many.control.batches(2)
    change_all(many, fields={"first_name": "Joanna"})
    until(lambda: under_way(many))
    install.pause(many.kit, many.connection_id)
    until(lambda: under_way(many) == 0)
    assert len(told(many, MemberState.IN_SYNC)) == MANY
    assert many.control.calls()[START] == 1


def test_a_revoked_token_gives_the_members_back(many: World) -> None:
    """The connection asks to be reconnected; what waits is kept, and goes up afterwards."""
    many.control.batches(6)
    change_all(many, fields={"first_name": "Joanna"})
    until(lambda: under_way(many))
    many.control.revoke(many.mailchimp_account)
    until(lambda: many.state() == "reconnect" and under_way(many) == 0)
    with many.house.store.read() as c:
        rows = members.find(c, many.connection_id, limit=1000)
    assert all(row.due_at is not None and row.claim is None for row in rows)
    many.control.batches(0.1)
    many.reconnect()
    until(lambda: many.member(address(3))["merge_fields"]["FNAME"] == "Joanna", 30)


def test_results_that_are_read_twice_settle_nothing_twice(many: World) -> None:
    """A reader that was killed before its last commit leaves everything to be read again."""
    many.control.batches(2)
    change_all(many, fields={"first_name": "Joanna"})
    until(lambda: under_way(many))
    with many.house.store.read() as c:
        batch = batches.of_connection(c, many.connection_id)[0]
    until(lambda: under_way(many) == 0 and idle(many))
    version = many.contact(address(3)).version
    with many.house.store.write() as c:
        batches.begin(c, batch)
    until(lambda: under_way(many) == 0)
    assert idle(many)
    assert many.contact(address(3)).version == version
    assert collect(many.kit, many.connection_id) == 0


def test_stopping_all_gives_the_members_back(many: World) -> None:
    """What is under way when a connection ends is stopped at Mailchimp."""
    many.control.batches(60)
    change_all(many, fields={"first_name": "Joanna"})
    until(lambda: under_way(many))
    install.pause(many.kit, many.connection_id)
    with many.house.store.read() as c:
        connection = connections.get(c, many.connection_id)
    assert bulk.stop_all(many.kit, connection) == 1
    assert bulk.stop_all(many.kit, connection) == 0
    assert not idle(many)
    assert many.control.calls()["DELETE /batches/{batch_id}"] == 1


def test_uninstalling_ends_a_batch_under_way(many: World) -> None:
    """It is stopped at Mailchimp, and nothing of it is left here."""
    many.control.batches(60)
    change_all(many, fields={"first_name": "Joanna"})
    until(lambda: under_way(many))
    uninstall(many.kit, many.connection_id)
    until(lambda: many.control.calls().get("DELETE /batches/{batch_id}"))
    until(lambda: not many.control.audience_info(many.audience)["webhooks"])
    until(lambda: under_way(many) == 0)
