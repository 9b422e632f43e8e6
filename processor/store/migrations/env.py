"""What Alembic runs: the connection is opened, and the transaction held, by `processor.store.migrate`."""

from __future__ import annotations

from alembic import context

from processor.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    transactional_ddl=True,  # on SQLite too: `engine` begins its transactions itself
    render_as_batch=connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
