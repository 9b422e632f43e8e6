"""What sweeps heal is counted by kind and told."""

from __future__ import annotations

from processor import report
from processor.domain.drift import Drift
from processor.store import connections
from processor.sweep import sweep
from tests.whole.world import World, until

PEOPLE = {name: f"{name}@maple-street.test" for name in ("ada", "ben", "cleo", "dara")}


def _sweep(acme: World) -> None:
    until(lambda: sweep(acme.kit, acme.connection_id, full=True))
    until(acme.settled)


def test_each_kind_that_a_sweep_healed_is_told_in_one_sentence(acme: World) -> None:
    """Every webhook is lost: an edit, a tag, a newcomer, somebody archived and somebody
    deleted are counted; a second comparison finds nothing more."""
    for email in PEOPLE.values():
        acme.control.subscribe(acme.audience, email)
    until(lambda: len(acme.contacts()) == len(PEOPLE) and acme.settled())
    found = report.drift(acme.kit, acme.connection_id, None)
    assert (found.counts, found.sweeps) == ({}, [])
    assert "found nothing that we had not heard of already" in found.sentence
    acme.control.webhooks(drop=1.0)
    acme.control.edit(acme.audience, PEOPLE["ada"], merge_fields={"FNAME": "Ada"})
    acme.control.tag(acme.audience, PEOPLE["ben"], vip=True)
    acme.control.archive(acme.audience, PEOPLE["cleo"])
    acme.control.delete(acme.audience, PEOPLE["dara"])
    acme.control.subscribe(acme.audience, "eve@maple-street.test")
    _sweep(acme)
    _sweep(acme)
    found = report.drift(acme.kit, acme.connection_id, None)
    kinds = (Drift.CHANGED, Drift.TAGS, Drift.ARCHIVED, Drift.DELETED, Drift.NEW)
    assert found.counts == dict.fromkeys(kinds, 1)
    assert len(found.sweeps) == 1
    assert found.sentence == (
        "Today our comparisons found and mended by themselves: 1 changed contact, "
        "1 contact with other tags, 1 new contact, 1 archived contact and 1 contact deleted for good."
    )
    assert report.connection(acme.kit, acme.connection_id, None).drift == found.sentence


def test_what_webhooks_told_of_is_no_drift(acme: World) -> None:
    """They came, so the comparison finds both sides equal."""
    acme.control.subscribe(acme.audience, PEOPLE["ada"])
    until(lambda: acme.contact(PEOPLE["ada"]) and acme.settled())
    _sweep(acme)
    assert report.drift(acme.kit, acme.connection_id, None).counts == {}


def test_a_webhook_that_was_taken_away_is_told(acme: World) -> None:
    """The next comparison sets it up again, and says so."""
    [hook] = acme.control.audience_info(acme.audience)["webhooks"]
    with acme.kit.store.read() as c:
        row = connections.get(c, acme.connection_id)
    assert row is not None
    acme.kit.mailchimp(row).delete_webhook(acme.audience, hook["id"])
    _sweep(acme)
    found = report.drift(acme.kit, acme.connection_id, None)
    assert found.counts == {Drift.WEBHOOK: 1}
    assert found.sentence.endswith("mended by themselves: our webhook set up again.")
