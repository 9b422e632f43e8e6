"""Old history is thrown away in small pieces: never what is unsettled, unread for a week, or a consent."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from processor import contacts, erase, purge, report
from processor.domain.contact import Consent, ConsentStatus
from processor.domain.edit import ContactPatch
from processor.domain.event import EventStatus
from processor.errors import NotFound
from processor.purge import Kind
from processor.store import accounts, conflicts, inbox, leases
from processor.store.conflicts import ConflictRow
from processor.store.inbox import Settled
from tests.web.conftest import api, clock, database_url
from tests.web.house import ACME, BIRCH, Api, Clock, keep, make_connection, open_api

__all__ = ["api", "clock", "database_url"]

DAY = 86_400


def write(api: Api, contact_id: str, city: str) -> None:
    """Write a contact, as the platform does."""
    consent = Consent(ConsentStatus.SUBSCRIBED, api.kit.now() - timedelta(days=1), "checkout")
    patch = ContactPatch(email=f"{contact_id}@maple-street.test", fields={"city": city}, consent=consent)
    contacts.put(api.kit, ACME, contact_id, patch)


def changes(api: Api, *, account: str = ACME, **params: Any) -> Any:
    """What the feed answers."""
    return api.call("GET", f"/v1/accounts/{account}/changes", params=params)


def settle(api: Api, name: str, status: EventStatus) -> None:
    """Settle one kept delivery."""
    now = api.kit.now()
    with api.house.store.write() as c:
        (row,) = [one for one in inbox.find(c, inbox.EventFilter(), limit=100) if one.name == name]
        claimed = inbox.claim(c, row.connection_id, limit=100, now=now, lease_seconds=60, worker="w")
        mine = next(one for one in claimed if one.id == row.id)
        inbox.settle(c, [Settled(mine.id, mine.claim, status, code="internal")], now)
        inbox.hand_back(c, [one.claim for one in claimed if one.id != row.id], now)


def test_old_changes_go_and_their_readers_are_told(api: Api, clock: Clock) -> None:
    """A cursor from before is refused, and reading everybody anew leads on; the contact itself stays."""
    write(api, "jo", "Leeds")
    old = changes(api).json()["cursor"]
    write(api, "jo", "Turku")
    clock.pass_seconds(401 * DAY)
    write(api, "kim", "Oslo")
    assert {one.kind: one.rows for one in purge.foresee(api.kit)}[Kind.CHANGES] == 2
    assert purge.everything(api.kit)[Kind.CHANGES] == 2
    assert purge.everything(api.kit)[Kind.CHANGES] == 0
    refused = changes(api, after=old)
    assert (refused.status_code, refused.json()["code"]) == (410, "cursor_expired")
    everybody = api.call("GET", f"/v1/accounts/{ACME}/contacts").json()
    assert [one["id"] for one in everybody["contacts"]] == ["jo", "kim"]
    assert changes(api, after=everybody["changes"]).json()["changes"] == []
    assert [one["id"] for one in changes(api).json()["changes"]] == ["kim"]


def test_a_reader_who_began_before_the_first_change_is_told_too(api: Api, clock: Clock) -> None:
    """The cursor of an empty feed is a place like any other: what was thrown away since was not read."""
    write(api, "jo", "Leeds")
    with api.house.store.write() as c:
        accounts.ensure(c, BIRCH, clock.moment)
    empty = changes(api, account=BIRCH).json()["cursor"]
    everybody = api.call("GET", f"/v1/accounts/{BIRCH}/contacts").json()["changes"]
    api.put("kim", account=BIRCH)
    api.put("lee", account=BIRCH)
    clock.pass_seconds(401 * DAY)
    purge.everything(api.kit)
    for cursor in (empty, everybody):
        assert changes(api, account=BIRCH, after=cursor).status_code == 410
    assert changes(api, account=BIRCH).json()["changes"] == []


def test_a_contact_is_known_as_it_was_without_the_changes_before(api: Api, clock: Clock) -> None:
    """What is kept is taken back from how it is now."""
    write(api, "jo", "Leeds")
    clock.pass_seconds(401 * DAY)
    before = clock.moment
    clock.pass_seconds(DAY)
    contacts.put(api.kit, ACME, "jo", ContactPatch(fields={"city": "Turku"}))
    purge.everything(api.kit)
    assert report.as_of(api.kit, ACME, "jo", before)["fields"] == {"city": "Leeds"}
    assert report.as_of(api.kit, ACME, "jo", clock.moment)["fields"] == {"city": "Turku"}


def test_a_contact_that_was_deleted_is_known_as_it_was_before(api: Api, clock: Clock) -> None:
    """What made it is long thrown away; what it was until it was deleted is history of these days."""
    write(api, "jo", "Leeds")
    clock.pass_seconds(405 * DAY)
    contacts.delete(api.kit, ACME, "jo")
    purge.everything(api.kit)
    before = report.as_of(api.kit, ACME, "jo", clock.moment - timedelta(days=1))
    assert (before["fields"], before["version"]) == ({"city": "Leeds"}, 1)
    with pytest.raises(NotFound):
        report.as_of(api.kit, ACME, "jo", clock.moment)
    erase.erase(api.kit, ACME, "jo")
    with pytest.raises(NotFound):
        report.as_of(api.kit, ACME, "jo", clock.moment - timedelta(days=1))


def test_conflicts_have_a_ceiling_and_a_week_to_be_decided(tmp_path: Path, clock: Clock) -> None:
    """Beyond the number of rows the oldest go, once somebody had eight days to use the other value."""
    with open_api(tmp_path, clock, most_conflicts=1000) as api:
        write(api, "jo", "Leeds")
        connection_id = make_connection(api.house)
        rows = [
            ConflictRow(ACME, connection_id, "jo", f"f{n}", "a", "b", "platform", clock.moment)
            for n in range(1200)
        ]
        with api.house.store.write() as c:
            conflicts.note(c, rows)
        clock.pass_seconds(7 * DAY)
        assert purge.everything(api.kit)[Kind.CONFLICTS] == 0
        clock.pass_seconds(2 * DAY)
        assert purge.foresee(api.kit)[list(Kind).index(Kind.CONFLICTS)].rows == 200
        assert purge.everything(api.kit)[Kind.CONFLICTS] == 200


def test_consents_stay_until_the_person_is_erased(api: Api, clock: Clock) -> None:
    """Years later it is still known who agreed to what."""
    write(api, "jo", "Leeds")
    clock.pass_seconds(4000 * DAY)
    purge.everything(api.kit)
    (line,) = report.consent_lines(api.kit, ACME, "jo").lines
    assert line.entry.source == "checkout"
    erase.erase(api.kit, ACME, "jo")
    assert not report.consent_lines(api.kit, ACME, "jo").lines


def test_settled_deliveries_go_and_the_others_stay(api: Api, clock: Clock) -> None:
    """What waits stays for ever, what is dead as long as the history, since somebody may send it round."""
    connection_id = make_connection(api.house)
    bodies = [f"type=profile&n={n}".encode() for n in range(3)]
    done, dead, waiting = keep(api.house, connection_id, *bodies)
    settle(api, done, EventStatus.SKIPPED)
    settle(api, dead, EventStatus.DEAD)

    def left() -> set[str]:
        with api.house.store.read() as c:
            return {one.name for one in inbox.find(c, inbox.EventFilter(), limit=100)}

    clock.pass_seconds(31 * DAY)
    assert purge.everything(api.kit)[Kind.DELIVERIES] == 1
    assert left() == {dead, waiting}
    clock.pass_seconds(400 * DAY)
    assert purge.everything(api.kit)[Kind.DELIVERIES] == 1
    assert left() == {waiting}


def test_a_ceiling_leaves_a_week_to_read(tmp_path: Path, clock: Clock) -> None:
    """Beyond the number of rows the oldest go, but not before a platform had eight days to read them."""
    with open_api(tmp_path, clock, most_changes=1000) as api:
        patches = {f"c{n}": ContactPatch(fields={"n": n}) for n in range(400)}
        for n in range(3):
            contacts.put_many(api.kit, ACME, patches)
            patches = {name: ContactPatch(fields={"n": n + 1000}) for name in patches}
        clock.pass_seconds(7 * DAY)
        assert purge.everything(api.kit)[Kind.CHANGES] == 0
        clock.pass_seconds(2 * DAY)
        assert purge.everything(api.kit)[Kind.CHANGES] == 200


def test_the_clock_does_it_a_little_at_a_time(api: Api, clock: Clock) -> None:
    """Once in six hours, going on where it was cut off, and leaving no lease behind."""
    write(api, "jo", "Leeds")
    clock.pass_seconds(401 * DAY)
    for _ in range(20):
        purge.some(api.kit)
    assert all(
        one.last is not None and one.last.finished_at == clock.moment for one in purge.foresee(api.kit)
    )
    assert purge.foresee(api.kit)[0].last.total == 1  # type: ignore[union-attr]
    with api.house.store.read() as c:
        assert not leases.is_held(c, purge.PURGE, clock.moment)
    write(api, "kim", "Oslo")
    clock.pass_seconds(5 * 3600)
    before = purge.foresee(api.kit)[0].last
    purge.some(api.kit)
    assert purge.foresee(api.kit)[0].last == before
