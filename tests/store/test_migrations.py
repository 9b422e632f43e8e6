"""The migrations build the tables that the code speaks of."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from processor.store import Store, open_store
from processor.store.migrate import migrate, pending
from processor.store.tables import metadata


def test_migrations_build_exactly_the_tables_of_the_code(store: Store) -> None:
    """Columns, types and indexes are compared by Alembic."""
    with store.read() as c:
        context = MigrationContext.configure(c, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def _parts(sql: str) -> list[str]:
    """A statement's parts between its outermost brackets, and what stands before and behind them."""
    head, bracket, rest = sql.partition("(")
    inner, _, tail = rest.rpartition(")")
    return [head.strip() + bracket, tail.strip(), *(p.strip() for p in re.split(r",\s*(?![^(]*\))", inner))]


def _statements(c: Connection) -> list[str]:
    if c.dialect.name == "sqlite":
        query = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'alembic_version'"
        found = c.scalars(text(query))
        # The order of columns and constraints within a table is the only thing that may differ: SQLite puts a
        # column that is added later behind everything else.
        return sorted(str(sorted(_parts(sql))) for sql in found)
    query = (
        "SELECT replace(indexdef, current_schema() || '.', '') FROM pg_indexes"
        " WHERE schemaname = current_schema() AND tablename <> 'alembic_version'"
        " UNION ALL SELECT conrelid::regclass::text || ' ' || conname || ' ' || pg_get_constraintdef(oid)"
        " FROM pg_constraint WHERE connamespace = current_schema()::regnamespace"
        " AND conname NOT LIKE 'alembic%'"
    )
    return sorted(c.scalars(text(query)))


def test_conditions_of_indexes_and_constraints_are_the_same_too(url: str) -> None:
    """Alembic does not compare the conditions of partial indexes; the databases' own words do."""
    store = open_store(url)
    with store.write() as c:
        metadata.create_all(c)
        by_code = _statements(c)
        metadata.drop_all(c)
    migrate(url)
    with store.read() as c:
        assert _statements(c) == by_code
    assert len(by_code) > 20
    store.close()


def test_migrating_is_safe_to_repeat_and_to_race(url: str) -> None:
    """Several processes that start at once migrate once; the others find it done."""
    assert pending(url)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(migrate, [url] * 4))
    assert not pending(url)
    migrate(url)
