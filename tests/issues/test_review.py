"""Failures with one cause become one issue; it is told once, put off, and resolved by itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from processor import issues
from processor.domain.issue import Issue, IssueState
from processor.domain.plan import MemberState
from processor.errors import Conflict, Invalid, NotFound
from processor.store import connections, members
from processor.store import issues as stored
from tests.web.house import (
    ACME,
    BIRCH,
    DATABASES,
    Api,
    Clock,
    make_connection,
    open_api,
    open_database,
    stand,
)

FAILING, WAITING, IN_SYNC = MemberState.FAILING, MemberState.WAITING, MemberState.IN_SYNC
DAY = timedelta(days=1).total_seconds()


@pytest.fixture(params=DATABASES)
def api(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Api]:
    """The API on an empty database of either kind."""
    with open_database(request.param) as url, open_api(tmp_path, Clock(), database_url=url) as made:
        yield made


@pytest.fixture
def connection(api: Api) -> str:
    """A connection with three contacts of one cause, two of another, one in step."""
    made = make_connection(api.house, audience_id="a", audience_name="News", state="in_sync")
    for n in range(3):
        stand(api.house, made, f"v{n}", state=FAILING, reason="field_value", field="birthday")
    for n in range(2):
        stand(api.house, made, f"f{n}", state=FAILING, reason="email_fake")
    stand(api.house, made, "well", state=IN_SYNC)
    return made


def kept(api: Api, connection: str) -> dict[tuple[str, str], Issue]:
    """The connection's issues after a review, by code and field."""
    issues.review(api.kit, connection)
    with api.house.store.read() as c:
        return {(one.code, one.about): one for one in stored.of_connection(c, connection)}


def become(api: Api, connection: str, state: MemberState, reason: str | None, *contact_ids: str) -> None:
    """Let contacts stand otherwise."""
    with api.house.store.write() as c:
        rows = members.by_contact_ids(c, connection, contact_ids)
        from dataclasses import replace

        held = members.lock(c, [row.id for row in rows.values()])
        changed = [
            replace(row, state=state, reason=reason, field=row.field if reason else None)
            for row in held.values()
        ]
        members.update_many(c, changed, api.kit.now())


def clock(api: Api) -> Clock:
    """The clock under the house."""
    assert isinstance(api.kit.now, Clock)
    return api.kit.now


def test_one_cause_is_one_issue_with_its_count(api: Api, connection: str) -> None:
    """By code and field; a second look tells nothing anew."""
    found = kept(api, connection)
    assert {key: (one.failing, one.state) for key, one in found.items()} == {
        ("field_value", "birthday"): (3, IssueState.OPEN),
        ("email_fake", ""): (2, IssueState.OPEN),
    }
    assert issues.review(api.kit, connection) == 0
    assert kept(api, connection) == found


def test_it_is_resolved_when_nobody_fails_any_more_and_opened_again(api: Api, connection: str) -> None:
    """What is only tried again neither resolves nor opens it."""
    kept(api, connection)
    become(api, connection, WAITING, "email_fake", "f0", "f1")
    assert issues.review(api.kit, connection) == 0
    assert kept(api, connection)["email_fake", ""].state is IssueState.OPEN
    become(api, connection, IN_SYNC, None, "f0", "f1")
    assert issues.review(api.kit, connection) == 1
    solved = kept(api, connection)["email_fake", ""]
    assert (solved.state, solved.count, solved.resolved_at) == (IssueState.RESOLVED, 0, api.kit.now())
    become(api, connection, WAITING, "email_fake", "f0")
    assert issues.review(api.kit, connection) == 0
    become(api, connection, FAILING, "email_fake", "f0")
    again = kept(api, connection)["email_fake", ""]
    assert (again.ref, again.state, again.count) == (solved.ref, IssueState.REOPENED, 1)


def test_it_is_found_by_whoever_lets_a_contact_fail_or_by_the_clock(api: Api, connection: str) -> None:
    """While anything fails, the connection is looked at again within a minute; afterwards not at all."""
    from processor.store import reviews

    kept(api, connection)
    with api.house.store.read() as c:
        assert reviews.due(c, api.kit.now() + timedelta(seconds=60), 10) == [connection]
        assert reviews.due(c, api.kit.now(), 10) == []
    become(api, connection, IN_SYNC, None, "f0", "f1", "v0", "v1", "v2")
    kept(api, connection)
    with api.house.store.read() as c:
        assert reviews.due(c, api.kit.now() + timedelta(days=9), 10) == []


