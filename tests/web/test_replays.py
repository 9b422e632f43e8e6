"""Replays over the API: begun, sent piece by piece at a rate, looked at, ended; and taken over."""

from __future__ import annotations

from typing import Any

import pytest

from processor import endpoints, replay
from processor.domain.connection import ConnectionState
from processor.domain.event import EventStatus
from processor.domain.outgoing import NoticeKind
from processor.domain.plan import MemberState
from processor.replay.course import PIECE
from processor.store import connections, inbox, members, notices, notices_claim
from processor.store.inbox import EventFilter
from processor.store.notices_rows import Attempt, NoticeState
from processor.tick import ring_for_work
from tests.web.house import ACME, Api, Clock, keep, make_connection, stand
from tests.web.test_events import settle

DEAD = {"status": "dead"}


def dead(api: Api, count: int, audience: str = "a", **said: Any) -> str:
    """A live connection with so many dead events."""
    connection = make_connection(api.house, audience_id=audience, state=ConnectionState.IN_SYNC)
    keep(api.house, connection, *(b"n=%d" % n for n in range(count)))
    settle_all(api, connection, count, **said)
    return connection


def settle_all(api: Api, connection: str, count: int, **said: Any) -> None:
    """Let workers bury what is due."""
    for _ in range(0, count, 100):
        settle(api, connection, EventStatus.DEAD, **{"code": "network", "type": "profile", **said})


def statuses(api: Api) -> dict[EventStatus, int]:
    """How many events are in each status that has any."""
    with api.house.store.read() as c:
        return {status: number for status, number in inbox.counts(c).items() if number}


def test_a_replay_goes_at_the_rate_that_was_chosen(api: Api, clock: Clock) -> None:
    """A piece every two seconds; whoever comes too early sends nothing, and the end is told."""
    dead(api, 25)
    begun = api.call("POST", "/v1/replays", json={**DEAD, "per_minute": 300}).json()
    assert (begun["count"], begun["sent"]) == (25, 10)
    name = begun["id"]
    assert replay.carry_on(api.kit, name) == 0
    clock.pass_seconds(2)
    assert replay.carry_on(api.kit, name) == 10
    found = api.call("GET", f"/v1/replays/{name}").json()
    assert (found["state"], found["sent"], found["total"]) == ("running", 20, 25)
    assert found["outcomes"]["received"] == 20
    clock.pass_seconds(60)  # nobody was there for a minute: that is not made up for in one piece
    assert replay.carry_on(api.kit, name) == 5
    found = api.call("GET", f"/v1/replays/{name}").json()
    assert (found["state"], found["line"]) == ("done", "All sent · 25 of 25 events · 25 waiting")
    assert [one["id"] for one in api.call("GET", "/v1/replays").json()["replays"]] == [name]


def test_webhooks_are_sent_again_over_the_api(api: Api, clock: Clock) -> None:
    """Those to one endpoint, inside the account's fence; what says nothing about webhooks is refused."""
    endpoint, _ = endpoints.create(api.kit, ACME, "https://hooks.maple-street.test/in")
    with api.house.store.write() as c:
        ref = notices.keep(c, endpoint.id, ACME, NoticeKind.ISSUE_OPENED, {}, clock())
        (held,) = notices_claim.claim(c, endpoint.id, limit=1, now=clock(), lease_seconds=60, worker="w")
        attempt = Attempt(held.id, 1, clock(), 0.1, 204, None)
        notices_claim.settle(c, held, attempt, clock(), state=NoticeState.DELIVERED)
    asked = {"kind": "notices", "endpoint": endpoint.id, "state": "delivered"}
    planned = api.call("POST", "/v1/replays", json={**asked, "dry_run": True}, key=api.acme_key).json()
    assert (planned["count"], planned["by_type"], planned["sent"]) == (1, {"issue.opened": 1}, 0)
    assert api.call("POST", "/v1/replays", json=asked, key=api.birch_key).status_code == 404
    done = api.call("POST", "/v1/replays", json=asked, key=api.acme_key).json()
    assert (done["kind"], done["sent"], done["by_state"]) == ("notices", 1, {"delivered": 1})
    assert api.call("GET", f"/v1/webhook-notices/{ref}").json()["state"] == "waiting"
    for wrong in ({"kind": "notices"}, {**asked, "code": "network"}, {**asked, "type": "profile"}):
        assert api.call("POST", "/v1/replays", json=wrong).status_code == 422


def test_without_a_rate_a_small_one_goes_at_once_and_a_large_one_by_workers(api: Api, clock: Clock) -> None:
    """The first five hundred; the clock finds that there is more."""
    dead(api, PIECE + 20)
    begun = api.call("POST", "/v1/replays", json=DEAD).json()
    assert (begun["count"], begun["sent"]) == (PIECE + 20, PIECE)
    rung: list[str] = []
    api.house.broker.enqueue = lambda message: rung.append(message.actor_name)  # type: ignore[method-assign]
    clock.pass_seconds(6)
    ring_for_work(api.kit, clock())
    assert "send_again" in rung
    assert replay.carry_on(api.kit, begun["id"]) == 20
    assert statuses(api) == {EventStatus.RECEIVED: PIECE + 20}


