"""Replays against a whole installation: what would change now is said, and what has no subject any more is
skipped once and for all."""

from __future__ import annotations

from urllib.parse import urlencode

from processor import replay, uninstall
from processor.domain.event import Delivery, EventStatus
from processor.kit import utc_now
from processor.replay import Progress
from processor.store import connections, inbox
from processor.store.inbox import EventFilter, EventRow
from tests.whole.world import World, until

JO = "jo@maple-street.test"
FORM = "application/x-www-form-urlencoded"


def told(acme: World, connection_id: str, email: str, audience: str) -> EventRow:
    """Keep a delivery about somebody, as the receiver does, and wait until it has come to its end."""
    body = urlencode(
        {
            "type": "profile",
            "fired_at": f"{utc_now():%Y-%m-%d %H:%M:%S}",
            "data[email]": email,
            "data[list_id]": audience,
        }
    )
    with acme.house.store.write() as c:
        inbox.keep(c, [Delivery(connection_id, body.encode(), FORM, utc_now())])
        (row,) = inbox.find(c, EventFilter(connection_id=connection_id), limit=1)
    return until(lambda: ended(acme, row.id))


def ended(acme: World, event_id: int) -> EventRow | None:
    """The event, once it has come to its end."""
    with acme.house.store.read() as c:
        row = inbox.get(c, event_id)
    assert row is not None
    return row if row.settled_at else None


def sent_again(acme: World, event: EventRow) -> tuple[EventRow, Progress]:
    """Replay one event, and wait for its end and the replay's."""
    begun = replay.run(acme.kit, replay.plan(acme.kit, EventFilter(ids=(event.id,))), who="test")
    until(lambda: not replay.progress(acme.kit, begun.row.id, None).waiting)
    found = ended(acme, event.id)
    assert found is not None
    return found, replay.progress(acme.kit, begun.row.id, None)


def test_the_plan_says_what_would_change_now(acme: World) -> None:
    """The member is looked at, and nothing is written; then the replay does what was said."""
    acme.control.subscribe(acme.audience, JO, merge_fields={"FNAME": "Jo"})
    until(lambda: acme.contact(JO))
    until(acme.settled)
    acme.control.fail(500)
    acme.control.edit(acme.audience, JO, merge_fields={"FNAME": "Joanna"})
    until(lambda: acme.events(EventStatus.DEAD))
    acme.control.mend()
    planned = replay.plan(acme.kit, EventFilter(statuses=frozenset({EventStatus.DEAD})))
    (foreseen,) = replay.foresee(acme.kit, planned.sample)
    assert foreseen.says == "Here: change fields, tags or the address (first_name)."
    assert acme.contact(JO).fields["first_name"] == "Jo"
    event, progress = sent_again(acme, planned.sample[0])
    assert event.status is EventStatus.APPLIED
    assert acme.contact(JO).fields["first_name"] == "Joanna"
    assert progress.line == "All sent · 1 of 1 events · 1 carried out"
    (foreseen,) = replay.foresee(acme.kit, [event])
    assert foreseen.says == "Nothing: both sides are as they should be."


def test_what_has_no_subject_any_more_is_skipped_and_does_not_go_round_for_ever(acme: World) -> None:
    """Somebody nobody knows, another audience, a connection that is gone: skipped, each time it is sent."""
    nobody = told(acme, acme.connection_id, "nobody@maple-street.test", acme.audience)
    other = told(acme, acme.connection_id, JO, "0000000000")
    (foreseen,) = replay.foresee(acme.kit, [nobody])
    assert foreseen.says.startswith("It is skipped")
    for event, why in ((nobody, "not_known_here"), (other, "other_audience")):
        again, progress = sent_again(acme, event)
        assert (again.status, again.outcome) == (EventStatus.SKIPPED, {"why": why})
        assert progress.is_finished
    uninstall.uninstall(acme.kit, acme.connection_id)
    with acme.house.store.read() as c:
        assert connections.get(c, acme.connection_id) is None
    gone = told(acme, acme.connection_id, JO, acme.audience)
    (foreseen,) = replay.foresee(acme.kit, [gone])
    assert foreseen.says == "It is skipped: its connection is gone."
    again, _ = sent_again(acme, gone)
    assert (again.status, again.outcome) == (EventStatus.SKIPPED, {"why": "connection_removed"})
    assert replay.plan(acme.kit, EventFilter(statuses=frozenset({EventStatus.SKIPPED}))).gone == 1
