"""The first sync as a run: begun, watched, paused, cancelled; not begun where something is in its way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from processor import install, preview, report, setup
from processor.domain.connection import ConnectionState
from processor.errors import Conflict, NotFound
from processor.first_sync import Progress
from processor.store.runs import RunState
from tests.whole.world import ACCOUNT, SUBSCRIBED, World, prepared, until

JO = "jo@maple-street.test"


def members(number: int, **more: Any) -> list[dict[str, Any]]:
    """That many people of an audience."""
    return [
        {"email_address": f"m{n}@maple-street.test", "status": "subscribed", **more} for n in range(number)
    ]


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[World]:
    """A connection that is set up, with thirty members there and nothing begun."""
    with prepared(tmp_path, members=members(30, merge_fields={"FNAME": "Mo"})) as made:
        made.choose()
        yield made


def how(made: World) -> Progress:
    """How far its first sync is."""
    return install.progress(made.kit, made.connection_id)


def start(made: World) -> None:
    """Begin without a preview."""
    install.start(made.kit, made.connection_id, "jo", skip_preview=True)


def until_done(made: World) -> Progress:
    """Wait until the first sync has ended by itself."""
    until(lambda: how(made).run_state is RunState.DONE, 30)
    return how(made)


def hooks(made: World) -> list[dict[str, Any]]:
    """The audience's webhooks."""
    return list(made.control.audience_info(made.audience)["webhooks"])


def test_a_first_sync_ends_with_its_numbers(fresh: World) -> None:
    """New ones there and here, one whom both know differently, one left out and one refused: each is counted,
    in numbers and in a sentence, and the connection is up to date."""
    for n in range(4):
        fresh.put(f"c{n}", email=f"c{n}@maple-street.test", consent=SUBSCRIBED)
    fresh.put("m1", email="m1@maple-street.test", fields={"city": "Oslo"}, consent=SUBSCRIBED)
    fresh.put("quiet", email="quiet@maple-street.test")
    fresh.put("fake", email="someone@example.com", consent=SUBSCRIBED)
    assert how(fresh).line == "The first sync has not begun."
    start(fresh)
    done = until_done(fresh)
    assert done.numbers == {
        "added_there": 4,
        "changed_there": 1,
        "added_here": 29,
        "changed_here": 1,
        "left_alone": 1,
        "failing": 1,
    }
    assert done.line == (
        "The first sync is done: 4 contacts added and 1 changed in Mailchimp, "
        "29 added and 1 changed on the platform, 1 left alone, 1 that needs a look."
    )
    assert fresh.state() == ConnectionState.IN_SYNC
    assert fresh.member("m1@maple-street.test")["merge_fields"]["CITY"] == "Oslo"


def test_nothing_begins_without_a_preview_or_a_word_that_it_is_skipped(fresh: World) -> None:
    """The refusal says what to do; with a preview of these very settings it begins, not of others."""
    with pytest.raises(Conflict, match="Make a preview first"):
        install.start(fresh.kit, fresh.connection_id, "jo")
    assert hooks(fresh) == []
    preview.begin(fresh.kit, fresh.connection_id, "jo")
    until(lambda: preview.latest(fresh.kit, fresh.connection_id).is_done)
    setup.save(fresh.kit, fresh.connection_id, setup.Choices(fresh.audience, import_members=False), "jo")
    with pytest.raises(Conflict, match="with these settings"):
        install.start(fresh.kit, fresh.connection_id, "jo")
    setup.save(fresh.kit, fresh.connection_id, setup.Choices(fresh.audience, import_members=True), "jo")
    install.start(fresh.kit, fresh.connection_id, "jo")
    assert until_done(fresh).numbers["added_here"] == 30


def test_what_stands_in_its_way_is_said_before_anything_changes(fresh: World) -> None:
    """The login may not write: refused in words, no webhook, still to be set up."""
    fresh.control.change_account(fresh.mailchimp_account, role="viewer")
    with pytest.raises(Conflict, match=r"cannot begin yet.*“viewer”"):
        start(fresh)
    assert hooks(fresh) == []
    assert fresh.state() == ConnectionState.SETUP


