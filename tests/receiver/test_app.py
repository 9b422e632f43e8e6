"""What every request of the web process passes through, and the pages for machines that watch it."""

from __future__ import annotations

import inspect
import json
import logging
import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route

from processor import errors
from processor.errors import BothwaysError, Conflict, Invalid, MailchimpError, NotFound, StoreDown
from processor.kit import Kit
from processor.web import problem
from processor.web.app import build
from processor.web.server import Running
from tests.receiver.faults import held_back
from tests.receiver.house import FORM, Clock, add_hook, body_of, make_kit, make_settings

RAISED: dict[str, Exception] = {
    "invalid": Invalid("The address needs an @.", field="email"),
    "missing": NotFound("No contact con_7."),
    "conflict": Conflict("A newer version is stored."),
    "down": StoreDown("server db.internal:5432 refused"),
    "refused": MailchimpError("refused", status=400, detail="jo@maple-street.test is fake"),
    "bug": KeyError("whsec-very-secret"),
}


async def raising(request: Request) -> Response:
    raise RAISED[request.path_params["which"]]


async def page(request: Request) -> Response:
    return HTMLResponse("<p>hello</p>")


async def framed(request: Request) -> Response:
    return HTMLResponse("<p>hello</p>", headers={"Content-Security-Policy": "frame-ancestors https://shop"})


async def plain(request: Request) -> Response:
    return PlainTextResponse(request.path_params.get("name", ""))


ROUTES = [
    Route("/raise/{which}", raising),
    Route("/page", page),
    Route("/framed", framed),
    Mount("/inner/{owner}", routes=[Route("/things/{name}", plain, methods=["GET", "POST"])]),
]


def access_lines(caplog: pytest.LogCaptureFixture, wanted: int) -> list[logging.LogRecord]:
    """The access log once it has that many lines: a line is written after its answer has gone out."""
    deadline = time.monotonic() + 5
    while True:
        lines = [record for record in caplog.records if record.name == "processor.web.access"]
        if len(lines) >= wanted or time.monotonic() > deadline:
            return lines
        time.sleep(0.005)


@pytest.fixture
def http(kit: Kit) -> Iterator[httpx.Client]:
    """A client of the application with a few routes of the test's own."""
    with (
        Running(build(kit, routes=ROUTES)) as server,
        httpx.Client(base_url=server.url, timeout=10) as client,
    ):
        yield client


class TestErrors:
    """Errors are answered as problems, in words that were written for the caller."""

    @pytest.mark.parametrize(
        ("which", "status", "code", "detail"),
        [
            ("invalid", 422, "invalid", "The address needs an @."),
            ("missing", 404, "not_found", "No contact con_7."),
            ("conflict", 409, "conflict", "A newer version is stored."),
        ],
    )
    def test_ours_say_what_is_wrong(
        self, http: httpx.Client, which: str, status: int, code: str, detail: str
    ) -> None:
        """Status, code and sentence come from the error."""
        answer = http.get(f"/raise/{which}")
        assert (answer.status_code, answer.json()["status"]) == (status, status)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert (answer.json()["code"], answer.json()["detail"]) == (code, detail)

    def test_the_field_that_is_wrong_is_named(self, http: httpx.Client) -> None:
        """So that a form can point at it."""
        assert http.get("/raise/invalid").json()["field"] == "email"

    @pytest.mark.parametrize("which", ["down", "refused", "bug"])
    def test_words_that_were_not_written_for_the_caller_stay_inside(
        self, http: httpx.Client, which: str
    ) -> None:
        """No host, no address, no secret, no trace."""
        answer = http.get(f"/raise/{which}")
        for inside in ("db.internal", "maple", "whsec", "Traceback", "KeyError"):
            assert inside not in answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"

    def test_a_database_that_is_away_is_503_and_says_when_to_come_again(self, http: httpx.Client) -> None:
        """Retry-After tells a client's library what to do."""
        answer = http.get("/raise/down")
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0

    def test_a_bug_is_500_with_a_number_to_find_it_by(self, http: httpx.Client) -> None:
        """The answer names the request; the log has the trace under it."""
        answer = http.get("/raise/bug")
        assert answer.status_code == 500
        assert answer.json()["code"] == "internal"

    def test_unknown_paths_and_methods_are_problems_too(self, http: httpx.Client) -> None:
        """404 and 405 look like every other error; 405 names what works."""
        assert http.get("/nowhere").json()["status"] == 404
        answer = http.delete("/page")
        assert answer.json()["status"] == 405
        assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD"}

    def test_every_error_has_a_status(self) -> None:
        """No error of `errors` falls through to a bare 500."""
        every = [
            kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, BothwaysError)
        ]
        assert set(every) <= set(problem.STATUSES)