def test_reminders_come_after_1_3_and_7_days_then_weekly(api: Api, connection: str) -> None:
    """While it is open; not one for each day that nobody looked."""
    became = []
    kept(api, connection)
    for day in range(1, 30):
        clock(api).pass_seconds(DAY)
        if issues.review(api.kit, connection):
            became.append(day)
    assert became == [1, 3, 7, 14, 21, 28]
    clock(api).pass_seconds(100 * DAY)
    assert issues.review(api.kit, connection) == 2  # one for each issue
    assert issues.review(api.kit, connection) == 0


def test_nobody_is_reminded_of_what_is_known(api: Api, connection: str) -> None:
    """And it is resolved by itself all the same."""
    ref = kept(api, connection)["email_fake", ""].ref
    issues.acknowledge(api.kit, kept(api, connection)["field_value", "birthday"].ref, ACME, "Jo")
    assert issues.acknowledge(api.kit, ref, ACME, "Jo").changed_by == "Jo"
    clock(api).pass_seconds(30 * DAY)
    assert issues.review(api.kit, connection) == 0
    become(api, connection, IN_SYNC, None, "f0", "f1")
    assert kept(api, connection)["email_fake", ""].state is IssueState.RESOLVED
    with pytest.raises(Conflict, match="solved already"):
        issues.acknowledge(api.kit, ref, ACME, "Jo")


def test_a_muted_one_is_heard_of_again_in_time_or_when_it_grows(api: Api, connection: str) -> None:
    """Until a time, or until more contacts than so many."""
    ref = kept(api, connection)["email_fake", ""].ref
    issues.acknowledge(api.kit, kept(api, connection)["field_value", "birthday"].ref, None, "Jo")
    until = api.kit.now() + timedelta(days=10)
    issues.mute(api.kit, ref, ACME, "Jo", until=until, count=None)
    clock(api).pass_seconds(9 * DAY)
    assert issues.review(api.kit, connection) == 0
    clock(api).pass_seconds(2 * DAY)
    assert issues.review(api.kit, connection) == 1
    issues.mute(api.kit, ref, ACME, "Jo", until=None, count=2)
    assert issues.review(api.kit, connection) == 0
    stand(api.house, connection, "f2", state=FAILING, reason="email_fake")
    assert issues.review(api.kit, connection) == 1
    assert kept(api, connection)["email_fake", ""].state is IssueState.OPEN
    with pytest.raises(Invalid, match="over already"):
        issues.mute(api.kit, ref, ACME, "Jo", until=until, count=None)
    with pytest.raises(Invalid, match="until when"):
        issues.mute(api.kit, ref, ACME, "Jo", until=None, count=None)


def test_trying_again_takes_the_contacts_of_this_cause_only(api: Api, connection: str) -> None:
    """And saying that it is solved opens it again where it is not."""
    found = kept(api, connection)
    assert issues.retry(api.kit, found["field_value", "birthday"].ref, ACME) == 3
    with api.house.store.read() as c:
        assert members.counts(c, connection)[WAITING] == 3
        assert members.counts(c, connection)[FAILING] == 2
    solved = issues.resolve(api.kit, found["email_fake", ""].ref, ACME, "Jo")
    assert solved.state is IssueState.RESOLVED
    assert issues.review(api.kit, connection) == 0
    become(api, connection, FAILING, "email_fake", "f0")
    assert kept(api, connection)["email_fake", ""].state is IssueState.REOPENED


def test_the_connections_own_problem_is_an_issue(api: Api, connection: str) -> None:
    """It is opened with the problem and resolved with its end."""
    with api.house.store.write() as c:
        connections.set_state(c, connection, "reconnect", api.kit.now(), problem_code="reconnect")
    assert kept(api, connection)["reconnect", ""].state is IssueState.OPEN
    with api.house.store.write() as c:
        connections.set_state(c, connection, "in_sync", api.kit.now())
    assert kept(api, connection)["reconnect", ""].state is IssueState.RESOLVED


def test_nothing_is_left_of_a_connection_that_was_removed(api: Api, connection: str) -> None:
    """Its issues go, and are told to nobody."""
    kept(api, connection)
    with api.house.store.write() as c:
        connections.set_state(c, connection, "removed", api.kit.now())
    assert kept(api, connection) == {}


def test_another_accounts_issue_is_not_there(api: Api, connection: str) -> None:
    """As if there were none."""
    ref = kept(api, connection)["email_fake", ""].ref
    with pytest.raises(NotFound):
        issues.retry(api.kit, ref, BIRCH)
    with pytest.raises(NotFound):
        issues.acknowledge(api.kit, ref, BIRCH, "Lee")
