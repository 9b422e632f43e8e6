"""The migrations build the tables that the code speaks of."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from processor.store import Store, open_store, reviews
from processor.store import migrate as migrations
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


def test_conditions_of_indexes_and_constraints_are_the_same_too(bare_url: str) -> None:
    """Alembic does not compare the conditions of partial indexes; the databases' own words do."""
    store = open_store(bare_url)
    with store.write() as c:
        metadata.create_all(c)
        by_code = _statements(c)
        metadata.drop_all(c)
    migrate(bare_url)
    with store.read() as c:
        assert _statements(c) == by_code
    assert len(by_code) > 20
    store.close()


def test_migrating_is_safe_to_repeat_and_to_race(bare_url: str) -> None:
    """Several processes that start at once migrate once; the others find it done."""
    assert pending(bare_url)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(migrate, [bare_url] * 4))
    assert not pending(bare_url)
    migrate(bare_url)


def test_who_fails_already_is_reviewed_once_after_the_upgrade(bare_url: str) -> None:
    """A connection that was there before issues were is looked at, though nobody begins to fail there."""
    store = open_store(bare_url, pool_size=1)
    with store.write() as c:
        command.upgrade(migrations._config(c), "0006")
        c.execute(text("INSERT INTO accounts (id, created_at) VALUES ('acme', '2026-11-22T12:00:00+00:00')"))
        columns = "mailchimp_account, account_name, login_name, role, dc, api_base, policy"
        c.execute(
            text(
                f"INSERT INTO connections (id, account_id, state, {columns}, created_at, updated_at) VALUES "
                "('con_a', 'acme', 'in_sync', '1', 'A', 'jo', 'owner', 'us1', 'https://x.test', '{}',"
                " '2026-11-22T12:00:00+00:00', '2026-11-22T12:00:00+00:00')"
            )
        )
    migrate(bare_url)
    with store.read() as c:
        assert reviews.due(c, datetime.now(UTC), 10) == ["con_a"]
    store.close()
