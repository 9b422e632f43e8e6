"""Webhooks that are sent again: planned, sent piece by piece under their old ids, looked at, ended."""

from __future__ import annotations

from datetime import timedelta

import pytest

from processor import endpoints, replay
from processor.domain.outgoing import NoticeKind
from processor.errors import NotFound
from processor.store import notices, notices_again
from processor.store.endpoints import EndpointRow
from processor.store.notices_again import NoticeFilter
from processor.store.notices_rows import NoticeState
from processor.store.runs import RunState
from tests.outgoing.stage import Platform, Stage

DELIVERED = frozenset({NoticeState.DELIVERED})


def tell(stage: Stage, count: int, kind: NoticeKind = NoticeKind.ISSUE_OPENED) -> None:
    """Tell the platform of so many things."""
    with stage.house.store.write() as c:
        for n in range(count):
            notices.tell(c, "acme", kind, {"issue": f"iss_{n}"}, stage.clock())


def arrived(stage: Stage, platform: Platform, count: int) -> EndpointRow:
    """An endpoint that so many webhooks have arrived at."""
    endpoint, _ = stage.endpoint(platform.url)
    tell(stage, count)
    assert stage.work() == count
    return endpoint


def test_what_arrived_is_sent_again_under_its_old_id(stage: Stage, platform: Platform) -> None:
    """The plan says what would be sent and sends nothing; the platform knows each by its id."""
    endpoint = arrived(stage, platform, 3)
    before = sorted(platform.ids)
    assert replay.plan_notices(stage.kit, NoticeFilter(endpoint.id), "acme").count == 0  # none is dead
    planned = replay.plan_notices(stage.kit, NoticeFilter(endpoint.id, DELIVERED), "acme")
    assert (planned.count, planned.by_kind) == (3, {NoticeKind.ISSUE_OPENED: 3})
    assert stage.later(5) == 0
    done = replay.run(stage.kit, planned, who="ops")
    assert (done.count, done.line) == (3, "All sent · 3 of 3 webhooks")
    assert stage.work() == 3
    assert sorted(platform.ids) == sorted(before * 2)
    assert replay.run(stage.kit, planned, who="ops").count == 3  # safe: the platform knows the ids


def test_only_what_was_chosen_is_sent(stage: Stage, platform: Platform) -> None:
    """By kind and by time; and what came after the plan is not meant."""
    endpoint = arrived(stage, platform, 2)
    stage.clock.pass_seconds(3600)
    tell(stage, 1, NoticeKind.ISSUE_RESOLVED)
    stage.work()
    late = NoticeFilter(endpoint.id, DELIVERED, since=stage.clock() - timedelta(minutes=1))
    assert replay.plan_notices(stage.kit, late, None).by_kind == {NoticeKind.ISSUE_RESOLVED: 1}
    opened = NoticeFilter(endpoint.id, DELIVERED, kinds=frozenset({NoticeKind.ISSUE_OPENED}))
    planned = replay.plan_notices(stage.kit, opened, None)
    assert planned.count == 2
    tell(stage, 1)
    stage.work()
    assert replay.run(stage.kit, planned, who="ops").count == 2


def test_a_replay_goes_at_its_rate_and_ends_when_it_is_cancelled(stage: Stage, platform: Platform) -> None:
    """Piece by piece; what was made due is sent, and nothing more."""
    endpoint = arrived(stage, platform, 5)
    planned = replay.plan_notices(stage.kit, NoticeFilter(endpoint.id, DELIVERED), None)
    begun = replay.run(stage.kit, planned, who="ops", per_minute=60)
    assert (begun.count, begun.row.state) == (2, RunState.RUNNING)
    assert replay.carry_on(stage.kit, begun.row.id) == 0
    stage.clock.pass_seconds(2)
    assert replay.carry_on(stage.kit, begun.row.id) == 2
    assert replay.cancel(stage.kit, begun.row.id, None).row.state is RunState.CANCELLED
    stage.clock.pass_seconds(60)
    assert replay.carry_on(stage.kit, begun.row.id) == 0
    assert stage.work() == 4
    assert len(platform.got) == 9


def test_an_endpoint_that_is_full_or_disabled_holds_it_up(
    stage: Stage, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is sent again never keeps out what is new, and waits for an endpoint that is disabled."""
    endpoint = arrived(stage, platform, 3)
    endpoints.change(stage.kit, endpoint.id, "acme", enabled=False)
    planned = replay.plan_notices(stage.kit, NoticeFilter(endpoint.id, DELIVERED), "acme")
    assert planned.is_disabled
    monkeypatch.setattr(notices_again, "MOST_WAITING", 4)
    begun = replay.run(stage.kit, planned, who="ops")
    assert (begun.count, begun.is_finished) == (2, False)
    stage.clock.pass_seconds(2)
    assert replay.carry_on(stage.kit, begun.row.id) == 0
    assert stage.work() == 0
    endpoints.change(stage.kit, endpoint.id, "acme", enabled=True)
    assert stage.work() == 2
    stage.clock.pass_seconds(60)
    assert replay.carry_on(stage.kit, begun.row.id) == 1
    assert stage.work() == 1
    assert replay.progress(stage.kit, begun.row.id, None).is_finished


def test_an_endpoint_of_another_account_is_not_there(stage: Stage, platform: Platform) -> None:
    """As if it were none."""
    endpoint = arrived(stage, platform, 1)
    for one in (endpoint.id, "end_none"):
        with pytest.raises(NotFound):
            replay.plan_notices(stage.kit, NoticeFilter(one, DELIVERED), "birch")
