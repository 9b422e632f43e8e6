"""Photos: what is kept here, what Mailchimp's File Manager holds, and the rules between them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from processor.store.types import Json, Moment, RowId, Words

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build the tables, and let the feed tell of photos too."""
    op.add_column(
        "changes", sa.Column("kind", sa.Text(), server_default=sa.text("'contact'"), nullable=False)
    )
    _galleries()
    _photos()
    _photo_views()


def _of_connection(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_connection_id"
    return sa.ForeignKeyConstraint(["connection_id"], ["connections.id"], name=name, ondelete="CASCADE")


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False)


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, postgresql_where=condition, sqlite_where=condition)


def _due(table: str) -> None:
    _partial(f"ix_{table}_connection_due", table, ["connection_id", "due_at"], "due_at IS NOT NULL")
    _partial(f"ix_{table}_due", table, ["due_at"], "due_at IS NOT NULL")


def _galleries() -> None:
    op.create_table(
        "galleries",
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.Column("rules", Json, nullable=False),
        sa.Column("folder_id", RowId, nullable=True),
        sa.Column("folder_name", Words(), nullable=True),
        sa.Column("since", Moment(), nullable=True),
        sa.Column("looked_at", Moment(), nullable=True),
        sa.Column("whole_at", Moment(), nullable=True),
        sa.Column("wish", sa.Text(), nullable=True),
        sa.Column("bring", sa.Boolean(), server_default=sa.false(), nullable=False),
        _count("attempts"),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("detail", Words(), nullable=True),
        sa.Column("due_at", Moment(), nullable=True),
        _of_connection("galleries"),
        sa.PrimaryKeyConstraint("connection_id", name="pk_galleries"),
    )
    _due("galleries")


def _photos() -> None:
    op.create_table(
        "photos",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("ref", Words(), nullable=True),
        sa.Column("contact_id", sa.Text(), nullable=True),
        sa.Column("name", Words(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("stored", sa.Text(), nullable=True),
        sa.Column("size_bytes", RowId, server_default=sa.text("0"), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=True),
        _count("width"),
        _count("height"),
        sa.Column("file_id", RowId, nullable=True),
        sa.Column("sent_digest", sa.Text(), nullable=True),
        sa.Column("full_size_url", Words(), nullable=True),
        sa.Column("stale", Json, nullable=True),
        sa.Column("sending_at", Moment(), nullable=True),
        sa.Column("errand", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("detail", Words(), nullable=True),
        sa.Column("instance", Words(), nullable=True),
        sa.Column("due_at", Moment(), nullable=True),
        _count("attempts"),
        _count("crashes"),
        sa.Column("claim", sa.Text(), nullable=True),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        _of_connection("photos"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_photos_account_id"),
        sa.PrimaryKeyConstraint("id", name="pk_photos"),
        sa.UniqueConstraint("connection_id", "ref", name="uq_photos_connection_id_ref"),
    )
    for name, columns in (
        ("list", ["connection_id", "created_at", "id"]),
        ("digest", ["connection_id", "digest"]),
        ("file_id", ["connection_id", "file_id"]),
        ("contact", ["account_id", "contact_id"]),
    ):
        op.create_index(f"ix_photos_{name}", "photos", columns)
    _partial("ix_photos_claimed_by", "photos", ["claimed_by"], "claimed_by IS NOT NULL")
    _due("photos")


def _photo_views() -> None:
    op.create_table(
        "photo_views",
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.Column("file_id", RowId, autoincrement=False, nullable=False),
        sa.Column("name", Words(), nullable=False),
        sa.Column("size_bytes", RowId, nullable=False),
        _count("width"),
        _count("height"),
        sa.Column("full_size_url", Words(), nullable=False),
        sa.Column("thumbnail_url", Words(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("seen_at", Moment(), nullable=False),
        _of_connection("photo_views"),
        sa.PrimaryKeyConstraint("connection_id", "file_id", name="pk_photo_views"),
    )