class TestRequests:
    """Every request has an id, a line in the log, and headers that keep browsers careful."""

    def test_the_id_of_a_proxy_is_kept_and_others_are_new(self, http: httpx.Client) -> None:
        """One number through all logs; what cannot be a number is replaced."""
        assert http.get("/page", headers={"X-Request-Id": "abc-12345"}).headers["X-Request-Id"] == "abc-12345"
        ids = {http.get("/page").headers["X-Request-Id"] for _ in range(5)}
        ids.add(http.get("/page", headers={"X-Request-Id": 'x" y="1"'}).headers["X-Request-Id"])
        assert len(ids) == 6
        assert '"' not in "".join(ids)

    def test_the_log_names_the_template_and_never_the_path(
        self, http: httpx.Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Also under a mount, also when the method is wrong."""
        with caplog.at_level(logging.INFO, "processor.web.access"):
            http.get("/inner/jo-maple/things/private")
            http.put("/inner/jo-maple/things/private")
            http.get("/private")
            lines = [record.facts for record in access_lines(caplog, 3)]  # type: ignore[attr-defined]
        assert [(line["route"], line["method"], line["status"]) for line in lines] == [
            ("/inner/{owner}/things/{name}", "GET", 200),
            ("/inner/{owner}/things/{name}", "PUT", 405),
            ("(no route)", "GET", 404),
        ]
        assert lines[0]["bytes"] == len("private")
        assert "private" not in json.dumps(lines).replace("{name}", "")

    def test_a_delivery_is_logged_at_debug_and_a_refusal_at_info(
        self, http: httpx.Client, kit: Kit, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Thousands of successes a second would drown everything else."""
        with caplog.at_level(logging.DEBUG, "processor.web.access"):
            for token in (add_hook(kit), "unknown"):
                http.post(f"/webhooks/mailchimp/{token}", content=body_of(1), headers={"Content-Type": FORM})
            levels = [record.levelno for record in access_lines(caplog, 2)]
        assert levels == [logging.DEBUG, logging.INFO]

    def test_pages_may_not_be_framed_or_load_from_elsewhere(self, http: httpx.Client) -> None:
        """Unless the page says so itself."""
        policy = http.get("/page").headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert http.get("/framed").headers["Content-Security-Policy"] == "frame-ancestors https://shop"

    def test_nothing_is_sniffed_and_no_address_is_passed_on(self, http: httpx.Client) -> None:
        """On every answer for browsers, errors included."""
        for path in ("/page", "/nowhere", "/raise/bug", "/healthz"):
            answer = http.get(path)
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "no-referrer"

    def test_the_server_does_not_say_what_it_is(self, http: httpx.Client) -> None:
        """No Server header."""
        assert "Server" not in http.get("/page").headers


class TestHealth:
    """Whether it lives, whether it can work, and how it does."""

    def test_all_is_well(self, http: httpx.Client) -> None:
        """A migrated database that answers, and nothing else configured."""
        assert http.get("/healthz").json() == {"status": "ok"}
        answer = http.get("/readyz")
        assert answer.status_code == 200
        assert answer.json()["parts"] == {"database": "ok", "migrations": "ok", "receiver": "ok"}

    def test_tables_of_another_version_are_not_ready(self, http: httpx.Client, kit: Kit) -> None:
        """The remedy is named."""
        with kit.store.write() as c:
            c.execute(text("DELETE FROM alembic_version"))
        answer = http.get("/readyz")
        assert answer.status_code == 503
        assert "bothways migrate" in answer.json()["parts"]["migrations"]
        assert answer.json()["parts"]["database"] == "ok"
        assert http.get("/healthz").status_code == 200

    def test_a_redis_that_does_not_answer_is_named(self, tmp_path: Path) -> None:
        """And the others are still told to be well; no host, no port."""
        kit = make_kit(make_settings(tmp_path, redis_url="redis://127.0.0.1:1/0"))
        with Running(build(kit)) as server:
            answer = httpx.get(server.url + "/readyz")
        kit.store.close()
        assert answer.status_code == 200
        assert answer.json()["status"] == "degraded"
        parts = answer.json()["parts"]
        assert parts.pop("redis").startswith("fails")
        assert set(parts.values()) == {"ok"}
        assert "127.0.0.1" not in answer.text

    @pytest.mark.services
    def test_a_redis_that_answers_is_ok(self, tmp_path: Path) -> None:
        """With a real Redis."""
        redis_url = os.environ.get("BOTHWAYS_TEST_REDIS")
        if not redis_url:
            pytest.skip("BOTHWAYS_TEST_REDIS is not set")
        kit = make_kit(make_settings(tmp_path, redis_url=redis_url))
        with Running(build(kit)) as server:
            assert httpx.get(server.url + "/readyz").json()["parts"]["redis"] == "ok"
        kit.store.close()

    def test_a_database_that_hangs_gets_a_clear_no_in_time(
        self, http: httpx.Client, kit: Kit, database_url: str
    ) -> None:
        """Metrics of the process remain; on SQLite readers are not held back, and that is fine too."""
        with held_back(kit.store, database_url):
            assert http.get("/healthz", timeout=10).status_code == 200
            answer = http.get("/metrics", timeout=20)
        assert answer.status_code == 200
        up = "bothways_database_up 0" if kit.store.dialect == "postgresql" else "bothways_database_up 1"
        assert up in answer.text
        assert "bothways_commits_total" in answer.text

    def test_metrics_count_what_waits_and_for_how_long(
        self, http: httpx.Client, kit: Kit, clock: Clock
    ) -> None:
        """In the form that Prometheus reads."""
        path = f"/webhooks/mailchimp/{add_hook(kit)}"
        for number in (1, 2, 2):
            http.post(path, content=body_of(number), headers={"Content-Type": FORM})
        http.get("/webhooks/mailchimp/unknown")
        with kit.store.write() as c:
            bury = text("UPDATE events SET status = 'dead', due_at = NULL WHERE body = :body")
            c.execute(bury, {"body": body_of(2)})
        clock.moment += timedelta(seconds=90)
        answer = http.get("/metrics")
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        for line in (
            "bothways_deliveries_accepted_total 3",
            "bothways_deliveries_duplicate_total 1",
            'bothways_deliveries_refused_total{reason="unknown_token"} 1',
            'bothways_events{status="received"} 1',
            'bothways_events{status="dead"} 1',
            "bothways_database_up 1",
            "# TYPE bothways_events_oldest_due_seconds gauge",
        ):
            assert line in answer.text.splitlines()
