"""Going round an audience: what webhooks missed is healed, and our webhook itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from processor.domain.contact import ConsentStatus
from processor.store import connections, members
from processor.store.connections import ConnectionRow
from processor.store.tables import sweep_pages
from processor.sweep import sweep
from tests.whole.world import SUBSCRIBED, World, begin, until, world

JO = "jo@maple-street.test"


def _hooks(acme: World) -> list[dict[str, object]]:
    return list(acme.control.audience_info(acme.audience)["webhooks"])


def _connection(acme: World) -> ConnectionRow:
    with acme.kit.store.read() as c:
        row = connections.get(c, acme.connection_id)
    assert row is not None
    return row


def test_what_webhooks_missed_is_healed(acme: World) -> None:
    """Every webhook is lost; a sweep finds the edit, the newcomer, the archived and the deleted."""
    for name in ("ada", "ben", "cleo"):
        acme.control.subscribe(acme.audience, f"{name}@maple-street.test")
    until(lambda: all(acme.contact(f"{n}@maple-street.test") for n in ("ada", "ben", "cleo")))
    until(acme.settled)
    acme.control.webhooks(drop=1.0)
    acme.control.edit(acme.audience, "ada@maple-street.test", merge_fields={"FNAME": "Ada"})
    acme.control.archive(acme.audience, "ben@maple-street.test")
    acme.control.delete(acme.audience, "cleo@maple-street.test")
    acme.control.subscribe(acme.audience, JO)
    sweep(acme.kit, acme.connection_id, full=True)
    until(acme.settled)
    assert acme.contact("ada@maple-street.test").fields["first_name"] == "Ada"
    assert acme.contact("ben@maple-street.test").consent.status is ConsentStatus.UNSUBSCRIBED
    assert acme.contact("cleo@maple-street.test").consent.status is ConsentStatus.UNSUBSCRIBED
    assert acme.contact(JO).consent.status is ConsentStatus.SUBSCRIBED


def test_who_was_deleted_for_good_is_found_soon(acme: World) -> None:
    """The webhook does not say who it was (its address is a stand-in): everybody is compared."""
    acme.control.subscribe(acme.audience, JO)
    until(lambda: acme.contact(JO))
    until(acme.settled)
    now = acme.kit.now()
    with acme.kit.store.write() as c:
        connections.update(c, acme.connection_id, now, last_full_sweep_at=now - timedelta(hours=2))
    acme.control.delete(acme.audience, JO)
    until(lambda: acme.contact(JO).consent.status is ConsentStatus.UNSUBSCRIBED)
    assert acme.contact(JO).consent.source == "mailchimp:deleted"


def test_not_everybody_is_compared_for_each_who_is_deleted(acme: World) -> None:
    """They were compared a moment ago: it is done once that is an hour ago, and keeps nothing waiting."""
    acme.control.subscribe(acme.audience, JO)
    until(lambda: acme.contact(JO))
    until(acme.settled)
    before = _connection(acme).last_full_sweep_at
    acme.control.delete(acme.audience, JO)
    wanted = until(lambda: _connection(acme).full_sweep_wanted_at)
    assert wanted - before == timedelta(hours=1)
    until(acme.settled)
    assert _connection(acme).last_full_sweep_at == before


def test_a_webhook_that_is_gone_is_registered_again(acme: World) -> None:
    """Somebody deletes our webhook; after the next full sweep one of ours stands, with a new address."""
    first = _hooks(acme)[0]
    url = acme.kit.settings.mailchimp_login_url
    key = acme.control.token(acme.mailchimp_account)
    import httpx

    path = f"{url}/3.0/lists/{acme.audience}/webhooks/{first['id']}"
    assert httpx.delete(path, headers={"Authorization": f"Bearer {key}"}).status_code == 204
    sweep(acme.kit, acme.connection_id, full=True)
    assert len(_hooks(acme)) == 1
    assert _hooks(acme)[0]["url"] != first["url"]
    acme.control.subscribe(acme.audience, JO)
    until(lambda: acme.contact(JO))


def test_a_sound_webhook_is_left_alone(acme: World) -> None:
    """Looking after it twice changes nothing."""
    before = _hooks(acme)
    sweep(acme.kit, acme.connection_id, full=True)
    assert _hooks(acme) == before


def test_a_quiet_audience_costs_no_more_than_the_look(acme: World) -> None:
    """When both sides are equal, a sweep reads its pages and writes nothing, here or there."""
    acme.put("1", email=JO, consent=SUBSCRIBED)
    until(lambda: acme.member(JO))
    acme.control.settle()
    until(acme.settled)
    version = acme.contact(JO).version
    acme.control.forget_requests()
    healed = sweep(acme.kit, acme.connection_id)
    assert healed is not None
    assert healed.changed == 0
    assert acme.contact(JO).version == version
    assert set(acme.control.calls()) == {"GET /lists/{list_id}/members"}


def test_comparing_everybody_writes_no_row_and_still_finds_who_was_deleted(acme: World) -> None:
    """Nobody's row is touched only to say that they were met, and nothing of the comparison is left."""
    people = [f"{name}@maple-street.test" for name in ("ada", "ben", "cleo")]
    for address in people:
        acme.control.subscribe(acme.audience, address)
    until(lambda: all(acme.contact(address) for address in people))
    until(acme.settled)

    def written() -> dict[int, datetime | None]:
        with acme.house.store.read() as c:
            return {row.id: row.updated_at for row in members.find(c, acme.connection_id, limit=10)}

    before = written()
    assert sweep(acme.kit, acme.connection_id, full=True).gone == 0
    assert written() == before
    acme.control.webhooks(drop=1.0)
    acme.control.delete(acme.audience, people[1])
    assert sweep(acme.kit, acme.connection_id, full=True).gone == 1
    assert len([n for n, at in written().items() if at != before[n]]) == 1
    with acme.house.store.read() as c:
        assert c.execute(select(sweep_pages)).all() == []


