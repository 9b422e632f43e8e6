"""What would change very many contacts at once stops before it, asks, and goes on only when it is let."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from processor import contacts, install, preview, report
from processor.domain.connection import ConnectionState
from processor.domain.contact import ConsentStatus
from processor.domain.edit import ContactPatch
from processor.errors import Conflict
from processor.store import connections
from processor.store.runs import RunState
from processor.sweep import sweep
from tests.whole.world import ACCOUNT, SUBSCRIBED, World, prepared, until

PEOPLE = 60
SHARE = 0.1
FROM = 5


def address(n: int) -> str:
    """One of the sixty."""
    return f"p{n}@maple-street.test"


def people(**more: Any) -> list[dict[str, Any]]:
    """The audience."""
    return [{"email_address": address(n), "status": "subscribed", **more} for n in range(PEOPLE)]


def brake_soon(made: World) -> None:
    """Let five people of sixty be enough."""
    with made.house.store.write() as c:
        row = connections.get(c, made.connection_id)
        assert row is not None
        policy = row.policy.model_copy(update={"brake_share": SHARE, "brake_from": FROM})
        connections.update(c, row.id, made.kit.now(), policy=policy)


@pytest.fixture
def sixty(tmp_path: Path) -> Iterator[World]:
    """Sixty people in step, and a brake that a few of them pull."""
    with prepared(tmp_path, members=people()) as made:
        made.choose()
        brake_soon(made)
        install.start(made.kit, made.connection_id, "jo", skip_preview=True)
        until(lambda: made.state() == ConnectionState.IN_SYNC)
        until(made.settled)
        yield made


def left_here(made: World) -> int:
    """How many contacts are off the list here."""
    return sum(c.consent.status is ConsentStatus.UNSUBSCRIBED for c in made.contacts())


def left_there(made: World) -> int:
    """How many members are subscribed no more."""
    return sum(m["status"] != "subscribed" for m in made.control.members(made.audience).values())


def problem(made: World) -> str:
    """What the connection says in words."""
    found = report.connection(made.kit, made.connection_id, ACCOUNT)
    assert found.problem_code == "brake"
    assert found.problem is not None
    return f"{found.problem.happened} | {found.line}"


def go_on(made: World) -> None:
    """Let it."""
    install.resume(made.kit, made.connection_id, accept=True)


def test_a_sweep_that_would_unsubscribe_many_stops_before_the_first_of_them(sixty: World) -> None:
    """The webhooks of twenty people who were unsubscribed at once are lost: nothing is written, the reason is
    told with its numbers; resuming needs a word; then it is done, and the next sweep is not stopped."""
    sixty.control.webhooks(drop=1.0)
    for n in range(20):
        sixty.control.unsubscribe(sixty.audience, address(n), by="admin")
    assert sweep(sixty.kit, sixty.connection_id) is None
    assert sixty.state() == ConnectionState.PAUSED
    assert left_here(sixty) == 0
    assert "At least 20 of 60 contacts would be unsubscribed here" in problem(sixty)
    with pytest.raises(Conflict, match="At least 20 of 60"):
        install.resume(sixty.kit, sixty.connection_id)
    assert sixty.state() == ConnectionState.PAUSED
    go_on(sixty)
    until(lambda: left_here(sixty) == 20)
    until(lambda: not sixty.is_at_work())
    assert sixty.state() == ConnectionState.IN_SYNC
    for n in range(20, 40):
        sixty.control.unsubscribe(sixty.audience, address(n), by="admin")
    sweep(sixty.kit, sixty.connection_id)
    assert sixty.state() == ConnectionState.PAUSED, "what was said once is not said for ever"
    assert left_here(sixty) == 20


def test_who_says_yes_two_days_later_is_asked_once(sixty: World) -> None:
    """The sweep that was stopped is too old to be carried on: what was said counts for the next one."""
    sixty.control.webhooks(drop=1.0)
    for n in range(20):
        sixty.control.unsubscribe(sixty.audience, address(n), by="admin")
    sweep(sixty.kit, sixty.connection_id)
    with sixty.house.store.write() as c:
        row = connections.get(c, sixty.connection_id)
        assert row is not None
        two_days_ago = (sixty.kit.now() - timedelta(days=2)).isoformat()
        cursor = {**(row.sweep_cursor or {}), "touched": two_days_ago}
        connections.update(c, row.id, sixty.kit.now(), sweep_cursor=cursor)
    go_on(sixty)
    until(lambda: left_here(sixty) == 20)
    assert sixty.state() == ConnectionState.IN_SYNC


def test_pages_that_a_push_reads_are_held_as_well(sixty: World) -> None:
    """Webhooks are lost; the platform then writes so many contacts that pages are read instead of each."""
    sixty.control.webhooks(drop=1.0)
    for n in range(20):
        sixty.control.unsubscribe(sixty.audience, address(n), by="admin")
    written = {address(n) for n in range(20, 50)}
    contacts.put_many(
        sixty.kit,
        ACCOUNT,
        {c.id: ContactPatch(fields={"city": "Graz"}) for c in sixty.contacts() if c.email in written},
    )
    until(lambda: sixty.state() == ConnectionState.PAUSED)
    assert left_here(sixty) == 0
    assert "At least 20 of 60 contacts would be unsubscribed here" in problem(sixty)
    go_on(sixty)
    until(lambda: left_here(sixty) == 20)
    until(lambda: sixty.member(address(30))["merge_fields"]["CITY"] == "Graz")


def test_few_are_never_held(sixty: World) -> None:
    """Six of sixty are the share that is allowed."""
    sixty.control.webhooks(drop=1.0)
    for n in range(6):
        sixty.control.unsubscribe(sixty.audience, address(n), by="admin")
    sweep(sixty.kit, sixty.connection_id)
    assert left_here(sixty) == 6
    assert sixty.state() == ConnectionState.IN_SYNC


def test_webhooks_are_believed_at_once_however_many(sixty: World) -> None:
    """Each is one person's act: twenty in a row are carried out, and nobody is asked."""
    for n in range(20):
        sixty.control.unsubscribe(sixty.audience, address(n))
    until(lambda: left_here(sixty) == 20)
    assert sixty.state() == ConnectionState.IN_SYNC


