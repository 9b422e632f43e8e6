"""Whatever does not move says why, and what is asked of Mailchimp is counted where it can be read."""

from __future__ import annotations

from datetime import timedelta

import pytest

from processor import report
from processor.attempt import write_down
from processor.domain.connection import ConnectionState
from processor.mailchimp.transport import Call
from processor.report.why import Facts, why
from processor.store import connections, leases, liveness
from tests.web.house import Api, Clock, keep, make_connection

LONG = timedelta(minutes=8)


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        (Facts(workers=0), None),
        (Facts(workers=0, waiting=1, waited=timedelta(seconds=3)), None),
        (Facts(workers=0, waiting=1, waited=LONG), "No worker is running."),
        (
            Facts(workers=2, waiting=9, waited=LONG, calls={"ok": 3, "rate_limited": 12}),
            "Mailchimp is limiting requests: 12 of the last 15 calls failed.",
        ),
        (
            Facts(workers=2, waiting=9, waited=LONG, calls={"mailchimp_down": 4, "network": 1}),
            "5 of the last 5 calls failed.",
        ),
        (Facts(workers=2, waiting=9, waited=LONG, calls={"ok": 30, "network": 1}), "It waits for its turn."),
        (Facts(workers=2, waiting=4_000, waited=LONG, calls={"ok": 30}), "Backlog: 4,000 changes wait"),
        (Facts(workers=2, waiting=1, waited=LONG, code="internal"), "We keep trying."),
        (Facts(workers=0, waiting=1, waited=LONG, stopped="Paused"), "Paused"),
    ],
)
def test_why_something_stands_still(facts: Facts, says: str | None) -> None:
    """No worker, limits, outages, a backlog; and nothing for what moves."""
    found = why(facts)
    assert found is None if says is None else found is not None and says in found


def call(status: int | None = 200, code: str = "") -> Call:
    """One call as the client tells of it."""
    return Call("GET", "/lists/{list_id}/members/{member_id}", status, 0.25, "abc-1", code)


def test_the_overview_names_each_connection_that_stands_and_why(api: Api, clock: Clock) -> None:
    """One waits for workers, one was stopped, one is well."""
    waits = make_connection(api.house, audience_id="a", state=ConnectionState.IN_SYNC)
    stopped = make_connection(api.house, audience_id="b", state=ConnectionState.IN_SYNC)
    make_connection(api.house, audience_id="c", state=ConnectionState.IN_SYNC)
    keep(api.house, waits, b"n=1")
    with api.house.store.write() as c:
        connections.set_state(c, stopped, ConnectionState.RECONNECT, clock(), problem_code="reconnect")
    assert [one.found.row.id for one in report.overview(api.kit).still] == [stopped]
    clock.pass_seconds(600)
    found = report.overview(api.kit)
    assert {one.found.row.id: one.why for one in found.still}[waits] == "No worker is running."
    assert found.connections["reconnect"] == 1
    assert found.oldest_due_at == clock() - timedelta(seconds=600)
    with api.house.store.write() as c:
        liveness.say_alive(c, "w1", clock())
    for _ in range(4):
        api.kit.calls.note(waits, None, call(503, "mailchimp_down"), clock())
    write_down(api.kit)
    found = report.overview(api.kit)
    assert "4 of the last 4 calls failed" in {one.found.row.id: one.why for one in found.still}[waits]
    assert dict(found.calls) == {"mailchimp_down": 4}


def test_metrics_tell_what_no_scrape_of_a_worker_could(api: Api, clock: Clock) -> None:
    """Workers alive, the oldest waiting change, members, connections, and calls by class of answer."""
    connection = make_connection(api.house, audience_id="a", state=ConnectionState.IN_SYNC)
    keep(api.house, connection, b"n=1")
    clock.pass_seconds(42)
    with api.house.store.write() as c:
        liveness.say_alive(c, "w1", clock())
        leases.take(c, "other", "w1", clock(), 60)
    for one in (call(), call(), call(404, "gone"), call(429, "rate_limited"), call(None, "network")):
        api.kit.calls.note(connection, "wrk_a", one, clock())
    lines = api.call("GET", "/metrics", key="").text.splitlines()
    for line in (
        "bothways_workers_alive 1",
        "bothways_oldest_waiting_change_seconds 42",
        'bothways_connections{state="in_sync"} 1',
        'bothways_members{state="failing"} 0',
        'bothways_under_way{kind="replay"} 0',
        'bothways_mailchimp_calls_total{answer="ok"} 2',
        'bothways_mailchimp_calls_total{answer="gone"} 1',
        'bothways_mailchimp_calls_total{answer="rate_limited"} 1',
        'bothways_mailchimp_calls_total{answer="network"} 1',
        'bothways_mailchimp_call_seconds_total{answer="ok"} 0.5',
    ):
        assert line in lines
    ready = api.call("GET", "/readyz", key="").json()
    assert (ready["workers_alive"], ready["oldest_waiting_seconds"]) == (1, 42.0)
