"""`bothways replay --webhooks`, as somebody on call uses it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from processor.cli import main
from tests.outgoing.stage import Platform, Stage, platform, stage
from tests.web.house import Clock

SECRET = "a secret key that is long enough for a test"


@pytest.fixture
def server() -> Iterator[Platform]:
    """The platform's server."""
    with platform() as made:
        yield made


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """An installation, and commands that find it."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("SECRET_KEY", SECRET)
    monkeypatch.setenv("ALLOW_PRIVATE_TARGETS", "true")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with stage(tmp_path, Clock(datetime.now(UTC))) as made:
        yield made


def run(*args: str, said: str = "") -> Result:
    """Run a command."""
    return CliRunner().invoke(main, ["replay", *args], input=said)


def test_webhooks_are_sent_again_to_a_platform_that_lost_them(here: Stage, server: Platform) -> None:
    """Planned first, sent when it is said, told how far it is, each under the id that it had."""
    endpoint, _ = here.endpoint(server.url)
    here.change_a_contact()
    assert here.later(5) == 1  # those that come together go together
    (name,) = server.ids
    assert (
        run("--webhooks", endpoint.id, "--yes").output == "0 webhooks would be sent again.\n"
    )  # none is dead
    chosen = ("--webhooks", endpoint.id, "--delivered", "--since", "1h")
    planned = "1 webhooks would be sent again (1 changes.available).\n"
    assert run(*chosen, "--dry-run").output == planned
    assert run(*chosen, said="n\n").output.startswith(planned)
    assert here.later(5) == 0
    done = json.loads(run(*chosen, "--yes", "--json").output)
    assert (done["would_replay"], done["replayed"]) == (1, 1)
    assert here.later(5) == 1
    assert server.ids == [name, name]
    assert run(done["replay"]).output == "All sent · 1 of 1 webhooks\n"
    assert done["replay"] in run("--list").output


def test_it_says_what_cannot_be(here: Stage) -> None:
    """One sentence, and no traceback."""
    unknown = run("--webhooks", "end_none", "--yes")
    assert unknown.exit_code == 4
    assert "end_none" in unknown.output
    wrong = run("--webhooks", "end_none", "--status", "dead")
    assert wrong.exit_code == 2
    assert "--webhooks goes with --delivered, --since and --until." in wrong.output
