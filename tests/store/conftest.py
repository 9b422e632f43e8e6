"""Each test of the store runs on SQLite, and on PostgreSQL where `-m services` and its URL say so."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import text

from processor.store import Store, open_store
from tests.ready import make_ready, ready_postgresql

KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.services)]


@pytest.fixture(params=KINDS)
def bare_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of the test's own without any table, of either kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'store.sqlite3'}"
        return
    server = os.environ.get("BOTHWAYS_TEST_POSTGRES")
    if not server:
        pytest.skip("BOTHWAYS_TEST_POSTGRES is not set")
    schema = f"test_{secrets.token_hex(6)}"
    admin = open_store(server, pool_size=1)
    with admin.write() as c:
        c.execute(text(f"CREATE SCHEMA {schema}"))
    separator = "&" if "?" in server else "?"
    yield f"{server}{separator}options={quote(f'-csearch_path={schema}')}"
    with admin.write() as c:
        c.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    admin.close()


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database with its tables and nothing in them, of either kind."""
    if request.param == "sqlite":
        made = f"sqlite:///{tmp_path / 'store.sqlite3'}"
        make_ready(made)
        yield made
        return
    with ready_postgresql() as made:
        yield made


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """A store on it."""
    store = open_store(url)
    yield store
    store.close()
