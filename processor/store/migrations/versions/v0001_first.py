"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from processor.store.types import Json, Moment, RowId, Words

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build them."""
    _accounts()
    _events()
    _hooks()
    _leases()
    _api_keys()
    _attempts()
    _changes()
    _connections()
    _contacts()
    _links()
    _oauth_states()
    _members()


def downgrade() -> None:
    """Take them away, with everything in them."""
    for table in reversed(_TABLES):
        op.drop_table(table)


_TABLES = (
    "accounts",
    "events",
    "hooks",
    "leases",
    "api_keys",
    "attempts",
    "changes",
    "connections",
    "contacts",
    "links",
    "oauth_states",
    "members",
)


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("last_seq", RowId, server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
    )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("content_type", Words(), nullable=False),
        sa.Column("signed", sa.Boolean(), nullable=False),
        sa.Column("received_at", Moment(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("type", Words(), nullable=True),
        sa.Column("subject", Words(), nullable=True),
        sa.Column("fired_at", Moment(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("crashes", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", Moment(), nullable=True),
        sa.Column("claim", sa.Text(), nullable=True),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("detail", Words(), nullable=True),
        sa.Column("instance", Words(), nullable=True),
        sa.Column("outcome", Json, nullable=True),
        sa.Column("settled_at", Moment(), nullable=True),
        sa.Column("redeliveries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sa.UniqueConstraint("key", name="uq_events_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_connection", "events", ["connection_id", "id"], unique=False)
    op.create_index(
        "ix_events_connection_due",
        "events",
        ["connection_id", "due_at"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL"),
        sqlite_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_events_due",
        "events",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL"),
        sqlite_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index("ix_events_status", "events", ["status", "id"], unique=False)


def _hooks() -> None:
    op.create_table(
        "hooks",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.Column("token_sealed", sa.Text(), nullable=False),
        sa.Column("webhook_id", Words(), nullable=True),
        sa.Column("secrets_sealed", Json, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("last_seen_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("token_hash", name="pk_hooks"),
    )
    op.create_index("ix_hooks_connection_id", "hooks", ["connection_id"], unique=False)


def _leases() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )


def _api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("label", Words(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("last_used_at", Moment(), nullable=True),
        sa.Column("revoked_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_api_keys_account_id"),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("hash", name="uq_api_keys_hash"),
    )


def _attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("event_id", RowId, nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("worker", Words(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("detail", Words(), nullable=True),
        sa.Column("instance", Words(), nullable=True),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name="fk_attempts_event_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_attempts"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_attempts_event_id", "attempts", ["event_id"], unique=False)


def _changes() -> None:
    op.create_table(
        "changes",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("seq", RowId, autoincrement=False, nullable=False),
        sa.Column("contact_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("what", Json, nullable=False),
        sa.Column("why", Json, nullable=False),
        sa.Column("contact", Json, nullable=True),
        sa.Column("at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_changes_account_id"),
        sa.PrimaryKeyConstraint("account_id", "seq", name="pk_changes"),
    )
    op.create_index("ix_changes_contact", "changes", ["account_id", "contact_id", "seq"], unique=False)


def _connections() -> None:
    op.create_table(
        "connections",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("problem_code", sa.Text(), nullable=True),
        sa.Column("problem_detail", Words(), nullable=True),
        sa.Column("mailchimp_account", Words(), nullable=False),
        sa.Column("account_name", Words(), nullable=False),
        sa.Column("login_name", Words(), nullable=False),
        sa.Column("role", Words(), nullable=False),
        sa.Column("dc", Words(), nullable=False),
        sa.Column("api_base", Words(), nullable=False),
        sa.Column("token_sealed", sa.Text(), nullable=True),
        sa.Column("audience_id", Words(), nullable=True),
        sa.Column("audience_name", Words(), nullable=True),
        sa.Column("policy", Json, nullable=False),
        sa.Column("watermark", Moment(), nullable=True),
        sa.Column("next_sweep_at", Moment(), nullable=True),
        sa.Column("sweep_cursor", Json, nullable=True),
        sa.Column("last_full_sweep_at", Moment(), nullable=True),
        sa.Column("paused_at", Moment(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_connections_account_id"),
        sa.PrimaryKeyConstraint("id", name="pk_connections"),
    )
    op.create_index("ix_connections_state", "connections", ["state"], unique=False)
    op.create_index(
        "uq_connections_audience",
        "connections",
        ["account_id", "mailchimp_account", "audience_id"],
        unique=True,
        postgresql_where=sa.text("state <> 'removed'"),
        sqlite_where=sa.text("state <> 'removed'"),
    )


def _contacts() -> None:
    op.create_table(
        "contacts",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("email", Words(), nullable=True),
        sa.Column("email_key", Words(), nullable=True),
        sa.Column("fields", Json, nullable=False),
        sa.Column("tags", Json, nullable=False),
        sa.Column("consent_status", sa.Text(), nullable=False),
        sa.Column("consent_at", Moment(), nullable=True),
        sa.Column("consent_source", Words(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_contacts_account_id"),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_contacts"),
    )
    op.create_index("ix_contacts_email_key", "contacts", ["account_id", "email_key"], unique=False)


def _links() -> None:
    op.create_table(
        "links",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.Column("used_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_links_account_id"),
        sa.PrimaryKeyConstraint("hash", name="pk_links"),
    )


def _oauth_states() -> None:
    op.create_table(
        "oauth_states",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("browser_hash", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("connection_id", sa.Text(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.Column("used_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_oauth_states_account_id"),
        sa.PrimaryKeyConstraint("hash", name="pk_oauth_states"),
    )


def _members() -> None:
    op.create_table(
        "members",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.Column("contact_id", sa.Text(), nullable=True),
        sa.Column("member_id", Words(), nullable=True),
        sa.Column("mailchimp_contact_id", Words(), nullable=True),
        sa.Column("email_key", Words(), nullable=True),
        sa.Column("base", Json, nullable=True),
        sa.Column("seen_at", Moment(), nullable=True),
        sa.Column("seen_digest", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("detail", Words(), nullable=True),
        sa.Column("instance", Words(), nullable=True),
        sa.Column("pushed_version", sa.Integer(), nullable=True),
        sa.Column("due_at", Moment(), nullable=True),
        sa.Column("urgent", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("again", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("crashes", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("claim", sa.Text(), nullable=True),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name="fk_members_connection_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_members"),
        sa.UniqueConstraint("connection_id", "contact_id", name="uq_members_connection_id_contact_id"),
        sa.UniqueConstraint(
            "connection_id", "mailchimp_contact_id", name="uq_members_connection_id_mailchimp_contact_id"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_members_claimed_by",
        "members",
        ["claimed_by"],
        unique=False,
        postgresql_where=sa.text("claimed_by IS NOT NULL"),
        sqlite_where=sa.text("claimed_by IS NOT NULL"),
    )
    op.create_index(
        "ix_members_connection_due",
        "members",
        ["connection_id", "due_at"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL"),
        sqlite_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_members_due",
        "members",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL"),
        sqlite_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index("ix_members_email_key", "members", ["connection_id", "email_key"], unique=False)
    op.create_index("ix_members_member_id", "members", ["connection_id", "member_id"], unique=False)
    op.create_index("ix_members_state", "members", ["connection_id", "state", "id"], unique=False)