def test_a_sweep_that_would_change_many_stops(sixty: World) -> None:
    """Somebody overwrites a field of everybody in Mailchimp, unheard."""
    sixty.control.webhooks(drop=1.0)
    for n in range(30):
        sixty.control.edit(sixty.audience, address(n), merge_fields={"CITY": "Nowhere"})
    sweep(sixty.kit, sixty.connection_id)
    assert "At least 30 of 60 contacts would be changed here" in problem(sixty)
    assert not any("city" in c.fields for c in sixty.contacts())
    go_on(sixty)
    until(lambda: sum(c.fields.get("city") == "Nowhere" for c in sixty.contacts()) == 30)


def test_many_who_were_deleted_there_stop_it_as_well(sixty: World) -> None:
    """Somebody deletes half of the audience for good: found by comparing everybody, and asked about."""
    sixty.control.webhooks(drop=1.0)
    for n in range(30):
        sixty.control.delete(sixty.audience, address(n))
    sweep(sixty.kit, sixty.connection_id, full=True)
    assert "would be unsubscribed here" in problem(sixty)
    assert left_here(sixty) == 0
    go_on(sixty)
    until(lambda: left_here(sixty) == 30)


def test_a_platform_that_unsubscribes_many_at_once_is_asked_first(sixty: World) -> None:
    """A broken import takes thirty people off the list here: nobody is unsubscribed in Mailchimp before
    somebody says so; then all of them are."""
    install.pause(sixty.kit, sixty.connection_id)
    off = {"status": "unsubscribed", "at": "2026-06-01T09:00:00+00:00", "source": "import"}
    ids = {c.email: c.id for c in sixty.contacts()}
    for n in range(30):
        sixty.put(ids[address(n)], consent=off)
    install.resume(sixty.kit, sixty.connection_id)
    until(lambda: sixty.state() == ConnectionState.PAUSED)
    assert left_there(sixty) == 0
    assert "30 of 60 contacts would be unsubscribed in Mailchimp, as your platform asks" in problem(sixty)
    go_on(sixty)
    until(lambda: left_there(sixty) == 30)
    until(sixty.settled)
    assert sixty.state() == ConnectionState.IN_SYNC


