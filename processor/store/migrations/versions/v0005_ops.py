"""What operators need: replays, calls to Mailchimp and their counts, sessions of the ops pages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from processor.store.types import Json, Moment, RowId, Words

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build the tables and columns."""
    op.add_column("events", sa.Column("work", sa.Text(), nullable=True))
    op.add_column("attempts", sa.Column("replay_id", sa.Text(), nullable=True))
    _partial("ix_events_subject", "events", ["connection_id", "subject", "id"], "subject IS NOT NULL")
    _partial("ix_attempts_replay_id", "attempts", ["replay_id"], "replay_id IS NOT NULL")
    _replays()
    _calls()
    _sign_in()


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=False, postgresql_where=condition, sqlite_where=condition)


def _replays() -> None:
    op.create_table(
        "replays",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=True),
        sa.Column("wanted", Json, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("per_minute", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("after_id", RowId, server_default=sa.text("0"), nullable=False),
        sa.Column("last_id", RowId, nullable=False),
        sa.Column("next_at", Moment(), nullable=True),
        sa.Column("asked_by", Words(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("finished_at", Moment(), nullable=True),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_replays"),
    )
    _partial("ix_replays_next_at", "replays", ["next_at"], "next_at IS NOT NULL")
    op.create_index("ix_replays_created_at", "replays", ["created_at"], unique=False)


def _calls() -> None:
    op.create_table(
        "calls",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.Column("work", sa.Text(), nullable=True),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("instance", Words(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_calls"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_calls_work", "calls", ["work"], unique=False)
    op.create_index("ix_calls_connection", "calls", ["connection_id", "id"], unique=False)
    op.create_table(
        "call_counts",
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.Column("minute", Moment(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "minute", "answer", name="pk_call_counts"),
    )
    op.create_index("ix_call_counts_minute", "call_counts", ["minute"], unique=False)


def _sign_in() -> None:
    op.create_table(
        "ops_sessions",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_ops_sessions"),
    )
    op.create_table(
        "ops_failures",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("client", Words(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ops_failures"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_ops_failures_at", "ops_failures", ["at"], unique=False)
