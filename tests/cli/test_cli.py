"""The command line as an operator meets it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from processor import bootstrap, config
from processor.bootstrap import House
from processor.cli import main
from processor.domain.connection import ConnectionState
from processor.domain.event import Delivery, EventStatus
from processor.kit import utc_now
from processor.store import accounts, connections, inbox
from processor.store.inbox import EventFilter, Settled
from tests.ready import make_ready

SECRET = "a secret key that is long enough for tests"


@dataclass
class Desk:
    """An operator's terminal, and the installation behind it."""

    env: dict[str, str]
    house: House

    def run(self, *words: str, answer: str = "") -> Result:
        """Run a command as typed."""
        return CliRunner().invoke(main, list(words), env=self.env, input=answer)

    def said(self, *words: str) -> object:
        """Return what a command prints as JSON."""
        result = self.run(*words, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def statuses(self) -> list[str]:
        with self.house.store.read() as c:
            return [row.status.value for row in inbox.find(c, EventFilter(), limit=100)]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """An embedded installation with one connection and three dead events."""
    env = {"DATA_DIR": str(tmp_path), "SECRET_KEY": SECRET, "DATABASE_URL": "", "REDIS_URL": ""}
    env["PUBLIC_URL"] = "http://127.0.0.1:1"  # where nobody answers
    house = bootstrap.build(config.Settings(data_dir=tmp_path, secret_key=SECRET))
    make_ready(house.kit.settings.database)
    with house.store.write() as c:
        accounts.ensure(c, "acme", utc_now())
        connections.create(
            c,
            "con_a",
            "acme",
            utc_now(),
            state=ConnectionState.IN_SYNC,
            mailchimp_account="1",
            account_name="Maple Street Shop",
            login_name="jo",
            role="admin",
            dc="us1",
            api_base="http://127.0.0.1:1",
            token_sealed=None,
        )
        connections.update(c, "con_a", utc_now(), audience_id="a6b5da1054", audience_name="News")
    _die(house, ["one", "two", "three"])
    yield Desk(env, house)
    house.close()


def _die(house: House, bodies: Sequence[str]) -> None:
    with house.store.write() as c:
        now = utc_now()
        inbox.keep(c, [Delivery("con_a", body.encode(), "text/plain", now) for body in bodies])
        claimed = inbox.claim(c, "con_a", limit=10, now=now, lease_seconds=60, worker="w")
        dead = [
            Settled(row.id, row.claim, EventStatus.DEAD, type="profile", code="mailchimp_down")
            for row in claimed
        ]
        inbox.settle(c, dead, now)


def test_dead_events_are_shown_with_what_happened_and_what_to_do(desk: Desk) -> None:
    """`bothways events` lists what died, in words; one event in full shows its delivery."""
    listed = desk.said("events", "--status", "dead")
    assert [row["id"] for row in listed] == ["evt_3", "evt_2", "evt_1"]
    assert all(row["what_happened"] and row["what_to_do"] for row in listed)
    shown = desk.said("events", "evt_1")
    assert shown[0]["delivery"] in {"one", "two", "three"}
    assert shown[0]["attempts_made"][0]["outcome"] == "dead"


def test_replay_without_a_selector_is_a_usage_error(desk: Desk) -> None:
    """Nobody replays everything by leaving a word out."""
    result = desk.run("replay", "--yes")
    assert result.exit_code == 2
    assert "--status" in result.output
    assert set(desk.statuses()) == {"dead"}


def test_replay_says_first_what_it_will_do(desk: Desk) -> None:
    """A dry run and a refused question change nothing; a yes sends the events round again."""
    dry = desk.run("replay", "--status", "dead", "--dry-run")
    assert dry.exit_code == 0
    assert "3 events" in dry.output
    refused = desk.run("replay", "--status", "dead", answer="n\n")
    assert "Send them round again?" in refused.output
    assert set(desk.statuses()) == {"dead"}
    assert desk.run("replay", "--status", "dead", "--yes").exit_code == 0
    assert set(desk.statuses()) == {"received"}


def test_replay_by_id_takes_only_that_one(desk: Desk) -> None:
    """The others stay dead; a second time there is nothing to do."""
    said = desk.said("replay", "evt_2", "--yes")
    assert said["would_replay"] == said["replayed"] == 1
    assert sorted(desk.statuses()) == ["dead", "dead", "received"]
    assert desk.said("replay", "evt_2", "--yes")["not_now"] == 1


def test_an_unknown_event_is_named_and_has_its_exit_code(desk: Desk) -> None:
    """Not found is told apart from failed."""
    result = desk.run("events", "evt_999")
    assert result.exit_code == 4
    assert "evt_999" in result.output


def test_times_are_iso_or_an_age(desk: Desk) -> None:
    """`--since 2h` and a date both work; anything else is explained."""
    assert len(desk.said("events", "--since", "2h")) == 3
    assert desk.said("events", "--until", "2020-01-01") == []
    wrong = desk.run("events", "--since", "yesterday")
    assert wrong.exit_code == 2
    assert "2h" in wrong.output


def test_keys_are_shown_once_listed_and_revoked(desk: Desk) -> None:
    """A key is printed when it is made, and never again."""
    made = desk.said("keys", "create", "--label", "production")
    assert made["key"].startswith("bw_")
    listed = desk.run("keys", "list").output
    assert "production" in listed
    assert made["key"] not in listed
    assert desk.run("keys", "revoke", made["id"]).exit_code == 0
    assert desk.run("keys", "revoke", "key_nobody").exit_code == 4


def test_connections_are_told_in_words(desk: Desk) -> None:
    """What each connection is doing, and which audience it is about."""
    row = desk.said("connections")[0]
    assert row["audience"] == "News"
    assert row["state"] == "in_sync"
    assert desk.run("connections", "show", "con_nobody").exit_code == 4


def test_the_doctor_names_a_remedy_for_each_fault(desk: Desk) -> None:
    """No worker, no web process, no OAuth client: three faults, three remedies, exit code 1."""
    result = desk.run("doctor", "--json")
    assert result.exit_code == 1
    faults = {f["part"]: f["remedy"] for f in json.loads(result.stdout) if not f["ok"]}
    assert {"workers", "oauth", "public url"} <= faults.keys()
    assert all(faults.values())


def test_settings_that_cannot_work_are_all_named_at_once(desk: Desk) -> None:
    """Every problem in one go, each with its remedy, none with its value."""
    env = {
        **desk.env,
        "PUBLIC_URL": "",
        "SECRET_KEY": "short-secret",
        "DATABASE_URL": "mysql://user:pw@host/db",
    }
    result = CliRunner().invoke(main, ["up", "--role", "web"], env=env)
    assert result.exit_code == 3
    for name in ("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "PUBLIC_URL", "MAILCHIMP_CLIENT_ID"):
        assert name in result.output
    assert "short-secret" not in result.output
    assert "pw@host" not in result.output


def test_tokens_are_sealed_anew_with_the_newest_key(desk: Desk) -> None:
    """After `keys reseal` the older key can go."""
    with desk.house.store.write() as c:
        sealed = desk.house.kit.sealer.seal("token", "connection:con_a:token")
        connections.update(c, "con_a", utc_now(), token_sealed=sealed)
    new = "another secret key that is long enough too"
    both = {**desk.env, "SECRET_KEY": f"{new},{SECRET}"}
    assert CliRunner().invoke(main, ["keys", "reseal"], env=both).exit_code == 0
    result = CliRunner().invoke(main, ["doctor", "--json"], env={**desk.env, "SECRET_KEY": new})
    assert next(f for f in json.loads(result.stdout) if f["part"] == "secrets")["ok"]


@pytest.mark.slow
def test_the_demo_shows_both_ways_and_survives_a_restart(tmp_path: Path) -> None:
    """One command, no account: changes arrive on both sides, and the second start goes on with the data."""
    command = [sys.executable, "-m", "processor", "demo", "--data-dir", str(tmp_path), "--rounds", "2"]
    command += ["--port", "8317", "--sandbox-port", "8318"]
    for _ in range(2):
        result = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
        assert result.returncode == 0, result.stderr
        assert "290 contacts on the platform" in result.stdout
        assert "platform -> Mailchimp" in result.stdout
        assert "Mailchimp -> platform" in result.stdout
        assert "has not arrived" not in result.stdout