def test_beginning_twice_is_beginning_once(fresh: World) -> None:
    """The same run, one webhook, and nobody added twice."""
    first = install.start(fresh.kit, fresh.connection_id, "jo", skip_preview=True)
    again = install.start(fresh.kit, fresh.connection_id, "kim", skip_preview=True)
    assert (again.id, again.asked_by) == (first.id, "jo")
    until_done(fresh)
    assert len(hooks(fresh)) == 1
    with pytest.raises(Conflict, match="is done"):
        start(fresh)


def test_a_paused_sync_rests_and_goes_on(fresh: World) -> None:
    """While it is paused nothing is asked of Mailchimp and nothing is sent; what waits is sent afterwards."""
    fresh.control.latency(0.05)
    for n in range(20):
        fresh.put(f"c{n}", email=f"c{n}@maple-street.test", consent=SUBSCRIBED)
    start(fresh)
    install.pause(fresh.kit, fresh.connection_id)
    until(lambda: not fresh.is_at_work())
    fresh.control.forget_requests()
    fresh.put("late", email=JO, consent=SUBSCRIBED)
    assert how(fresh).line.endswith("paused") or how(fresh).phase == "waiting"
    found = report.connection(fresh.kit, fresh.connection_id, None)
    assert found.state is ConnectionState.PAUSED
    assert fresh.control.calls() == {}
    install.resume(fresh.kit, fresh.connection_id)
    assert fresh.state() == ConnectionState.IMPORTING
    until_done(fresh)
    assert until(lambda: fresh.member(JO))["status"] == "subscribed"


def test_a_pause_outlives_a_sweep_that_is_just_finishing(fresh: World) -> None:
    """However often it is paused at some moment of a sync, paused it stays until somebody resumes it."""
    fresh.control.latency(0.01)
    start(fresh)
    for _ in range(8):
        row = install.pause(fresh.kit, fresh.connection_id)
        assert row.state == ConnectionState.PAUSED
        until(lambda: not fresh.is_at_work())
        assert fresh.state() == ConnectionState.PAUSED
        install.resume(fresh.kit, fresh.connection_id)
    until_done(fresh)


def test_a_cancelled_sync_leaves_what_it_did_and_does_nothing_twice_later(fresh: World) -> None:
    """Our webhook goes, the connection waits to be begun again, and then nobody is added a second time."""
    for n in range(5):
        fresh.put(f"c{n}", email=f"c{n}@maple-street.test", consent=SUBSCRIBED)
    start(fresh)
    until(lambda: fresh.member("c0@maple-street.test") or how(fresh).run_state is RunState.DONE)
    if how(fresh).run_state is RunState.DONE:
        pytest.skip("it was quicker than the test")
    run = install.cancel(fresh.kit, fresh.connection_id)
    assert run.state is RunState.CANCELLED
    assert install.cancel(fresh.kit, fresh.connection_id).id == run.id
    assert fresh.state() == ConnectionState.SETUP
    assert hooks(fresh) == []
    assert how(fresh).line.startswith("The first sync was cancelled. What was done stays: ")
    until(lambda: not fresh.is_at_work())
    versions = {c.id: c.version for c in fresh.contacts()}
    start(fresh)
    until_done(fresh)
    until(fresh.settled)
    assert len(fresh.control.members(fresh.audience)) == 35
    assert len(fresh.contacts()) == 35
    assert all(c.version == versions.get(c.id, c.version) for c in fresh.contacts())


def test_what_cannot_be_done_is_refused_in_words(fresh: World) -> None:
    """Each state says why, and what to do."""
    with pytest.raises(Conflict, match="Nothing runs yet"):
        install.pause(fresh.kit, fresh.connection_id)
    with pytest.raises(Conflict, match="is not paused"):
        install.resume(fresh.kit, fresh.connection_id)
    with pytest.raises(Conflict, match="nothing to cancel"):
        install.cancel(fresh.kit, fresh.connection_id)
    with pytest.raises(NotFound):
        install.start(fresh.kit, "con_nobody", "jo")
    start(fresh)
    until_done(fresh)
    fresh.control.revoke(fresh.mailchimp_account)
    fresh.put("late", email=JO, consent=SUBSCRIBED)
    until(lambda: fresh.state() == ConnectionState.RECONNECT)
    for refused in (install.pause, install.resume):
        with pytest.raises(Conflict, match="no longer accepts our access"):
            refused(fresh.kit, fresh.connection_id)