def test_a_platform_that_deletes_many_at_once_is_asked_first(sixty: World) -> None:
    """They would be archived."""
    install.pause(sixty.kit, sixty.connection_id)
    for c in sixty.contacts()[:30]:
        contacts.delete(sixty.kit, ACCOUNT, c.id)
    install.resume(sixty.kit, sixty.connection_id)
    until(lambda: sixty.state() == ConnectionState.PAUSED)
    assert "would be archived in Mailchimp" in problem(sixty)
    assert left_there(sixty) == 0


def test_what_comes_in_pieces_within_an_hour_is_counted_together(sixty: World) -> None:
    """Two at a time, again and again: the seventh is where it stops."""
    off = {"status": "unsubscribed", "at": "2026-06-01T09:00:00+00:00", "source": "import"}
    ids = {c.email: c.id for c in sixty.contacts()}
    for n in range(0, 20, 2):
        for one in (n, n + 1):
            sixty.put(ids[address(one)], consent=off)
        until(lambda: sixty.state() == ConnectionState.PAUSED or sixty.settled())
        if sixty.state() == ConnectionState.PAUSED:
            break
    assert sixty.state() == ConnectionState.PAUSED
    assert left_there(sixty) == 6


def test_a_first_sync_that_nobody_previewed_stops(tmp_path: Path) -> None:
    """The platform has sixty people subscribed who left in Mailchimp: it asks, also after the run began, and
    ends when it may."""
    with prepared(tmp_path, members=people()) as made:
        for n in range(PEOPLE):
            made.put(f"c{n}", email=address(n), consent=SUBSCRIBED)
            made.control.unsubscribe(made.audience, address(n))
        made.choose()
        brake_soon(made)
        install.start(made.kit, made.connection_id, "jo", skip_preview=True)
        until(lambda: made.state() == ConnectionState.PAUSED)
        assert left_here(made) == 0
        assert install.progress(made.kit, made.connection_id).run_state is RunState.RUNNING
        go_on(made)
        until(lambda: made.state() == ConnectionState.IN_SYNC)
        assert left_here(made) == PEOPLE


def test_a_first_sync_does_what_was_previewed_without_asking_again(tmp_path: Path) -> None:
    """The preview said sixty; somebody saw it and began."""
    with prepared(tmp_path, members=people()) as made:
        for n in range(PEOPLE):
            made.put(f"c{n}", email=address(n), consent=SUBSCRIBED)
            made.control.unsubscribe(made.audience, address(n))
        made.choose()
        brake_soon(made)
        preview.begin(made.kit, made.connection_id, "jo")
        until(lambda: preview.latest(made.kit, made.connection_id).is_done)
        install.start(made.kit, made.connection_id, "jo")
        until(lambda: made.state() == ConnectionState.IN_SYNC)
        assert left_here(made) == PEOPLE


def test_the_brake_can_be_taken_off(tmp_path: Path) -> None:
    """A share of one is everybody."""
    with prepared(tmp_path, members=people()) as made:
        made.choose(brake_share=1.0)
        install.start(made.kit, made.connection_id, "jo", skip_preview=True)
        until(lambda: made.state() == ConnectionState.IN_SYNC)
        until(made.settled)
        made.control.webhooks(drop=1.0)
        for n in range(PEOPLE):
            made.control.unsubscribe(made.audience, address(n), by="admin")
        sweep(made.kit, made.connection_id)
        assert left_here(made) == PEOPLE
