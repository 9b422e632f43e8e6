"""What an operator can read afterwards: a line for each attempt, and the calls made for an event."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

from processor import log
from processor.domain.event import EventStatus
from processor.kit import utc_now
from processor.store import calls
from tests.whole.world import SUBSCRIBED, World, until

JO = "jo@maple-street.test"


def written(kind: str, lines: io.StringIO) -> list[dict[str, Any]]:
    """The log lines with this message."""
    return [one for one in map(json.loads, lines.getvalue().splitlines()) if one["message"] == kind]


def listened() -> tuple[io.StringIO, logging.Handler]:
    """Everything that is logged from now on, as it would be on standard error."""
    heard = io.StringIO()
    root = logging.getLogger()
    before = root.handlers[:]
    log.set_up("INFO")
    handler = root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(heard)
    root.handlers[:] = [*before, handler]
    return heard, handler


def test_each_attempt_is_one_line_with_its_event_and_its_calls(acme: World) -> None:
    """And nobody's address is in any of them; the calls are kept under the name of the work."""
    heard, handler = listened()
    try:
        acme.control.subscribe(acme.audience, JO, merge_fields={"FNAME": "Jo"})
        until(lambda: acme.contact(JO))
        acme.put("2", email="pat@maple-street.test", consent=SUBSCRIBED)
        until(lambda: acme.member("pat@maple-street.test"))
        until(acme.settled)
        acme.control.fail(500)
        acme.control.edit(acme.audience, JO, merge_fields={"FNAME": "Joanna"})
        until(lambda: "retrying" in [line["outcome"] for line in written("event attempt", heard)])
        acme.control.mend()
        until(lambda: len(acme.events(EventStatus.APPLIED)) >= 2)
        until(acme.settled)
        until(lambda: len(written("attempt", heard)) >= 3)
    finally:
        logging.getLogger().removeHandler(handler)
    last, *_, first = acme.events(EventStatus.APPLIED)
    lines = written("event attempt", heard)
    assert [line["outcome"] for line in lines if line["event"] == first.name] == ["applied"]
    became = [line["outcome"] for line in lines if line["event"] == last.name]
    assert (became[0], became[-1]) == ("retrying", "applied")
    for line in lines:
        assert line["connection"] == acme.connection_id
        assert line["work"].startswith("wrk_")
        assert line["duration_ms"] >= 0
    works = written("attempt", heard)
    assert len({line["work"] for line in works}) == len(works), "one line for each"
    assert {line["work"] for line in lines} <= {line["work"] for line in works}
    pushed = [line for line in works if line["actor"] == "push_members" and line["calls"]]
    assert pushed
    assert {line["outcome"] for line in works} == {"done"}
    assert "maple-street.test" not in heard.getvalue()

    def kept() -> list[calls.CallRow]:
        with acme.house.store.read() as c:
            return calls.of_work(c, last.work or "", 10)

    until(kept)
    assert {(one.method, one.path, one.status) for one in kept()} == {
        ("GET", "/lists/{list_id}/members/{member_id}", 200)
    }


def test_calls_are_counted_by_their_answers_and_kept_within_a_ceiling(acme: World) -> None:
    """Over all processes, since ever; and minute by minute for what is happening now."""
    acme.control.subscribe(acme.audience, JO)
    until(lambda: acme.contact(JO))

    def counted(answer: str) -> int:
        with acme.house.store.read() as c:
            return calls.ever(c).get(answer, (0, 0.0))[0]

    until(lambda: counted("ok") > 5)
    acme.control.fail(429)
    acme.control.edit(acme.audience, JO, merge_fields={"FNAME": "Jo"})
    until(lambda: counted("rate_limited") >= 2)
    acme.control.mend()
    with acme.house.store.write() as c:
        now = utc_now()
        recent = calls.since(c, now.replace(second=0, microsecond=0), acme.connection_id)
        assert recent.get("rate_limited", 0) + recent.get("ok", 0) > 0
        calls.forget_old(c, now, 3)
        assert len(calls.newest(c, acme.connection_id, 100)) <= 3
    before = counted("ok")
    assert before > 5, "the sums stay"
