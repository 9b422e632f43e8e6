"""Whatever is sent, the answer is one that the OpenAPI document names: never a 500."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processor.domain.contact import ConsentStatus
from processor.web.openapi import PATH
from tests.web.house import ACME, DATABASES, Api, Clock, keep, make_connection, open_api, open_database
from tests.web.paper import Paper

QUICK = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(["", "\0", "jo@maple-street.test", "9" * 400, "2026-01-01T00:00:00Z", "\U0010ffff"])
)
any_json = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)
times = st.datetimes(timezones=st.timezones() | st.none()).map(lambda t: t.isoformat()) | any_json
consents = st.fixed_dictionaries(
    {"status": st.sampled_from([*ConsentStatus]) | any_json}, optional={"at": times, "source": scalars}
)
emails = st.emails() | st.sampled_from(["jo@maple-street.test", "JO@maple-street.test"]) | scalars
contacts = st.fixed_dictionaries(
    {},
    optional={
        "email": emails,
        "fields": st.dictionaries(st.sampled_from(["a", "b", "é"]) | st.text(), any_json, max_size=4)
        | any_json,
        "tags": st.lists(st.text(max_size=5) | scalars, max_size=4) | any_json,
        "consent": consents | any_json,
        "version": st.integers(-2, 40) | any_json,
    },
)
batch = st.fixed_dictionaries(
    {
        "contacts": st.lists(
            st.builds(lambda c, i: {**c, "id": i}, contacts, st.sampled_from("abc") | scalars) | any_json,
            max_size=5,
        )
        | any_json
    }
)
replays = st.fixed_dictionaries(
    {"dry_run": st.booleans() | scalars},
    optional={
        "ids": st.lists(st.sampled_from(["evt_1", "evt_2", "2"]) | scalars, max_size=3) | any_json,
        "status": st.sampled_from(["dead", "applied"]) | any_json,
        "type": scalars,
        "since": times,
        "until": times,
        "connection": scalars,
    },
)
queries = st.dictionaries(
    st.sampled_from(["status", "type", "code", "since", "until", "connection", "account", "after", "limit"])
    | st.text(),
    st.text() | st.sampled_from(["dead", "1", "evt_1", "c1", "2026-01-01T00:00:00Z", "-1", "1e9", "acme"]),
    max_size=3,
)


class Line:
    """One running loop and one client, so that an example costs a call and nothing else."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.runner = asyncio.Runner()
        transport = httpx.ASGITransport(api.app, raise_app_exceptions=True)
        self.http = httpx.AsyncClient(
            transport=transport,
            base_url="http://127.0.0.1",
            headers={"Authorization": f"Bearer {api.key}"},
        )
        self.paper = Paper(self.runner.run(self.http.get(PATH)).json())

    def send(self, method: str, path: str, parts: dict[str, str] | None = None, **sent: Any) -> None:
        """Make the call and hold the answer against the document."""
        quoted = {name: quote(part, safe="").replace(".", "%2E") for name, part in (parts or {}).items()}
        if "json" in sent:
            sent["content"] = json.dumps(sent.pop("json")).encode()
            sent["headers"] = {"Content-Type": "application/json"}
        answer = self.runner.run(self.http.request(method, path.format(**quoted), **sent))
        assert answer.status_code < 500, answer.text
        self.paper.check(method.lower(), path, answer)

    def close(self) -> None:
        """Hang up."""
        self.runner.run(self.http.aclose())
        self.runner.close()


@pytest.fixture(scope="module", params=DATABASES)
def line(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """The API with a connection and an event, for all examples of this module."""
    folder = tmp_path_factory.mktemp("api")
    with open_database(request.param) as url, open_api(folder, Clock(), database_url=url) as api:
        keep(api.house, make_connection(api.house), b"n=1", b"n=2")
        made = Line(api)
        yield made
        made.close()


@QUICK
@given(body=contacts | any_json)
def test_any_contact(line: Line, body: Any) -> None:
    """Any JSON for a contact, near to right and far from it."""
    line.send("PUT", "/v1/accounts/{account}/contacts/{id}", {"account": ACME, "id": "jo"}, json=body)


@QUICK
@given(body=batch | any_json)
def test_any_batch(line: Line, body: Any) -> None:
    """Any JSON for a batch."""
    line.send("POST", "/v1/accounts/{account}/contacts/batch", {"account": ACME}, json=body)


@QUICK
@given(body=replays | any_json)
def test_any_replay(line: Line, body: Any) -> None:
    """Any JSON for a replay."""
    line.send("POST", "/v1/replays", json=body)


@QUICK
@given(raw=st.binary(max_size=200))
def test_any_bytes(line: Line, raw: bytes) -> None:
    """Bytes that claim to be JSON."""
    line.send(
        "PUT",
        "/v1/accounts/{account}/contacts/{id}",
        {"account": ACME, "id": "jo"},
        content=raw,
        headers={"Content-Type": "application/json"},
    )


@QUICK
@given(query=queries)
def test_any_query(line: Line, query: dict[str, str]) -> None:
    """Any query, with names that are known and others."""
    line.send("GET", "/v1/events", params=query)


@QUICK
@given(account=st.text(min_size=1, max_size=250), contact_id=st.text(min_size=1, max_size=250))
def test_any_id(line: Line, account: str, contact_id: str) -> None:
    """Any text as an id: it is written and read back, or refused."""
    path = "/v1/accounts/{account}/contacts/{id}"
    if "/" in account:
        return  # no account's id has one: the address would be another
    line.send("PUT", path, {"account": account, "id": contact_id}, json={})
    line.send("GET", path, {"account": account, "id": contact_id})


def test_what_was_kept_can_be_read_afterwards(line: Line) -> None:
    """After all that, the feed and the lists still answer."""
    line.send("GET", "/v1/accounts/{account}/changes", {"account": ACME})
    line.send("GET", "/v1/accounts/{account}/connections", {"account": ACME})
