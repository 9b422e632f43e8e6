"""What the platform's server sees: signed bells, again after failures, and nothing lost."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from processor import endpoints
from processor.domain.outgoing import GIVE_UP_AFTER, LONGEST_WAIT, NoticeKind, sign, wait
from processor.errors import Conflict
from processor.feed import read
from processor.store import connections, notices_claim
from processor.store.endpoints import EndpointState
from processor.store.notices_rows import NoticeState
from processor.tick import forget_old_notices, take_over
from processor.tick import stop as end_worker
from tests.outgoing.stage import Platform, Stage, documented_verify
from tests.web.house import ACME, BIRCH, make_connection

DAY = 24 * 3600.0


def test_a_change_is_told_signed_and_leads_to_itself(stage: Stage, platform: Platform) -> None:
    """The docs' own check accepts it, and the feed has the change behind the cursor that it names."""
    _, secret = stage.endpoint(platform.url)
    stage.change_a_contact()
    assert stage.later(2) == 1
    (got,) = platform.got
    assert documented_verify()(secret, got.headers, got.body) == got.id
    told = json.loads(got.body)
    assert told["type"] == "changes.available"
    assert told["data"]["account"] == ACME
    assert [row.change.contact_id for row in read(stage.kit, ACME, after=told["data"]["after"]).changes] == [
        "jo"
    ]
    assert got.headers["content-type"] == "application/json"
    assert stage.later(DAY) == 0


def test_what_others_send_is_not_taken_for_ours(stage: Stage, platform: Platform) -> None:
    """Another secret, another body, another id and an old time are all refused by the docs' check."""
    verify = documented_verify()
    _, secret = stage.endpoint(platform.url)
    _, other = stage.endpoint(platform.url, types=["test"])
    stage.change_a_contact()
    stage.later(2)
    (got,) = platform.got
    wrong = [
        (other, got.headers, got.body),
        (secret, got.headers, got.body + b" "),
        (secret, {**got.headers, "webhook-id": "ntc_other"}, got.body),
        (secret, {**got.headers, "webhook-timestamp": "1"}, got.body),
        (secret, {**got.headers, "webhook-signature": "v1,"}, got.body),
    ]
    for key, headers, body in wrong:
        with pytest.raises(ValueError):
            verify(key, headers, body)


