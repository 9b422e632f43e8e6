"""`bothways sync`, `connections pause` and `resume`, as an operator meets them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from processor import setup
from processor.cli import main
from tests.whole.world import SECRET, SUBSCRIBED, World, prepared, until


@pytest.fixture
def made(tmp_path: Path) -> Iterator[World]:
    """An installation whose workers run, with a connection that is set up and one contact to add."""
    with prepared(tmp_path) as world:
        world.put("ann", email="ann@maple-street.test", consent=SUBSCRIBED)
        setup.save(world.kit, world.connection_id, setup.Choices(world.audience), "a test")
        yield world


def run(made: World, *words: str) -> Result:
    """One command."""
    settings = made.kit.settings
    env = {
        "DATA_DIR": os.fspath(settings.data_dir),
        "SECRET_KEY": SECRET,
        "PUBLIC_URL": settings.public_url,
        "MAILCHIMP_LOGIN_URL": settings.mailchimp_login_url,
        "DATABASE_URL": "",
        "REDIS_URL": "",
    }
    return CliRunner().invoke(main, [*words], env=env)


def test_a_first_sync_is_begun_and_watched_to_its_end(made: World) -> None:
    """Without a preview it says what is missing; skipped, it runs, and ends with its numbers in words."""
    refused = run(made, "sync", made.connection_id)
    assert refused.exit_code == 1
    assert "Make a preview first" in refused.output
    done = run(made, "sync", made.connection_id, "--skip-preview", "--watch")
    assert done.exit_code == 0, done.output
    assert "The first sync is done: 1 contact added and 0 changed in Mailchimp" in done.output
    assert made.member("ann@maple-street.test")
    told = json.loads(run(made, "sync", made.connection_id, "--status", "--json").output)
    assert (told["run"], told["numbers"]["added_there"]) == ("done", 1)
    again = run(made, "sync", made.connection_id)
    assert again.exit_code == 1
    assert "is done" in again.output


def test_a_connection_is_paused_and_resumed(made: World) -> None:
    """Each says how it stands afterwards."""
    assert run(made, "sync", made.connection_id, "--skip-preview", "--watch").exit_code == 0
    assert run(made, "connections", "pause", made.connection_id).output.startswith("Paused. ")
    made.put("bea", email="bea@maple-street.test", consent=SUBSCRIBED)
    assert run(made, "connections", "resume", made.connection_id).exit_code == 0
    until(lambda: made.member("bea@maple-street.test"))


def test_cancelling_what_does_not_run_is_refused_in_words(made: World) -> None:
    """And an unknown connection is not found, and a contradiction is told."""
    cancelled = run(made, "sync", made.connection_id, "--cancel")
    assert (cancelled.exit_code, "No first sync runs" in cancelled.output) == (1, True)
    assert run(made, "sync", "con_nobody").exit_code == 4
    assert run(made, "sync", made.connection_id, "--cancel", "--watch").exit_code == 2
