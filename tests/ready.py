"""Databases that are ready for a test. Building the tables takes longer than most tests: once a process."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from processor.store.migrate import migrate
from processor.store.tables import metadata
from tests.production.services import Database

_built_here: set[str] = set()
_free: list[Database] = []


@contextmanager
def ready_postgresql() -> Iterator[str]:
    """Give the URL of an empty PostgreSQL database with its tables, for one test; the next one of this
    process gets the same, emptied. Skips where the tests have no PostgreSQL."""
    database = _free.pop() if _free else _new_database()
    yield database.url
    database.cut_all()
    if _empty(database.url):
        _free.append(database)


def make_ready(url: str) -> None:
    """Build the tables of the database at `url` by the product's own migrations. A SQLite file that is not
    there yet is a copy of one that they built."""
    if url in _built_here:
        return
    place = _new_file(url)
    if place is None:
        migrate(url)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_built(), place)


def _new_file(url: str) -> Path | None:
    parts = make_url(url)
    if parts.get_backend_name() != "sqlite" or not parts.database:
        return None
    place = Path(parts.database)
    return None if place.exists() else place


@cache
def _built() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="bothways-tests-"))
    place = folder / "built.sqlite3"
    migrate(f"sqlite:///{place}")
    # Closing the last connection has folded the log of writes into the file.
    assert [file.name for file in folder.iterdir()] == [place.name]
    return place


def _new_database() -> Database:
    database = Database()
    database.__enter__()
    atexit.register(_drop, database)
    migrate(database.url)
    _built_here.add(database.url)
    return database


def _drop(database: Database) -> None:
    with suppress(psycopg.Error):
        database.__exit__()


def _empty(url: str) -> bool:
    """Make it as new, its counters too. Deleting a few rows is ten times as fast as TRUNCATE, which syncs
    files. Returns whether its tables are those that were built: a test may have played an upgrade."""
    with psycopg.connect(url) as c:
        if c.execute("SELECT count(*) FROM alembic_version").fetchone() != (1,):
            return False
        for table in reversed(metadata.sorted_tables):
            c.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table.name)))
        c.execute(
            "SELECT setval(quote_ident(schemaname) || '.' || quote_ident(sequencename), 1, false) "
            "FROM pg_sequences WHERE schemaname = 'public'"
        )
    return True