def test_what_dies_again_or_arrives_meanwhile_is_not_sent_for_ever(api: Api, clock: Clock) -> None:
    """Each event once: also where it is dead again before the replay has come to its end."""
    connection = dead(api, 25)
    begun = api.call("POST", "/v1/replays", json={**DEAD, "per_minute": 300}).json()
    keep(api.house, connection, *(b"later=%d" % n for n in range(30)))
    sent = begun["sent"]
    for _ in range(9):
        settle_all(api, connection, 1)
        clock.pass_seconds(2)
        sent += replay.carry_on(api.kit, begun["id"])
    assert sent == 25
    found = api.call("GET", f"/v1/replays/{begun['id']}").json()
    assert (found["state"], found["outcomes"]["dead"]) == ("done", 25)


def test_a_replay_can_be_ended(api: Api, clock: Clock) -> None:
    """What was sent stays sent, the rest stays as it was; ending it twice changes nothing."""
    dead(api, 25)
    begun = api.call("POST", "/v1/replays", json={**DEAD, "per_minute": 300}).json()
    ended = api.call("POST", f"/v1/replays/{begun['id']}/cancel").json()
    assert (ended["state"], ended["sent"]) == ("cancelled", 10)
    clock.pass_seconds(10)
    assert replay.carry_on(api.kit, begun["id"]) == 0
    assert api.call("POST", f"/v1/replays/{begun['id']}/cancel").json() == ended
    assert statuses(api) == {EventStatus.RECEIVED: 10, EventStatus.DEAD: 15}


def test_the_plan_says_what_is_superseded_and_what_will_not_be_carried_out(api: Api) -> None:
    """Events with a later one of the same member; those of a paused connection, and of one that is gone."""
    live = dead(api, 3, subject="jo@maple-street.test")
    paused = dead(api, 2, "b", subject="jo@maple-street.test")
    removed = dead(api, 1, "c")
    with api.house.store.write() as c:
        connections.set_state(c, paused, ConnectionState.PAUSED, api.kit.now())
        connections.set_state(c, removed, ConnectionState.REMOVED, api.kit.now())
    found = api.call("POST", "/v1/replays", json={**DEAD, "dry_run": True, "look": True}).json()
    assert (found["count"], found["superseded"], found["resting"], found["gone"]) == (6, 3, 2, 1)
    says = [one["says"] for one in found["foreseen"]]
    assert says[0].startswith("It is skipped")
    assert says[1].startswith("It waits")
    assert "Mailchimp" in says[3], "nobody answers there"
    assert found["id"] is None
    one = api.call("POST", "/v1/replays", json={"connection": live, "dry_run": True}).json()
    assert (one["count"], one["superseded"]) == (3, 2)


def test_an_account_sees_and_ends_its_own_replays_only(api: Api) -> None:
    """Another account's is not found; its events are not touched."""
    dead(api, 3)
    begun = api.call("POST", "/v1/replays", json=DEAD, key=api.acme_key).json()
    assert api.call("GET", f"/v1/replays/{begun['id']}", key=api.birch_key).status_code == 404
    assert api.call("POST", f"/v1/replays/{begun['id']}/cancel", key=api.birch_key).status_code == 404
    assert api.call("GET", "/v1/replays", key=api.birch_key).json()["replays"] == []
    theirs = api.call("POST", "/v1/replays", json={"status": "applied"}, key=api.birch_key).json()
    assert (theirs["count"], theirs["id"]) == (0, None)
    assert api.call("GET", f"/v1/replays/{begun['id']}").json()["sent"] == 3


def test_failed_pushes_are_replayed_too(api: Api, clock: Clock) -> None:
    """Contacts that Mailchimp refused, by their code; those who are refused again meanwhile only once."""
    connection = make_connection(api.house, audience_id="a", state=ConnectionState.IN_SYNC)
    for n in range(4):
        code = "field_required" if n < 3 else "email_fake"
        stand(api.house, connection, f"c{n}", state=MemberState.FAILING, reason=code)
    asked = {"kind": "members", "connection": connection, "code": "field_required"}
    plan = api.call("POST", "/v1/replays", json={**asked, "dry_run": True}).json()
    assert (plan["count"], plan["by_code"]) == (3, {"field_required": 3})
    begun = api.call("POST", "/v1/replays", json={**asked, "per_minute": 60}).json()
    assert (begun["sent"], begun["kind"]) == (2, "members")
    clock.pass_seconds(2)
    assert replay.carry_on(api.kit, begun["id"]) == 1
    with api.house.store.read() as c:
        counts = members.counts(c, connection)
    assert (counts[MemberState.WAITING], counts[MemberState.FAILING]) == (3, 1)
    found = api.call("GET", f"/v1/replays/{begun['id']}").json()
    assert found["line"] == "All sent · 3 of 3 contacts"


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"kind": "members"}, "connection"),
        ({"kind": "members", "connection": "con_a", "status": "dead"}, "status"),
        ({"status": "dead", "per_minute": 0}, "per_minute"),
        ({"status": "dead", "per_minute": 10**9}, "per_minute"),
        ({"kind": "webhooks"}, "kind"),
    ],
)
def test_what_cannot_be_meant_is_told(api: Api, asked: dict[str, Any], field: str) -> None:
    """With its place."""
    answer = api.call("POST", "/v1/replays", json=asked)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_a_replay_keeps_no_address(api: Api) -> None:
    """What was asked for is kept for months: an erased person may not be in it."""
    from processor.errors import Invalid

    with pytest.raises(Invalid):
        replay.plan(api.kit, EventFilter(subject="jo@maple-street.test"))
