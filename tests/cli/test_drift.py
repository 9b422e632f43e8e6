"""`bothways drift` and `bothways connections show`, as somebody reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from processor.cli import main
from processor.kit import utc_now
from processor.store import connections, sweeps
from processor.store.sweeps import SweepRow
from tests.web.house import Api, make_connection, open_api

SECRET = "a secret key that is long enough for a test"


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """An installation on a directory."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("SECRET_KEY", SECRET)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with open_api(tmp_path, utc_now) as made:  # type: ignore[arg-type]
        yield made


def run(*args: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(main, args)


def test_what_comparisons_mended_is_said(api: Api) -> None:
    """In a sentence, then sweep by sweep; the same as JSON; nothing for a connection that is not there."""
    connection, now = make_connection(api.house, audience_id="a"), utc_now()
    with api.house.store.write() as c:
        connections.update(c, connection, now, last_full_sweep_at=now)
        for healed in ({"changed": 2, "deleted": 1}, {"webhook": 1}):
            sweeps.add(c, SweepRow(connection, now - timedelta(minutes=1), now, True, 10, healed))
    said = run("drift", connection).output
    assert said.startswith(
        "Today our comparisons found and mended by themselves: 2 changed contacts, "
        "1 contact deleted for good and our webhook set up again.\n"
    )
    assert "compared everybody: changed 2, deleted 1\n" in said
    found = json.loads(run("drift", connection, "--json").output)
    assert found["counts"] == {"changed": 2, "deleted": 1, "webhook": 1}
    assert found["sentence"] in run("connections", "show", connection).output
    assert run("drift", "con_none").exit_code != 0
