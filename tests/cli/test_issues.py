"""`bothways issues` and `bothways mails`, as somebody on call uses them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from processor import issues
from processor.cli import main
from processor.domain.plan import MemberState
from processor.kit import utc_now
from tests.web.house import Api, make_connection, open_api, stand

SECRET = "a secret key that is long enough for a test"


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """An installation in which two contacts fail of one cause."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("SECRET_KEY", SECRET)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with open_api(tmp_path, utc_now) as made:  # type: ignore[arg-type]
        for n in range(2):
            made.put(f"c{n}", email=f"c{n}@example.com")
        connection = make_connection(made.house, audience_id="a", audience_name="News", state="in_sync")
        for n in range(2):
            stand(made.house, connection, f"c{n}", state=MemberState.FAILING, reason="email_fake")
        issues.review(made.kit, connection)
        yield made


def run(*args: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(main, args)


def test_an_issue_is_listed_shown_and_dealt_with(api: Api) -> None:
    """In words, with its contacts; known, muted, tried again."""
    (found,) = json.loads(run("issues", "list", "--json").output)
    assert (found["code"], found["failing"], found["state"]) == ("email_fake", 2, "open")
    ref = found["id"]
    listed = run("issues")
    assert ref in listed.output
    shown = run("issues", "show", ref).output
    assert "Mailchimp takes “c0@example.com” for a made-up address" in shown
    assert "c1@example.com" in shown
    assert "-> Correct it and save" in shown
    assert run("issues", "acknowledge", ref).exit_code == 0
    assert run("issues", "mute", ref).exit_code == 1
    assert run("issues", "mute", ref, "--days", "14").exit_code == 0
    assert json.loads(run("issues", "show", ref, "--json").output)["state"] == "muted"
    assert run("issues", "unmute", ref).exit_code == 0
    assert run("issues", "retry", ref).output == "2 tried again.\n"
    assert run("issues", "resolve", ref).exit_code == 0
    assert run("issues").output == "Nothing needs anybody.\n"
    assert run("issues", "show", "iss_none").exit_code == 4


def test_an_address_is_set_and_a_test_needs_a_mail_server(api: Api) -> None:
    """And each says so."""
    assert run("mails", "address", "acme").output == "Nowhere.\n"
    assert run("mails", "address", "acme", "jo@maple-street.test").exit_code == 0
    assert run("mails", "address", "acme").output == "jo@maple-street.test\n"
    assert run("mails", "address", "acme", "not an address").exit_code == 1
    assert "No mail server is set" in run("mails", "test", "acme").output
    assert run("mails", "address", "acme", "--none").exit_code == 0
    assert run("mails").output == "Nothing was sent yet.\n"
