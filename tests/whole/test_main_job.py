"""The main job: what happens on one side arrives on the other."""

from __future__ import annotations

from processor.domain.contact import ConsentStatus
from processor.domain.event import EventStatus
from tests.whole.world import SUBSCRIBED, World, until

JO = "jo@maple-street.test"


def test_a_subscriber_of_mailchimp_becomes_a_contact(acme: World) -> None:
    """Somebody signs up in Mailchimp; the platform knows them, with Mailchimp's record as the evidence."""
    acme.control.subscribe(acme.audience, JO, merge_fields={"FNAME": "Jo", "CITY": "Leeds"})
    contact = until(lambda: acme.contact(JO))
    assert contact.fields["first_name"] == "Jo"
    assert contact.fields["city"] == "Leeds"
    assert contact.consent.status is ConsentStatus.SUBSCRIBED
    assert contact.consent.source == "mailchimp:subscribed"


def test_every_change_in_mailchimp_arrives(acme: World) -> None:
    """Edited, moved to a new address, unsubscribed: the platform's contact follows, and stays one contact."""
    acme.control.subscribe(acme.audience, JO, merge_fields={"FNAME": "Jo"})
    first = until(lambda: acme.contact(JO))
    acme.control.edit(acme.audience, JO, merge_fields={"FNAME": "Joanna"})
    until(lambda: (found := acme.contact(JO)) and found.fields["first_name"] == "Joanna")
    new = "joanna@maple-street.test"
    acme.control.change_address(acme.audience, JO, new)
    moved = until(lambda: acme.contact(new))
    assert moved.id == first.id
    assert acme.contact(JO) is None
    acme.control.unsubscribe(acme.audience, new)
    until(lambda: (found := acme.contact(new)) and found.consent.status is ConsentStatus.UNSUBSCRIBED)
    until(acme.settled)
    assert acme.member(new)["status"] == "unsubscribed"


def test_a_bounce_a_complaint_an_archival_and_a_deletion_take_people_off(acme: World) -> None:
    """Whoever left in whatever way is not written to any more, and is never put back by us."""
    people = {name: f"{name}@maple-street.test" for name in ("ada", "ben", "cleo", "dara")}
    for email in people.values():
        acme.control.subscribe(acme.audience, email)
    until(lambda: all(acme.contact(email) for email in people.values()))
    acme.control.clean(acme.audience, people["ada"])
    acme.control.complain(acme.audience, people["ben"])
    acme.control.archive(acme.audience, people["cleo"])
    acme.control.delete(acme.audience, people["dara"])
    gone = {ConsentStatus.UNSUBSCRIBED, ConsentStatus.CLEANED}
    for name in ("ada", "ben", "cleo"):
        until(lambda name=name: acme.contact(people[name]).consent.status in gone)
    assert acme.contact(people["ada"]).consent.status is ConsentStatus.CLEANED
    from processor.sweep import sweep

    sweep(acme.kit, acme.connection_id, full=True)
    until(lambda: acme.contact(people["dara"]).consent.status in gone)
    until(acme.settled)
    statuses = {m["status"] for m in acme.control.members(acme.audience).values()}
    assert "subscribed" not in statuses


def test_a_contact_of_the_platform_becomes_a_member(acme: World) -> None:
    """The platform adds somebody who agreed; the audience has them, fields and tags included."""
    acme.put("1", email=JO, fields={"first_name": "Jo", "city": "Ghent"}, tags=["vip"], consent=SUBSCRIBED)
    member = until(lambda: acme.member(JO))
    assert member["status"] == "subscribed"
    assert member["merge_fields"]["FNAME"] == "Jo"
    assert member["merge_fields"]["CITY"] == "Ghent"
    assert [tag["name"] if isinstance(tag, dict) else tag for tag in member["tags"]] == ["vip"]


def test_every_change_of_the_platform_arrives(acme: World) -> None:
    """Edited, moved, unsubscribed by the platform: the member follows, and stays one member."""
    acme.put("1", email=JO, fields={"first_name": "Jo"}, consent=SUBSCRIBED)
    until(lambda: acme.member(JO))
    acme.put("1", fields={"first_name": "Joanna"})
    until(lambda: acme.member(JO)["merge_fields"]["FNAME"] == "Joanna")
    new = "joanna@maple-street.test"
    acme.put("1", email=new)
    until(lambda: (m := acme.member(new)) and m["status"] == "subscribed")
    assert acme.member(JO) is None
    acme.put("1", consent={"status": "unsubscribed"})
    until(lambda: acme.member(new)["status"] == "unsubscribed")
    until(acme.settled)
    assert len(acme.control.members(acme.audience)) == 1


