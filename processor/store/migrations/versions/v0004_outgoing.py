"""What webhooks to the platform need: endpoints, notices on their way, and the attempts at them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from processor.store.types import Json, Moment, RowId, Words

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build the tables."""
    op.create_table(
        "endpoints",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=True),
        sa.Column("url", Words(), nullable=False),
        sa.Column("description", Words(), nullable=False),
        sa.Column("types", Json, nullable=False),
        sa.Column("secrets", Json, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("failing_since", Moment(), nullable=True),
        sa.Column("last_at", Moment(), nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_reason", sa.Text(), nullable=True),
        sa.Column("last_seconds", sa.Float(), nullable=True),
        sa.Column("dropped", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_endpoints_account_id"),
        sa.PrimaryKeyConstraint("id", name="pk_endpoints"),
    )
    op.create_index("ix_endpoints_account_id", "endpoints", ["account_id"], unique=False)
    _notices()
    op.create_table(
        "notice_attempts",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("notice_id", RowId, nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["notice_id"], ["notices.id"], name="fk_notice_attempts_notice_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_notice_attempts"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_notice_attempts_notice_id", "notice_attempts", ["notice_id"], unique=False)


def _notices() -> None:
    op.create_table(
        "notices",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("endpoint_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=True),
        sa.Column("data", Json, nullable=False),
        sa.Column("following", Json, nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", Moment(), nullable=True),
        sa.Column("give_up_at", Moment(), nullable=True),
        sa.Column("claim", sa.Text(), nullable=True),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("settled_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_notices"),
        sa.UniqueConstraint("ref", name="uq_notices_ref"),
        sqlite_autoincrement=True,
    )
    for name, columns, condition, unique in (
        ("uq_notices_about", ["endpoint_id", "about"], "about IS NOT NULL", True),
        ("ix_notices_endpoint_due", ["endpoint_id", "due_at"], "due_at IS NOT NULL", False),
    ):
        where = sa.text(condition)
        op.create_index(name, "notices", columns, unique=unique, postgresql_where=where, sqlite_where=where)
    op.create_index("ix_notices_endpoint", "notices", ["endpoint_id", "id"], unique=False)
    op.create_index("ix_notices_settled_at", "notices", ["settled_at"], unique=False)
