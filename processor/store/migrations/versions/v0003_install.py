"""What installing needs: runs, batches at Mailchimp, portal sessions, erasures, the last view of a member."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from processor.store.types import Json, Moment, RowId, Words

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build the tables and columns."""
    op.add_column("connections", sa.Column("brake", Json, nullable=True))
    op.add_column("connections", sa.Column("believed_id", RowId, nullable=True))
    op.add_column("connections", sa.Column("full_sweep_wanted_at", Moment(), nullable=True))
    op.add_column("members", sa.Column("theirs", Json, nullable=True))
    op.add_column("members", sa.Column("way", Json, nullable=True))
    op.add_column("members", sa.Column("field", Words(), nullable=True))
    op.add_column("hooks", sa.Column("mended", sa.Text(), nullable=True))
    op.add_column("hooks", sa.Column("mended_at", Moment(), nullable=True))
    _runs()
    _batches()
    op.create_table(
        "sessions",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_sessions_account_id"),
        sa.PrimaryKeyConstraint("hash", name="pk_sessions"),
    )
    op.create_table(
        "erasures",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("contact_id", sa.Text(), nullable=False),
        sa.Column("places", Json, nullable=False),
        sa.Column("what", Json, nullable=False),
        sa.Column("begun_at", Moment(), nullable=False),
        sa.Column("finished_at", Moment(), nullable=True),
        sa.Column("next_try_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_erasures_account_id"),
        sa.PrimaryKeyConstraint("id", name="pk_erasures"),
    )
    op.create_index("ix_erasures_contact", "erasures", ["account_id", "contact_id"], unique=False)


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("total", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("done", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("cursor", Json, nullable=True),
        sa.Column("what", Json, nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("detail", Words(), nullable=True),
        sa.Column("asked_by", Words(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("started_at", Moment(), nullable=True),
        sa.Column("finished_at", Moment(), nullable=True),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name="fk_runs_connection_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
    )
    op.create_index("ix_runs_connection", "runs", ["connection_id", "kind", "created_at"], unique=False)
    unfinished = sa.text("finished_at IS NULL")
    op.create_index(
        "uq_runs_unfinished",
        "runs",
        ["connection_id", "kind"],
        unique=True,
        postgresql_where=unfinished,
        sqlite_where=unfinished,
    )
    for name, column, kind in (
        ("run_pages", sa.Column("n", sa.Integer(), autoincrement=False, nullable=False), "n"),
        ("run_seen", sa.Column("key", Words(), nullable=False), "key"),
    ):
        body = [sa.Column("body", sa.LargeBinary(), nullable=False)] if kind == "n" else []
        op.create_table(
            name,
            sa.Column("run_id", sa.Text(), nullable=False),
            column,
            *body,
            sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=f"fk_{name}_run_id", ondelete="CASCADE"),
            sa.PrimaryKeyConstraint("run_id", kind, name=f"pk_{name}"),
        )


def _batches() -> None:
    op.create_table(
        "batches",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.Column("batch_id", Words(), nullable=False),
        sa.Column("claim", sa.Text(), nullable=False),
        sa.Column("operations", sa.Integer(), nullable=False),
        sa.Column("what", Json, nullable=False),
        sa.Column("polls", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("submitted_at", Moment(), nullable=False),
        sa.Column("next_poll_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name="fk_batches_connection_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_batches"),
        sa.UniqueConstraint("claim", name="uq_batches_claim"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_batches_connection", "batches", ["connection_id"], unique=False)
    op.create_index("ix_batches_next_poll_at", "batches", ["next_poll_at"], unique=False)
