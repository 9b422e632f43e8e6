"""What the history needs: the ledger of consents, what was sent up, conflicts, and purging what is old."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from processor.store.types import Json, Moment, RowId, Words

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build the tables."""
    op.add_column("accounts", sa.Column("purged_seq", RowId, server_default=sa.text("0"), nullable=False))
    _consents()
    _pushes()
    _conflicts()
    op.create_table(
        "purges",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("removed", RowId, server_default=sa.text("0"), nullable=False),
        sa.Column("total", RowId, server_default=sa.text("0"), nullable=False),
        sa.Column("begun_at", Moment(), nullable=False),
        sa.Column("finished_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("kind", name="pk_purges"),
    )


def _consents() -> None:
    op.create_table(
        "consents",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("contact_id", sa.Text(), nullable=False),
        sa.Column("connection_id", sa.Text(), nullable=True),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", Moment(), nullable=True),
        sa.Column("recorded_at", Moment(), nullable=False),
        sa.Column("source", Words(), nullable=True),
        sa.Column("by", Words(), nullable=True),
        sa.Column("address", Words(), nullable=True),
        sa.Column("cause", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_consents"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_consents_contact", "consents", ["account_id", "contact_id", "id"], unique=False)


def _pushes() -> None:
    op.create_table(
        "pushes",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.Column("contact_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("what", Json, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("detail", Words(), nullable=True),
        sa.Column("instance", Words(), nullable=True),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_pushes"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_pushes_contact", "pushes", ["account_id", "contact_id", "id"], unique=False)


def _conflicts() -> None:
    op.create_table(
        "conflicts",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.Column("contact_id", sa.Text(), nullable=False),
        sa.Column("field", Words(), nullable=False),
        sa.Column("ours", Json, nullable=True),
        sa.Column("theirs", Json, nullable=True),
        sa.Column("winner", sa.Text(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("used_at", Moment(), nullable=True),
        sa.Column("used_by", Words(), nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name="fk_conflicts_connection_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_conflicts"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_conflicts_connection", "conflicts", ["connection_id", "id"], unique=False)
    op.create_index("ix_conflicts_contact", "conflicts", ["account_id", "contact_id", "id"], unique=False)
