"""The whole of it with workers: over HTTP in, over HTTP out; nobody is held up, nothing leads inside."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from processor import endpoints
from processor.cli import main
from processor.domain.outgoing import KINDS, NoticeKind
from processor.feed import read
from processor.reseal import reseal
from processor.tick import tick
from processor.web import app as web
from processor.web.routes import routes
from processor.web.server import Running as Web
from tests.outgoing import stage as made
from tests.outgoing.stage import Platform, Stage, documented_verify
from tests.web.house import ACME, SUBSCRIBED, Clock, make_key
from tests.whole.world import SECRET, installation, until, world

NOWHERE = "http://127.0.0.1:1"


def test_a_contact_that_is_written_reaches_the_platform(tmp_path: Path, platform: Platform) -> None:
    """Endpoint made, contact written, bell received, feed read: all over HTTP."""
    with (
        installation(tmp_path, NOWHERE, allow_private_targets=True) as (house, _),
        Web(web.build(house.kit, routes=routes(house.kit, house.http))) as served,
        httpx.Client(
            base_url=served.url, headers={"Authorization": f"Bearer {make_key(house)}"}, timeout=20
        ) as api,
    ):
        endpoint = api.post("/v1/webhook-endpoints", json={"url": platform.url}).json()
        tried = api.post(f"/v1/webhook-endpoints/{endpoint['id']}/test").json()
        until(lambda: platform.ids == [tried["id"]])
        written = time.monotonic()
        api.put(f"/v1/accounts/{ACME}/contacts/jo", json={"email": "jo@maple-street.test"})
        until(lambda: len(platform.got) == 2)
        assert time.monotonic() - written < 10
        got = platform.got[1]
        documented_verify()(endpoint["secret"], got.headers, got.body)
        data = json.loads(got.body)["data"]
        feed = api.get(f"/v1/accounts/{data['account']}/changes", params={"after": data["after"]}).json()
        assert [change["id"] for change in feed["changes"]] == ["jo"]
        notice = until(
            lambda: (n := api.get(f"/v1/webhook-notices/{got.id}").json())["state"] == "delivered" and n
        )
        assert [a["status"] for a in notice["attempts"]] == [204]


def test_endpoints_that_hang_do_not_hold_up_others(tmp_path: Path) -> None:
    """More of them than workers: one that answers is told all the same, and contacts are still taken."""
    over = threading.Event()

    def hang() -> int:
        over.wait(30)
        return 204

    with made.platform() as hanging, made.platform() as quick:
        hanging.answers += [hang] * 100
        with installation(tmp_path, NOWHERE, allow_private_targets=True, worker_threads=4) as (house, _):
            first, _ = endpoints.create(house.kit, None, quick.url, types=["test"])
            endpoints.test(house.kit, first.id, None)
            until(lambda: quick.got)
            for n in range(12):
                row, _ = endpoints.create(house.kit, f"account{n}", hanging.url)
                endpoints.test(house.kit, row.id, None)
            until(lambda: hanging.got)
            for count in (2, 3, 4):
                asked = time.monotonic()
                endpoints.test(house.kit, first.id, None)
                until(lambda count=count: len(quick.got) == count)
                assert time.monotonic() - asked < 5
            assert len(hanging.got) < 5
            over.set()


@pytest.fixture
def closed(tmp_path: Path, clock: Clock) -> Iterator[Stage]:
    """A house that does not call private addresses."""
    with made.stage(tmp_path, clock, allow_private_targets=False) as house:
        yield house


def test_a_name_that_leads_inside_is_refused_at_each_delivery(closed: Stage, platform: Platform) -> None:
    """The form takes the name; what it resolves to is looked at when it is called."""
    port = platform.url.rsplit(":", 1)[1]
    endpoint, _ = closed.endpoint(f"https://localhost:{port}")
    endpoints.test(closed.kit, endpoint.id, None)
    assert closed.work() == 0
    assert platform.got == []
    (report,) = closed.notices(endpoint)
    assert [(a.status, a.reason) for a in report.attempts] == [(None, "not_outside")]


def test_secrets_are_sealed_anew_with_the_newest_key(stage: Stage, platform: Platform) -> None:
    """After `bothways keys reseal` the old key may go, and what is sent is still signed."""
    endpoint, secret = stage.endpoint(platform.url)
    before = stage.now(endpoint).secrets
    assert reseal(stage.kit) == 1
    after = stage.now(endpoint).secrets
    assert after != before
    endpoints.test(stage.kit, endpoint.id, None)
    assert stage.work() == 1
    documented_verify()(secret, platform.got[0].headers, platform.got[0].body)


def test_the_command_line_does_it_too(tmp_path: Path, platform: Platform) -> None:
    """Make, test, list, redeliver, rotate, disable, remove."""
    with installation(tmp_path, NOWHERE, allow_private_targets=True):
        env = {"DATA_DIR": str(tmp_path), "SECRET_KEY": SECRET, "ALLOW_PRIVATE_TARGETS": "true"}

        def run(*words: str, code: int = 0) -> str:
            done = CliRunner().invoke(main, ["webhooks", *words], env=env)
            assert done.exit_code == code, done.output
            return done.stdout

        assert "no endpoint yet" in run()
        endpoint = json.loads(run("create", platform.url, "--json"))
        assert endpoint["secret"].startswith("whsec_")
        assert "arrived after" in run("test", endpoint["id"])
        (listed,) = json.loads(run("notices", endpoint["id"], "--json"))
        assert listed["state"] == "delivered"
        run("redeliver", listed["id"])
        until(lambda: platform.ids == [listed["id"]] * 2)
        assert run("rotate", endpoint["id"]).startswith("whsec_")
        platform.answers.append(500)
        run("test", endpoint["id"], code=1)
        assert "it answered 500" in run("notices", endpoint["id"])
        assert "disabled" in run("change", endpoint["id"], "--disable")
        assert "by_hand" in run("list")
        run("remove", endpoint["id"])
        run("test", endpoint["id"], code=4)


def test_the_documentation_names_every_type() -> None:
    """Whoever adds one says in docs/webhooks-out.md what it means."""
    table = set(re.findall(r"^\| `([a-z_.]+)` \|", made.DOCS.read_text(), re.MULTILINE))
    assert table == {kind.value for kind in NoticeKind} == {kind.value for kind in KINDS}


def test_nothing_is_lost_for_a_reader_who_is_away_for_a_week(stage: Stage, platform: Platform) -> None:
    """No endpoint, an endpoint that is down, or nobody who asks: an old cursor leads to every change."""
    stage.change_a_contact("before")
    cursor = read(stage.kit, ACME, after=None).cursor
    endpoint, _ = stage.endpoint(platform.url)
    platform.answers += [503] * 1000
    for n in range(7):
        stage.change_a_contact(f"day{n}")
        stage.later(24 * 3600)
        tick(stage.kit)
    platform.answers.clear()
    endpoints.change(stage.kit, endpoint.id, None, enabled=True)
    stage.work()
    told = json.loads(platform.got[-1].body)["data"]["after"]
    for after in (cursor, told):
        page = read(stage.kit, ACME, after=after)
        assert [row.change.contact_id for row in page.changes] == [f"day{n}" for n in range(7)]
    assert len(read(stage.kit, ACME, after=None).changes) == 8


@pytest.mark.slow
def test_contacts_that_fail_ring_and_states_are_told(tmp_path: Path, platform: Platform) -> None:
    """Beside a Mailchimp that refuses an address and then takes our access away."""
    with world(tmp_path, allow_private_targets=True) as acme:
        endpoints.create(acme.kit, None, platform.url)
        acme.put("jo", email="someone@example.com", consent=SUBSCRIBED)
        failing = until(lambda: _told(platform, NoticeKind.CONTACTS_FAILING))
        assert failing[0]["connection"] == acme.connection_id
        acme.control.revoke(acme.mailchimp_account)
        acme.put("li", email="li@maple-street.test", consent=SUBSCRIBED)
        (state,) = until(lambda: _told(platform, NoticeKind.CONNECTION_STATE_CHANGED))
        assert (state["before"], state["state"], state["problem"]) == ("in_sync", "reconnect", "reconnect")


def _told(platform: Platform, kind: NoticeKind) -> list[dict[str, Any]]:
    bodies = [json.loads(got.body) for got in list(platform.got)]
    return [body["data"] for body in bodies if body["type"] == kind]