def test_an_audience_that_is_made_double_opt_in_later_is_heeded(acme: World) -> None:
    """After the next full sweep new members are asked by Mailchimp instead of being subscribed."""
    acme.control.change_audience(acme.audience, double_optin=True)
    sweep(acme.kit, acme.connection_id, full=True)
    acme.put("1", email=JO, consent=SUBSCRIBED)
    assert until(lambda: acme.member(JO))["status"] == "pending"


def test_another_audience_may_be_chosen_when_the_first_is_gone(acme: World) -> None:
    """The marketer deletes the audience: the connection says so, and goes on with the one chosen next."""
    acme.put("1", email=JO, consent=SUBSCRIBED)
    until(lambda: acme.member(JO))
    acme.control.drop_audience(acme.audience)
    sweep(acme.kit, acme.connection_id)

    def row() -> ConnectionRow:
        with acme.house.store.read() as c:
            return connections.get(c, acme.connection_id)

    assert until(lambda: row().problem_code) == "audience_gone"
    second = acme.control.audience(acme.mailchimp_account, "Second")
    begin(acme.house, acme.connection_id, second.id)
    assert until(lambda: acme.control.member(second.id, JO))["status"] == "subscribed"


@pytest.fixture
def many(tmp_path: Path) -> Iterator[World]:
    """An audience of three pages."""
    people = [{"email_address": f"m{n}@maple-street.test", "status": "subscribed"} for n in range(2300)]
    with world(tmp_path, members=people) as made:
        yield made


def test_a_sweep_that_is_interrupted_goes_on_where_it_was(many: World) -> None:
    """Its process ends after the first page: another worker reads the rest, and not that page again."""
    many.control.latency(0.25)
    kit = replace(many.kit, worker="one that ends", stopping=threading.Event())
    going = threading.Thread(target=sweep, args=(kit, many.connection_id), kwargs={"full": True})
    going.start()

    def seen() -> int:
        with many.house.store.read() as c:
            cursor = connections.get(c, many.connection_id).sweep_cursor
        return cursor["seen"] if cursor else 0

    until(lambda: seen() >= 1000, 60)
    kit.stopping.set()
    many.control.forget_requests()
    going.join()
    until(lambda: seen() == 0, 60)
    until(lambda: not many.is_at_work(), 60)
    pages = many.control.calls()["GET /lists/{list_id}/members"]
    assert pages <= 3, "the page that was under way, and those after it"
    assert seen() == 0
    assert len(many.contacts()) == 2300


def test_the_next_page_is_read_while_one_is_worked_on(many: World) -> None:
    """Never more than one ahead."""
    many.control.latency(0.05)
    many.control.forget_requests()
    assert sweep(many.kit, many.connection_id, full=True).seen == 2300
    assert many.control.calls()["GET /lists/{list_id}/members"] == 4


def test_a_full_comparison_that_is_asked_for_meanwhile_is_made_afterwards(many: World) -> None:
    """What was read before the wish was read under other rules."""
    many.control.latency(0.25)
    going = threading.Thread(target=sweep, args=(many.kit, many.connection_id), kwargs={"full": True})
    going.start()

    def row() -> ConnectionRow:
        with many.house.store.read() as c:
            return connections.get(c, many.connection_id)

    until(lambda: row().sweep_cursor is not None)
    with many.house.store.write() as c:
        connections.update(c, many.connection_id, many.kit.now(), last_full_sweep_at=None)
    wished_at = many.kit.now()
    going.join()
    many.control.latency(0)
    until(lambda: row().last_full_sweep_at is not None and row().last_full_sweep_at > wished_at, 60)
