"""`bothways preview`, as an operator meets it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from processor.cli import main
from tests.whole.foreseen import Stage, open_stage
from tests.whole.world import SECRET, SUBSCRIBED


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """An installation whose workers run, with one contact to add and one member to take over."""
    with open_stage(tmp_path) as made:
        made.put("ann", email="ann@maple-street.test", consent=SUBSCRIBED)
        made.control.put_members(made.audience, [{"email_address": "jo@maple-street.test"}])
        yield made


def run(stage: Stage, *words: str) -> Result:
    settings = stage.kit.settings
    env = {
        "DATA_DIR": os.fspath(settings.data_dir),
        "SECRET_KEY": SECRET,
        "PUBLIC_URL": settings.public_url,
        "MAILCHIMP_LOGIN_URL": settings.mailchimp_login_url,
        "DATABASE_URL": "",
        "REDIS_URL": "",
    }
    return CliRunner().invoke(main, ["preview", *words], env=env)


def test_it_is_made_printed_and_not_made_again_while_young(stage: Stage) -> None:
    """The balance in words; the second time the same one; `--new` makes another."""
    first = run(stage, stage.connection_id)
    assert first.exit_code == 0, first.output
    for said in (
        "Nothing was changed.",
        "2 people on both sides; 0 as they should be.",
        "        1  Add as subscribed. They agreed to your e-mails",
        "        1  Add as a contact.",
        "Added to what your Mailchimp plan counts: 1 (subscribed there now: 1).",
        "Note: Mailchimp will count more contacts.",
    ):
        assert said in first.stdout
    one = json.loads(run(stage, stage.connection_id, "--json").stdout)
    assert one["id"] == json.loads(run(stage, stage.connection_id, "--json").stdout)["id"]
    assert one["id"] != json.loads(run(stage, stage.connection_id, "--json", "--new").stdout)["id"]


def test_everybody_goes_into_a_file(stage: Stage, tmp_path: Path) -> None:
    """Where it is said; a place that cannot be written to is named."""
    path = tmp_path / "preview.csv"
    assert run(stage, stage.connection_id, "--csv", str(path)).exit_code == 0
    text = path.read_text(encoding="utf-8-sig")
    assert text.splitlines()[0].startswith('"E-mail address"')
    assert "ann@maple-street.test" in text
    nowhere = run(stage, stage.connection_id, "--csv", str(tmp_path / "no" / "where.csv"))
    assert nowhere.exit_code == 1
    assert "could not be written" in nowhere.stderr


def test_what_went_wrong_is_said_with_its_exit_code(stage: Stage) -> None:
    """An unknown connection; access that was withdrawn."""
    assert run(stage, "con_nobody").exit_code == 4
    stage.control.revoke(stage.mailchimp_account)
    failed = run(stage, stage.connection_id)
    assert failed.exit_code == 1
    assert "Reconnect Mailchimp" in failed.stderr
