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
    assert "-> Correct it on your platform" in shown
    assert run("issues", "acknowledge", ref).exit_code == 0
    assert run("issues", "mute", ref).exit_code == 1
    assert run("issues", "mute", ref, "--days", "14").exit_code == 0
    assert json.loads(run("issues", "show", ref, "--json").output)["state"] == "muted"
    assert run("issues", "unmute", ref).exit_code == 0
    assert run("issues", "retry", ref).output == "2 tried again.\n"
    assert run("issues", "resolve", ref).exit_code == 0
    assert run("issues").output == "Nothing needs anybody.\n"
    assert run("issues", "show", "iss_none").exit_code == 4


def test_who_fails_is_left_out_and_taken_back_in(api: Api) -> None:
    """All of an issue, or one by one; each command says what it did, and who chose it is shown."""
    (found,) = json.loads(run("issues", "list", "--json").output)
    assert run("issues", "leave-out", found["id"]).output == "2 left out.\n"
    assert run("issues", "leave-out", found["id"]).output == "There is nobody to leave out.\n"
    connection = found["connection"]
    assert "Chosen by command line at" in run("connections", "contacts", connection).output
    shown = json.loads(run("connections", "show", connection, "--json").output)
    assert (shown["left_out"], shown["by_choice"], shown["failing"]) == (2, 2, 0)
    assert run("connections", "take-back", connection, "c0").output == "1 contact is taken back in.\n"
    assert run("connections", "take-back", connection, "c0").output == "None of these contacts is left out.\n"
    assert run("connections", "leave-out", connection, "c0").output == "1 contact is left out.\n"
    assert "Nobody here" in run("connections", "leave-out", connection, "nobody").output


def test_readers_of_a_connection_are_set(api: Api) -> None:
    """In place of the account's address, and not for good."""
    (found,) = json.loads(run("issues", "list", "--json").output)
    connection = found["connection"]
    assert run("mails", "readers", connection).output == "Nobody is told by mail.\n"
    run("mails", "address", "acme", "jo@maple-street.test")
    assert "jo@maple-street.test (the account's address)" in run("mails", "readers", connection).output
    kim = run("mails", "readers", connection, "kim@maple-street.test").output
    assert kim == "Told at kim@maple-street.test.\n"
    assert "the account's" in run("mails", "readers", connection, "--none").output
    assert run("mails", "readers", connection, "kim").exit_code == 1
    assert "OPERATOR_CHANNELS" in run("mails", "test", "--channels").output


def test_an_address_is_set_and_a_test_needs_a_mail_server(api: Api) -> None:
    """And each says so."""
    assert run("mails", "address", "acme").output == "Nowhere.\n"
    assert run("mails", "address", "acme", "jo@maple-street.test").exit_code == 0
    assert run("mails", "address", "acme").output == "jo@maple-street.test\n"
    assert run("mails", "address", "acme", "not an address").exit_code == 1
    assert "No mail server is set" in run("mails", "test", "acme").output
    assert run("mails", "address", "acme", "--none").exit_code == 0
    assert run("mails").output == "Nothing was sent yet.\n"
