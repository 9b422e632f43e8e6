"""Erasing a person: gone here and there, and nobody brings them back."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from processor import feed, preview, report
from processor.erase import erase, finish, get
from processor.errors import NotFound
from processor.store import connections, erasures, inbox
from processor.store.erasures import ErasureRow
from processor.sweep import sweep
from tests.production.services import Database
from tests.whole.world import ACCOUNT, SUBSCRIBED, World, prepared, until, world

JO = "jo@maple-street.test"
PAT = "pat@maple-street.test"


def _settled(acme: World) -> None:
    acme.control.settle()
    until(acme.settled)


def _erased(acme: World, erasure: ErasureRow) -> ErasureRow:
    """Wait until the erasure is finished."""

    def finished() -> ErasureRow | None:
        row = get(acme.kit, erasure.id, ACCOUNT)
        return row if row.finished_at else None

    return until(finished)


def _everything(acme: World) -> str:
    """Every row of every table, bodies decoded."""
    found = []
    with acme.house.store.read() as c:
        names = c.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
        for name in names:
            found += [str(tuple(row)) for row in c.execute(text(f'SELECT * FROM "{name}"'))]
    return "\n".join(found).lower().replace("%40", "@")


def _with_jo(acme: World) -> None:
    """Jo and Pat, on both sides, with history, deliveries and a former address."""
    acme.put("1", email="jo.old@maple-street.test", fields={"first_name": "Jolanda"}, consent=SUBSCRIBED)
    acme.put("2", email=PAT, fields={"first_name": "Pat"}, consent=SUBSCRIBED)
    until(lambda: acme.member(PAT) and acme.member("jo.old@maple-street.test"))
    acme.control.edit(acme.audience, "jo.old@maple-street.test", merge_fields={"CITY": "Split"})
    acme.control.edit(acme.audience, PAT, merge_fields={"CITY": "Malmö"})
    _settled(acme)
    acme.control.change_address(acme.audience, "jo.old@maple-street.test", JO)
    _settled(acme)
    until(lambda: acme.contact(JO))
    assert "jo@maple" in _everything(acme)
    assert "jo.old@maple" in _everything(acme)


def test_nothing_is_left_of_them(acme: World) -> None:
    """Contact, links, history, deliveries: no table holds the address, a former one, or the name; the
    member is deleted for good; everybody else is as they were."""
    _with_jo(acme)
    done = _erased(acme, erase(acme.kit, ACCOUNT, "1"))
    assert acme.member(JO) is None
    assert [place["state"] for place in done.places] == ["deleted"]
    assert done.what["removed"]["contacts"] == 1
    assert done.what["removed"]["deliveries"] >= 2
    _settled(acme)
    left = _everything(acme)
    for trace in ("jo@maple", "jo.old@maple", "jolanda"):
        assert trace not in left, trace
    assert acme.contact(PAT).fields["first_name"] == "Pat"
    assert acme.member(PAT)["status"] == "subscribed"
    assert any("pat@maple" in str(row.subject) for row in acme.events())


def test_the_feed_says_so_by_the_id_alone_and_goes_on(acme: World) -> None:
    """A reader's cursor stays good: after it comes the erasure, without an address, then what follows."""
    _with_jo(acme)
    cursor = feed.read(acme.kit, ACCOUNT, after=None, limit=1000).cursor
    erasure = erase(acme.kit, ACCOUNT, "1")
    acme.put("3", email="kim@maple-street.test")
    told = feed.read(acme.kit, ACCOUNT, after=cursor, limit=1000).changes
    told = [row.change for row in told]
    assert [(change.contact_id, change.contact is None) for change in told] == [("1", True), ("3", False)]
    assert told[0].why == {"cause": "erasure", "erasure": erasure.id}
    assert set(told[0].what) == {"erased"}
    assert {row.change.contact_id for row in acme.changes()} == {"1", "2", "3"}
    _erased(acme, erasure)


def test_asking_twice_gives_the_same_and_strangers_are_not_found(acme: World) -> None:
    """The second request returns the first one's; an id that left no trace is not found."""
    _with_jo(acme)
    first = erase(acme.kit, ACCOUNT, "1")
    assert erase(acme.kit, ACCOUNT, "1").id == first.id
    done = _erased(acme, first)
    assert erase(acme.kit, ACCOUNT, "1") == done
    assert finish(acme.kit, first.id)
    with pytest.raises(NotFound):
        erase(acme.kit, ACCOUNT, "nobody")
    with pytest.raises(NotFound):
        get(acme.kit, first.id, "birch")


def test_while_mailchimp_is_down_nobody_brings_them_back(acme: World) -> None:
    """What is here goes at once; a webhook about them and a sweep of everybody change nothing; as soon as
    Mailchimp lets us, they are deleted there too."""
    _with_jo(acme)
    acme.control.fail(503, path="/lists/*/members/*", method="GET")
    erasure = erase(acme.kit, ACCOUNT, "1")
    until(lambda: get(acme.kit, erasure.id, ACCOUNT).places[0]["code"] == "mailchimp_down")
    assert "jo@maple" not in _everything(acme)
    acme.control.mend()
    acme.control.fail(503, path="/lists/*/members/*", method="POST")  # only deleting does not work
    acme.control.edit(acme.audience, JO, merge_fields={"CITY": "Bergen"})
    _settled(acme)
    until(lambda: sweep(acme.kit, acme.connection_id, full=True))
    _settled(acme)
    assert acme.contact(JO) is None
    assert acme.member(JO)["status"] == "subscribed"
    acme.control.mend()
    with acme.house.store.write() as c:
        erasures.change(c, erasure.id, next_try_at=acme.kit.now())
    _erased(acme, erasure)
    assert acme.member(JO) is None
    _settled(acme)
    assert "jo@maple" not in _everything(acme)


