"""What people choose: who is left out of an audience, and who is told of a connection by mail. And counting
members, made cheap."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from processor.store.types import Json, Moment, Words

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build what is new."""
    op.add_column("connections", sa.Column("notify_emails", Json, nullable=True))
    op.add_column("mails", sa.Column("connection_id", sa.Text(), nullable=True))
    op.add_column("mails", sa.Column("channel", sa.Text(), nullable=True))
    op.create_table(
        "left_out",
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.Column("contact_id", sa.Text(), nullable=False),
        sa.Column("by", Words(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name="fk_left_out_connection_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("connection_id", "contact_id", name="pk_left_out"),
    )
    op.create_index("ix_members_counts", "members", ["connection_id", "state"], unique=False)
    if op.get_bind().dialect.name == "postgresql":
        # Counting reads the index alone where pages are known to be visible to all. By default that is looked
        # after when a fifth of the table has changed; until then every row is read.
        often = "autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02"
        op.execute(f"ALTER TABLE members SET ({often})")
