"""Whom a comparison of everybody has met: a row for each page, in place of a write to each member."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from processor.store.types import RowId

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build the table."""
    op.create_table(
        "sweep_pages",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.Column("sweep", sa.Text(), nullable=False),
        sa.Column("met", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name="fk_sweep_pages_connection_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_sweep_pages"),
    )
    op.create_index(
        "ix_sweep_pages_connection", "sweep_pages", ["connection_id", "sweep", "id"], unique=False
    )