def test_a_sync_that_an_outage_holds_up_says_so_and_goes_on(fresh: World) -> None:
    """Mailchimp limits requests: progress says why it does not move; afterwards it ends by itself."""
    fresh.put("jo", email=JO, consent=SUBSCRIBED)
    fresh.control.fail(429, path="/lists/*/members*")
    start(fresh)
    until(lambda: how(fresh).held == "rate_limited")
    assert how(fresh).line.endswith("Mailchimp is limiting requests. We keep trying.")
    fresh.control.mend()
    until_done(fresh)
    assert len(fresh.control.members(fresh.audience)) == 31


def test_who_was_given_up_in_an_outage_is_tried_again_before_it_is_done(fresh: World) -> None:
    """Adding is refused for longer than the attempts last; the run stays open, and everybody arrives."""
    for n in range(3):
        fresh.put(f"c{n}", email=f"c{n}@maple-street.test", consent=SUBSCRIBED)
    adding = f"/lists/{fresh.audience}"
    fresh.control.fail(403, path=adding, method="POST", html="<h1>Access Denied</h1>")
    start(fresh)
    tries = fresh.kit.settings.event_attempts + 2
    until(lambda: fresh.control.calls().get("POST /lists/{list_id}", 0) >= tries, 30)
    assert how(fresh).run_state is RunState.RUNNING
    fresh.control.mend()
    assert until_done(fresh).numbers["failing"] == 0
    assert fresh.member("c2@maple-street.test")


def test_a_token_that_dies_in_the_middle_keeps_the_run(fresh: World) -> None:
    """The run waits, nothing is asked any more, and with a new token it goes on and ends."""
    fresh.control.latency(0.05)
    for n in range(20):
        fresh.put(f"c{n}", email=f"c{n}@maple-street.test", consent=SUBSCRIBED)
    start(fresh)
    fresh.control.revoke(fresh.mailchimp_account)
    until(lambda: fresh.state() == ConnectionState.RECONNECT)
    assert how(fresh).run_state is RunState.RUNNING
    assert how(fresh).line.endswith("goes on after you reconnect") or how(fresh).phase == "waiting"
    fresh.reconnect()
    until_done(fresh)
    until(fresh.settled)
    assert len(fresh.control.members(fresh.audience)) == 50


def test_a_connection_says_how_far_its_first_sync_is(fresh: World) -> None:
    """In its report, while it runs and no longer."""
    fresh.control.fail(429, path="/lists/*/members*")
    start(fresh)
    until(lambda: how(fresh).held)
    [found] = report.connections_of(fresh.kit, ACCOUNT)
    assert found.line == how(fresh).line
    fresh.control.mend()
    until_done(fresh)
    assert report.connections_of(fresh.kit, ACCOUNT)[0].progress is None


def test_a_pause_stops_a_long_push_after_the_calls_under_way(fresh: World) -> None:
    """Forty single changes of half a second each, four at a time: paused in the middle, the rest waits."""
    start(fresh)
    until_done(fresh)
    until(fresh.settled)
    ids = {c.email: c.id for c in fresh.contacts()}
    fresh.control.latency(0.5)
    for n in range(30):
        fresh.put(ids[f"m{n}@maple-street.test"], fields={"city": "Oslo"})

    def changed() -> int:
        return sum(
            m["merge_fields"]["CITY"] == "Oslo" for m in fresh.control.members(fresh.audience).values()
        )

    until(lambda: changed() > 0)
    install.pause(fresh.kit, fresh.connection_id)
    until(lambda: not fresh.is_at_work())
    assert changed() < 30
    fresh.control.latency(0)
    install.resume(fresh.kit, fresh.connection_id)
    until(lambda: changed() == 30)