def test_the_platforms_own_id_takes_the_place_of_ours(acme: World) -> None:
    """Somebody known from Mailchimp signs up on the platform: they stay one contact, with their fields, and
    the feed says that the id has changed."""
    acme.control.subscribe(acme.audience, JO, merge_fields={"FNAME": "Jo"})
    ours = until(lambda: acme.contact(JO))
    written = acme.put("42", email=JO, fields={"city": "Ghent"})
    assert written.fields == {**ours.fields, "city": "Ghent"}
    until(lambda: acme.member(JO)["merge_fields"]["CITY"] == "Ghent")
    assert acme.contact(JO).id == "42"
    told = acme.changes()[-1].change
    assert told.what["id"] == {"before": ours.id, "after": "42"}
    acme.control.edit(acme.audience, JO, merge_fields={"FNAME": "Joanna"})
    until(lambda: acme.contact(JO).fields["first_name"] == "Joanna")
    assert acme.contact(JO).id == "42"


def test_our_own_writes_come_back_and_change_nothing(acme: World) -> None:
    """The webhook listens to `api` changes too: the echo of our own write makes an empty plan, no loop."""
    acme.put("1", email=JO, fields={"first_name": "Jo"}, consent=SUBSCRIBED)
    until(lambda: acme.member(JO))
    acme.control.settle()
    until(acme.settled)
    before = acme.contact(JO).version
    acme.put("1", fields={"first_name": "Joanna"})
    until(lambda: acme.member(JO)["merge_fields"]["FNAME"] == "Joanna")
    acme.control.settle()
    until(acme.settled)
    assert acme.contact(JO).version == before + 1
    assert {e.status for e in acme.events()} <= {EventStatus.SKIPPED, EventStatus.APPLIED}
    patches = [r for r in acme.control.requests() if r["method"] == "PATCH"]
    assert len(patches) == 1


def test_nobody_is_added_without_consent(acme: World) -> None:
    """A contact who was never asked is left out, and is shown as left out, not as an error."""
    acme.put("1", email=JO, fields={"first_name": "Jo"})
    until(acme.settled)
    assert acme.member(JO) is None


def test_a_failed_event_dies_is_shown_and_is_replayed(acme: World) -> None:
    """Mailchimp answers 500 until the event is dead; once it works again, a replay carries it out."""
    from processor import replay
    from processor.store.inbox import EventFilter

    acme.control.subscribe(acme.audience, JO, merge_fields={"FNAME": "Jo"})
    until(lambda: acme.contact(JO))
    until(acme.settled)
    acme.control.fail(500)
    acme.control.edit(acme.audience, JO, merge_fields={"FNAME": "Joanna"})
    dead = until(lambda: acme.events(EventStatus.DEAD))
    assert dead[0].code == "mailchimp_down"
    assert dead[0].attempts == 4
    acme.control.mend()
    planned = replay.plan(acme.kit, EventFilter(statuses=frozenset({EventStatus.DEAD})))
    assert planned.count == 1
    assert replay.run(acme.kit, planned, who="test").count == 1
    until(lambda: acme.contact(JO).fields["first_name"] == "Joanna")
    until(lambda: not acme.events(EventStatus.DEAD))


def test_an_unsubscribe_is_believed_while_mailchimp_does_not_answer(acme: World) -> None:
    """Bad news needs no look: the contact is taken off although every call fails."""
    acme.control.subscribe(acme.audience, JO)
    until(lambda: acme.contact(JO))
    until(acme.settled)
    acme.control.fail(503)
    acme.control.unsubscribe(acme.audience, JO)
    until(lambda: acme.contact(JO).consent.status is ConsentStatus.UNSUBSCRIBED)
    acme.control.mend()


def test_a_revoked_token_stops_the_connection_and_keeps_what_waits(acme: World) -> None:
    """Mailchimp no longer accepts our access: nothing is tried in vain, nothing is lost."""
    acme.control.revoke(acme.mailchimp_account)
    acme.put("1", email=JO, consent=SUBSCRIBED)
    from processor.store import connections, members

    def state() -> str:
        with acme.house.store.read() as c:
            return connections.get(c, acme.connection_id).state

    until(lambda: state() == "reconnect")
    with acme.house.store.read() as c:
        row = members.by_contact_ids(c, acme.connection_id, ["1"])["1"]
    assert row.due_at is not None
