"""What issues and mails need: causes with their states, connections to be reviewed, mails on their way."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from processor.store.types import Json, Moment, RowId, Words

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build the tables, and the indexes over who fails."""
    op.add_column("accounts", sa.Column("notify_email", Words(), nullable=True))
    dead, caused = "status = 'dead'", "reason IS NOT NULL AND state <> 'excluded'"
    _partial("ix_events_dead", "events", ["connection_id", "code", "settled_at"], dead)
    _partial("ix_members_cause", "members", ["connection_id", "reason", "field", "state", "id"], caused)
    _issues()
    op.create_table(
        "reviews",
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.Column("due_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("connection_id", name="pk_reviews"),
    )
    op.create_index("ix_reviews_due_at", "reviews", ["due_at"], unique=False)
    _review_everybody()
    _mails()


def _review_everybody() -> None:
    """Whoever fails already asked for no review: each connection is looked at once."""
    connections = sa.table("connections", sa.column("id", sa.Text()))
    reviews = sa.table("reviews", sa.column("connection_id", sa.Text()), sa.column("due_at", Moment()))
    each = sa.select(connections.c.id, sa.literal(datetime.now(UTC), Moment()))
    op.execute(reviews.insert().from_select(["connection_id", "due_at"], each))


def _issues() -> None:
    op.create_table(
        "issues",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("about", Words(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("failing", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("trying", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("first_at", Moment(), nullable=False),
        sa.Column("opened_at", Moment(), nullable=False),
        sa.Column("last_at", Moment(), nullable=False),
        sa.Column("resolved_at", Moment(), nullable=True),
        sa.Column("muted_until", Moment(), nullable=True),
        sa.Column("muted_count", sa.Integer(), nullable=True),
        sa.Column("changed_by", Words(), nullable=True),
        sa.Column("told_at", Moment(), nullable=True),
        sa.Column("next_reminder_at", Moment(), nullable=True),
        sa.Column("reminders", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name="fk_issues_connection_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_issues"),
        sa.UniqueConstraint("ref", name="uq_issues_ref"),
        sa.UniqueConstraint(
            "connection_id", "kind", "code", "about", name="uq_issues_connection_id_kind_code_about"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_issues_account", "issues", ["account_id", "id"], unique=False)
    op.create_index("ix_issues_resolved_at", "issues", ["resolved_at"], unique=False)


def _mails() -> None:
    op.create_table(
        "mails",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=True),
        sa.Column("about", sa.Text(), nullable=True),
        sa.Column("items", Json, nullable=False),
        sa.Column("address", Words(), nullable=True),
        sa.Column("subject", Words(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", Words(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", Moment(), nullable=True),
        sa.Column("give_up_at", Moment(), nullable=True),
        sa.Column("claim", sa.Text(), nullable=True),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("settled_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_mails"),
        sa.UniqueConstraint("ref", name="uq_mails_ref"),
        sqlite_autoincrement=True,
    )
    _partial("uq_mails_about", "mails", ["about"], "about IS NOT NULL", unique=True)
    _partial("ix_mails_due", "mails", ["due_at"], "due_at IS NOT NULL")
    op.create_index("ix_mails_account", "mails", ["account_id", "id"], unique=False)
    op.create_index("ix_mails_settled_at", "mails", ["settled_at"], unique=False)


def _partial(name: str, table: str, columns: list[str], condition: str, *, unique: bool = False) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, unique=unique, postgresql_where=where, sqlite_where=where)
