"""Bring a database up to the tables of this version. Configured in code: no alembic.ini is needed."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from processor.store.engine import open_store

_MIGRATIONS = Path(__file__).parent / "migrations"
_ADVISORY_KEY = 0x626F_7468  # "both"; any number will do, as long as every version uses the same
_WAIT_MS = 120_000


def migrate(url: str) -> None:
    """Build or change the tables of the database at `url`, in one transaction.

    Safe to repeat, and to run from several processes at once: the others wait, and find it done. Raises
    StoreDown when the database does not answer, ConfigError when `url` cannot work.
    """
    with closing(open_store(url, pool_size=1)) as store, store.write() as c:
        _wait_for_turn(c)
        command.upgrade(_config(c), "head")


def pending(url: str) -> bool:
    """Whether `migrate` would change the database at `url`. Raises what `migrate` raises."""
    with closing(open_store(url, pool_size=1)) as store, store.read() as c:
        heads = ScriptDirectory.from_config(_config(c)).get_heads()
        return set(MigrationContext.configure(c).get_current_heads()) != set(heads)


def _wait_for_turn(c: Connection) -> None:
    if c.dialect.name == "sqlite":
        return  # BEGIN IMMEDIATE has waited already
    c.execute(text(f"SET LOCAL lock_timeout = {_WAIT_MS}"))
    c.execute(text("SET LOCAL statement_timeout = 0"))  # an index on a large table takes its time
    c.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_KEY})


def _config(c: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = c
    return config