def test_the_platform_cannot_bring_them_back_either(acme: World) -> None:
    """Saved anew with an old consent, they are refused by Mailchimp, and the words say who can."""
    _with_jo(acme)
    _erased(acme, erase(acme.kit, ACCOUNT, "1"))
    acme.put("1", email=JO, consent=SUBSCRIBED)

    def reason() -> str | None:
        page = report.members(acme.kit, acme.connection_id, ACCOUNT)
        return {row.contact_id: row.reason for row in page.members}["1"]

    until(lambda: reason() == "email_forgotten")
    assert acme.member(JO) is None


def test_they_come_back_by_themselves_through_the_form(acme: World) -> None:
    """Afterwards they are somebody new."""
    _with_jo(acme)
    _erased(acme, erase(acme.kit, ACCOUNT, "1"))
    acme.control.subscribe(acme.audience, JO)
    until(lambda: acme.contact(JO))
    assert acme.contact(JO).id != "1"
    assert acme.contact(JO).consent.status == "subscribed"


def test_access_that_was_lost_keeps_it_waiting_and_says_so(acme: World) -> None:
    """A dead token stops the connection; the erasure waits for the customer, and nothing names the person."""
    _with_jo(acme)
    acme.control.revoke(acme.mailchimp_account)
    erasure = erase(acme.kit, ACCOUNT, "1")
    until(lambda: get(acme.kit, erasure.id, ACCOUNT).places[0]["code"] == "reconnect")
    with acme.house.store.read() as c:
        assert connections.get(c, acme.connection_id).state == "reconnect"
    assert "jo@maple" not in _everything(acme)


def test_a_delivery_that_arrives_later_is_deleted_too(acme: World) -> None:
    """What Mailchimp sends of them while it is not done there is gone in the end."""
    _with_jo(acme)
    acme.control.fail(503, path="/lists/*/members/*/actions/*", method="POST")
    erasure = erase(acme.kit, ACCOUNT, "1")
    until(lambda: get(acme.kit, erasure.id, ACCOUNT).places[0]["code"] == "mailchimp_down")
    acme.control.edit(acme.audience, JO, merge_fields={"CITY": "Bergen"})
    _settled(acme)
    with acme.house.store.read() as c:
        assert inbox.find(c, inbox.EventFilter(subject=JO), limit=10)
    acme.control.mend()
    with acme.house.store.write() as c:
        erasures.change(c, erasure.id, next_try_at=acme.kit.now())
    _erased(acme, erasure)
    assert "jo@maple" not in _everything(acme)


@pytest.mark.services
def test_on_postgresql_while_everything_works_on_it(tmp_path: Path) -> None:
    """Contacts are written, deliveries arrive and the feed is told all the while: nothing waits for ever,
    and nothing of the person is left."""
    with Database() as database, world(tmp_path, database_url=database.url) as acme:
        for n in range(20):
            acme.put(
                str(n), email=f"n{n}@maple-street.test", fields={"first_name": "Jolanda"}, consent=SUBSCRIBED
            )
        until(lambda: acme.member("n19@maple-street.test"))
        erasures_begun = []
        for n in range(20):
            acme.put(str(n), fields={"first_name": "Jolanda B."})
            acme.control.edit(acme.audience, f"n{n}@maple-street.test", merge_fields={"CITY": "Split"})
            if n % 2:
                erasures_begun.append(erase(acme.kit, ACCOUNT, str(n)))
        for one in erasures_begun:
            _erased(acme, one)
        until(acme.settled)
        left = set(acme.control.members(acme.audience))
        assert left == {f"n{n}@maple-street.test" for n in range(0, 20, 2)}
        assert {contact.email for contact in acme.contacts()} == left


def test_a_preview_that_was_under_way_names_nobody_who_was_erased(tmp_path: Path) -> None:
    """It had read them before: the erasure is not at its end before the preview is."""
    with prepared(tmp_path, members=[{"email_address": JO}]) as acme:
        acme.put("1", email=JO, consent=SUBSCRIBED)
        acme.choose()
        acme.control.latency(0.15)
        made = preview.begin(acme.kit, acme.connection_id, "a test")
        until(lambda: _pages_kept(acme))
        erasure = erase(acme.kit, ACCOUNT, "1")
        until(lambda: (now := preview.latest(acme.kit, acme.connection_id)) and now.is_ended)
        assert _erased(acme, erasure).what["removed"]["preview_pages"] > 0
        assert JO not in {row.address for row in preview.rows(acme.kit, made.id)}
        assert not _pages_kept(acme)


def _pages_kept(acme: World) -> int:
    with acme.house.store.read() as c:
        return int(c.execute(text("SELECT count(*) FROM run_pages")).scalar_one())