def test_the_signature_is_the_one_of_the_specification() -> None:
    """The example of the Standard Webhooks specification's own libraries."""
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    said = sign([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert said == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_many_changes_ring_once(stage: Stage, platform: Platform) -> None:
    """A hundred changes within a moment are one bell, from which all of them are read."""
    stage.endpoint(platform.url)
    for n in range(100):
        stage.change_a_contact(f"c{n}")
    assert stage.later(2) == 1
    after = json.loads(platform.got[0].body)["data"]["after"]
    assert len(read(stage.kit, ACME, after=after, limit=1000).changes) == 100
    stage.change_a_contact()
    assert stage.later(2) == 1


def test_what_changes_while_a_bell_is_under_way_rings_again(stage: Stage, platform: Platform) -> None:
    """The platform has read already when this comes: another bell, from that change on."""
    stage.endpoint(platform.url)
    stage.change_a_contact("first")

    def meanwhile() -> int:
        stage.change_a_contact("second")
        stage.change_a_contact("third")
        return 204

    platform.answers.append(meanwhile)
    assert stage.later(2) == 1
    assert stage.later(2) == 1
    first, second = platform.got
    assert first.id != second.id
    changes = read(stage.kit, ACME, after=json.loads(second.body)["data"]["after"]).changes
    assert [row.change.contact_id for row in changes] == ["second", "third"]
    assert stage.later(2) == 0


def test_accounts_are_told_apart(stage: Stage, platform: Platform) -> None:
    """An account's endpoint hears of that account; one of all accounts gets a bell for each."""
    mine, _ = stage.endpoint(platform.url, ACME)
    everybodys, _ = stage.endpoint(platform.url, None)
    stage.change_a_contact("a", ACME)
    stage.change_a_contact("b", BIRCH)
    assert stage.later(2) == 3
    told = {n.row.data["account"] for n in stage.notices(mine)}
    assert told == {ACME}
    assert {n.row.data["account"] for n in stage.notices(everybodys)} == {ACME, BIRCH}


def test_a_failure_is_tried_again_later_and_later(stage: Stage, platform: Platform) -> None:
    """The same id and the same bytes, with a new time and signature, after 5 s, 10 s, 20 s …"""
    endpoint, secret = stage.endpoint(platform.url)
    platform.answers += [500, 503, {"status": 429, "Retry_After": "120"}]
    stage.change_a_contact()
    assert stage.later(2) == 0
    assert stage.now(endpoint).failing_since == stage.clock()
    for before_seconds, after_seconds in ((3.9, 1.2), (7.9, 2.2), (119, 1.2)):
        stage.clock.pass_seconds(before_seconds)
        stage.work()
        count = len(platform.got)
        stage.clock.pass_seconds(after_seconds)
        stage.work()
        assert len(platform.got) == count + 1
    assert len({one.body for one in platform.got}) == 1
    assert len(set(platform.ids)) == 1
    assert len({one.headers["webhook-timestamp"] for one in platform.got}) == 4
    assert documented_verify()(secret, platform.got[-1].headers, platform.got[-1].body)
    (report,) = stage.notices(endpoint)
    assert report.row.state is NoticeState.DELIVERED
    assert [(a.status, a.reason) for a in report.attempts] == [
        (500, "status"), (503, "status"), (429, "status"), (204, None),
    ]  # fmt: skip
    assert stage.now(endpoint).failing_since is None


def test_waits_double_up_to_an_hour_with_some_chance() -> None:
    """From 5 s on; a fifth of each wait is chance."""
    assert [wait(n, 1.0) for n in (1, 2, 3)] == [timedelta(seconds=s) for s in (5, 10, 20)]
    assert wait(1, 0.0) == timedelta(seconds=4)
    assert wait(1000, 1.0) == LONGEST_WAIT


def test_a_notice_dies_after_three_days_and_can_be_sent_again(stage: Stage, platform: Platform) -> None:
    """One that its endpoint refuses while it takes others; sent again by hand under its id."""
    endpoint, _ = stage.endpoint(platform.url)
    first = endpoints.test(stage.kit, endpoint.id, None)
    platform.answers.append(400)
    stage.work()
    hours = 0
    while stage.notices(endpoint)[-1].row.state is NoticeState.WAITING:
        stage.change_a_contact()
        hours += 4
        stage.clock.pass_seconds(4 * 3600)
        with platform.lock:
            tried = {one.id for one in platform.got}
        answers = {n.row.ref: 400 if n.row.ref == first.ref else 204 for n in stage.notices(endpoint)}
        due = sorted(
            (n.row for n in stage.notices(endpoint) if n.row.due_at and n.row.due_at <= stage.clock()),
            key=lambda row: (row.due_at, row.id),
        )
        platform.answers += [answers[row.ref] for row in due]
        stage.work()
        assert tried <= set(platform.ids)
    assert 70 <= hours <= 80
    assert stage.now(endpoint).state is EndpointState.ENABLED
    dead = endpoints.notice(stage.kit, first.ref, None)
    assert dead.row.state is NoticeState.DEAD
    assert stage.later(10 * DAY) == 0
    platform.got.clear()
    endpoints.redeliver(stage.kit, first.ref, None)
    assert stage.work() == 1
    assert platform.ids == [first.ref]


def test_an_endpoint_that_is_gone_is_disabled_and_the_others_are_told(
    stage: Stage, platform: Platform
) -> None:
    """410 Gone: nothing more is sent there. Its bell is kept, and comes when somebody enables it."""
    endpoint, _ = stage.endpoint(platform.url)
    other, _ = stage.endpoint(platform.url, types=["endpoint.disabled"])
    platform.answers.append(410)
    stage.change_a_contact()
    stage.later(2)
    stands = stage.now(endpoint)
    assert (stands.state, stands.reason) == (EndpointState.DISABLED, "gone")
    assert stage.work() == 1
    (told,) = stage.notices(other)
    assert told.row.data == {"account": ACME, "endpoint": endpoint.id, "reason": "gone"}
    with pytest.raises(Conflict):
        endpoints.test(stage.kit, endpoint.id, None)
    for n in range(5):
        stage.change_a_contact(f"c{n}")
        assert stage.later(DAY) == 0
    assert len(stage.notices(endpoint)) == 1
    platform.got.clear()
    endpoints.change(stage.kit, endpoint.id, None, enabled=True)
    assert stage.work() == 1
    after = json.loads(platform.got[0].body)["data"]["after"]
    assert len(read(stage.kit, ACME, after=after).changes) == 6


def test_an_endpoint_that_takes_nothing_for_three_days_is_disabled(stage: Stage, platform: Platform) -> None:
    """One bell is tried for as long, however much changes meanwhile; what waited comes afterwards."""
    endpoint, _ = stage.endpoint(platform.url)
    platform.answers += [500] * 1000
    stage.change_a_contact()
    began = stage.clock()
    while stage.now(endpoint).is_enabled:
        stage.change_a_contact()
        stage.later(6 * 3600)
        assert stage.clock() - began < GIVE_UP_AFTER + timedelta(hours=12)
    assert stage.clock() - began >= GIVE_UP_AFTER
    assert stage.now(endpoint).reason == "failing"
    assert 8 < len(platform.got) < 16
    (report,) = stage.notices(endpoint)
    assert len(report.attempts) == len(platform.got)
    platform.answers.clear()
    stage.clock.pass_seconds(7 * DAY)
    endpoints.change(stage.kit, endpoint.id, None, enabled=True)
    assert stage.work() == 1
    assert stage.now(endpoint).failing_since is None


def test_a_worker_that_is_killed_after_sending_makes_the_same_notice_come_twice(
    stage: Stage, platform: Platform, tmp_path: Path, database_url: str
) -> None:
    """Killed when the platform has it and before the commit: whoever takes over sends it again, under the
    same id, and what changed meanwhile is not lost."""
    endpoint, _ = stage.endpoint(platform.url)
    stage.change_a_contact("first")
    stage.clock.pass_seconds(2)
    parts = (str(tmp_path), database_url, endpoint.id, stage.clock().isoformat())
    worker = subprocess.Popen([sys.executable, "-m", "tests.outgoing.dying", *parts])

    def kill() -> int:
        worker.kill()
        worker.wait()
        stage.change_a_contact("second")
        return 204

    platform.answers.append(kill)
    assert worker.wait(timeout=30) == -signal.SIGKILL
    assert stage.work() == 0
    stage.clock.pass_seconds(20)
    take_over(stage.kit, stage.clock())
    assert stage.work() == 1
    assert len(platform.got) == 2
    assert platform.ids[0] == platform.ids[1]
    assert platform.got[0].body == platform.got[1].body
    assert [a.n for n in stage.notices(endpoint) for a in n.attempts] == [2]
    after = json.loads(platform.got[1].body)["data"]["after"]
    assert len(read(stage.kit, ACME, after=after).changes) == 2


def test_a_worker_that_stops_hands_back_what_it_held(stage: Stage, platform: Platform) -> None:
    """Another sends it at once, without counting the attempt."""
    endpoint, _ = stage.endpoint(platform.url)
    stage.change_a_contact()
    stage.clock.pass_seconds(2)
    with stage.kit.store.write() as c:
        now, worker = stage.clock(), stage.kit.worker
        (held,) = notices_claim.claim(c, endpoint.id, limit=9, now=now, lease_seconds=300, worker=worker)
    assert held.attempts == 1
    assert stage.work() == 0
    end_worker(stage.kit)
    assert stage.work() == 1
    assert stage.notices(endpoint)[0].attempts[0].n == 1


def test_what_is_behind_a_failure_is_not_tried_in_vain(stage: Stage, platform: Platform) -> None:
    """Ten notices for an endpoint that is down cost one attempt, and all come when it answers again."""
    endpoint, _ = stage.endpoint(platform.url)
    for _ in range(10):
        endpoints.test(stage.kit, endpoint.id, None)
    platform.answers.append(503)
    assert stage.work() == 0
    assert len(platform.got) == 1
    assert stage.later(6) == 10
    assert len(set(platform.ids)) == 10


def test_a_success_hastens_what_waits(stage: Stage, platform: Platform) -> None:
    """An endpoint that is back gets everything at once, not after an hour."""
    endpoint, _ = stage.endpoint(platform.url)
    stage.change_a_contact()
    platform.answers += [500] * 12
    for _ in range(12):
        stage.later(3600)
    endpoints.test(stage.kit, endpoint.id, None)
    assert stage.work() >= 1
    stage.work()
    assert {n.row.state for n in stage.notices(endpoint)} == {NoticeState.DELIVERED}


def test_a_new_secret_signs_beside_the_old_one_for_a_day(stage: Stage, platform: Platform) -> None:
    """Whoever checks with either takes it; after a day only with the new one."""
    verify = documented_verify()
    endpoint, old = stage.endpoint(platform.url)
    _, new = endpoints.rotate(stage.kit, endpoint.id, None)
    endpoints.test(stage.kit, endpoint.id, None)
    stage.work()
    (got,) = platform.got
    assert verify(old, got.headers, got.body) == verify(new, got.headers, got.body)
    stage.clock.pass_seconds(DAY + 1)
    endpoints.test(stage.kit, endpoint.id, None)
    stage.work()
    got = platform.got[-1]
    assert verify(new, got.headers, got.body, tolerance_seconds=10**6)
    with pytest.raises(ValueError, match="signed"):
        verify(old, got.headers, got.body, tolerance_seconds=10**6)


def test_a_secret_that_is_changed_twice_leaves_the_first_one_its_day(
    stage: Stage, platform: Platform
) -> None:
    """The answer with the new secret was lost, and somebody asks once more: the platform goes on checking
    with the one that it has."""
    verify = documented_verify()
    endpoint, old = stage.endpoint(platform.url)
    endpoints.rotate(stage.kit, endpoint.id, None)
    stage.clock.pass_seconds(3600)
    _, new = endpoints.rotate(stage.kit, endpoint.id, None)
    endpoints.test(stage.kit, endpoint.id, None)
    stage.work()
    (got,) = platform.got
    assert verify(old, got.headers, got.body, 10**6) == verify(new, got.headers, got.body, 10**6)
    stage.clock.pass_seconds(DAY - 3600 + 1)
    endpoints.test(stage.kit, endpoint.id, None)
    stage.work()
    with pytest.raises(ValueError, match="signed"):
        verify(old, platform.got[-1].headers, platform.got[-1].body, 10**6)


def test_an_endpoint_that_is_enabled_again_has_its_three_days_anew(stage: Stage, platform: Platform) -> None:
    """What waited while it was disabled begins with its first attempt: one more failure does not end it."""
    endpoint, _ = stage.endpoint(platform.url)
    platform.answers += [500] * 1000
    stage.change_a_contact()
    while stage.now(endpoint).is_enabled:
        stage.later(6 * 3600)
    stage.clock.pass_seconds(7 * DAY)
    endpoints.change(stage.kit, endpoint.id, None, enabled=True)
    assert stage.work() == 0
    (report,) = stage.notices(endpoint)
    assert report.row.state is NoticeState.WAITING
    platform.answers.clear()
    assert stage.later(60) == 1


def test_connections_and_runs_are_told(stage: Stage, platform: Platform) -> None:
    """A new connection, its states, and nothing where nothing changed."""
    stage.endpoint(platform.url)
    stage.change_a_contact()
    connection = make_connection(stage.house, state="setup")
    with stage.kit.store.write() as c:
        for problem in (None, "role_too_low", "role_too_low"):
            connections.set_state(c, connection, "paused", stage.clock(), problem_code=problem)
        connections.update(c, connection, stage.clock(), audience_name="News")
    stage.later(2)
    told = [json.loads(one.body) for one in platform.got]
    states = [t["data"] for t in told if t["type"] == NoticeKind.CONNECTION_STATE_CHANGED]
    assert [(s["before"], s["state"], s["problem"]) for s in states] == [
        (None, "setup", None),
        ("setup", "paused", None),
        ("paused", "paused", "role_too_low"),
    ]
    assert {s["connection"] for s in states} == {connection}


def test_old_notices_are_forgotten(stage: Stage, platform: Platform) -> None:
    """After two weeks, once settled; what waits stays."""
    endpoint, _ = stage.endpoint(platform.url)
    endpoints.test(stage.kit, endpoint.id, None)
    stage.work()
    forget_old_notices(stage.kit, stage.clock())
    assert len(stage.notices(endpoint)) == 1
    stage.clock.pass_seconds(15 * DAY)
    stage.change_a_contact()
    assert forget_old_notices(stage.kit, stage.clock()) == 1
    assert [n.row.kind for n in stage.notices(endpoint)] == ["changes.available"]
