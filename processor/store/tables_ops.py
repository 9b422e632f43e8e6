"""The operator's tables: replays, calls to Mailchimp and their counts, and who may look."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, LargeBinary, Table, Text, text

from processor.store.tables import metadata
from processor.store.types import Json, Moment, RowId, Words

_OPEN = text("next_at IS NOT NULL")

replays = Table(
    "replays",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    # No foreign key: who asked is told also when the account is gone. None is an operator.
    Column("account_id", Text),
    Column("wanted", Json, nullable=False),
    Column("state", Text, nullable=False),
    Column("per_minute", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("done", Integer, nullable=False, server_default=text("0")),
    Column("after_id", RowId, nullable=False, server_default=text("0")),
    # What arrived after it was asked for is not meant: a replay has an end.
    Column("last_id", RowId, nullable=False),
    # When the next piece may be sent; none for one that has ended.
    Column("next_at", Moment),
    Column("asked_by", Words, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("finished_at", Moment),
    Column("updated_at", Moment, nullable=False),
    Index("ix_replays_next_at", "next_at", postgresql_where=_OPEN, sqlite_where=_OPEN),
    Index("ix_replays_created_at", "created_at"),
)

calls = Table(
    "calls",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("connection_id", Text, nullable=False),
    Column("work", Text),
    Column("at", Moment, nullable=False),
    Column("method", Text, nullable=False),
    # With names in place of ids: no address, no secret.
    Column("path", Text, nullable=False),
    Column("status", Integer),
    Column("milliseconds", Integer, nullable=False),
    Column("code", Text, nullable=False),
    Column("instance", Words),
    Index("ix_calls_work", "work"),
    Index("ix_calls_connection", "connection_id", "id"),
    sqlite_autoincrement=True,
)

call_counts = Table(
    "call_counts",
    metadata,
    # "" stands for all connections, since ever; else a connection and a minute.
    Column("connection_id", Text, primary_key=True),
    Column("minute", Moment, primary_key=True),
    Column("answer", Text, primary_key=True),
    Column("calls", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
    Index("ix_call_counts_minute", "minute"),
)

ops_sessions = Table(
    "ops_sessions",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
)

ops_failures = Table(
    "ops_failures",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("client", Words, nullable=False),
    Column("at", Moment, nullable=False),
    Index("ix_ops_failures_at", "at"),
    sqlite_autoincrement=True,
)

sweeps = Table(
    "sweeps",
    metadata,
    # Those that healed something.
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("connection_id", Text, ForeignKey("connections.id", ondelete="CASCADE"), nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("finished_at", Moment, nullable=False),
    Column("full", Boolean, nullable=False),
    Column("seen", Integer, nullable=False),
    Column("healed", Json, nullable=False),
    Index("ix_sweeps_connection", "connection_id", "id"),
    sqlite_autoincrement=True,
)
