"""Every table. The migrations build the same; a test compares them.

Names are plural. A column that holds words of others is `Words`, one that holds ours is `Text`. Ids that
people see have a prefix (`con_`, `key_`, `evt_<n>`); rows that only machines see are numbered.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from processor.store.types import Json, Moment, RowId, Words

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    condition = text(where)
    return Index(name, *columns, unique=unique, postgresql_where=condition, sqlite_where=condition)


def _due(table: str) -> list[Index]:
    # Settled rows, nearly all of them, are in neither index: finding work costs what is due, not what was.
    return [
        _partial(f"ix_{table}_connection_due", "connection_id", "due_at", where="due_at IS NOT NULL"),
        _partial(f"ix_{table}_due", "due_at", where="due_at IS NOT NULL"),
    ]


def _count(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default=text("0"))


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=false())


def _made_at(name: str = "created_at") -> Column[Any]:
    return Column(name, Moment, nullable=False)


accounts = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    _made_at(),
    Column("last_seq", RowId, nullable=False, server_default=text("0")),
    # Where the customer is told of issues; none: not at all.
    Column("notify_email", Words),
    # Up to which `seq` the feed was thrown away because it was old.
    Column("purged_seq", RowId, nullable=False, server_default=text("0")),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("prefix", Text, nullable=False),
    Column("label", Words, nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=True),
    _made_at(),
    Column("last_used_at", Moment),
    Column("revoked_at", Moment),
)

contacts = Table(
    "contacts",
    metadata,
    Column("account_id", Text, ForeignKey("accounts.id"), primary_key=True),
    Column("id", Text, primary_key=True),
    Column("email", Words),
    Column("email_key", Words),
    Column("fields", Json, nullable=False),
    Column("tags", Json, nullable=False),
    Column("consent_status", Text, nullable=False),
    Column("consent_at", Moment),
    Column("consent_source", Words),
    Column("version", Integer, nullable=False),
    _made_at(),
    _made_at("updated_at"),
    Column("deleted_at", Moment),
    Index("ix_contacts_email_key", "account_id", "email_key"),
)

changes = Table(
    "changes",
    metadata,
    Column("account_id", Text, ForeignKey("accounts.id"), primary_key=True),
    Column("seq", RowId, primary_key=True, autoincrement=False),
    Column("contact_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("origin", Text, nullable=False),
    Column("what", Json, nullable=False),
    Column("why", Json, nullable=False),
    # The contact or photo afterwards; `contact_id` is then the photo's.
    Column("contact", Json),
    Column("kind", Text, nullable=False, server_default=text("'contact'")),
    _made_at("at"),
    Index("ix_changes_contact", "account_id", "contact_id", "seq"),
)

connections = Table(
    "connections",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("state", Text, nullable=False),
    Column("problem_code", Text),
    Column("problem_detail", Words),
    Column("mailchimp_account", Words, nullable=False),
    Column("account_name", Words, nullable=False),
    Column("login_name", Words, nullable=False),
    Column("role", Words, nullable=False),
    Column("dc", Words, nullable=False),
    Column("api_base", Words, nullable=False),
    Column("token_sealed", Text),
    Column("audience_id", Words),
    Column("audience_name", Words),
    Column("policy", Json, nullable=False),
    Column("watermark", Moment),
    Column("next_sweep_at", Moment),
    Column("sweep_cursor", Json),
    Column("last_full_sweep_at", Moment),
    Column("paused_at", Moment),
    Column("brake", Json),
    # Up to which event bad news was believed while the connection rested.
    Column("believed_id", RowId),
    Column("full_sweep_wanted_at", Moment),
    # Whom to tell by mail of this connection; none: whoever is told of the account.
    Column("notify_emails", Json),
    # The audience's merge fields as last read, and what changed of them (`domain.field_changes`).
    Column("audience_fields", Json),
    _made_at(),
    _made_at("updated_at"),
    # Two accounts may share an audience; one account may not connect it twice, unless it left in between.
    _partial(
        "uq_connections_audience",
        "account_id",
        "mailchimp_account",
        "audience_id",
        where="state <> 'removed'",
        unique=True,
    ),
    Index("ix_connections_state", "state"),
)

hooks = Table(
    "hooks",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    # No foreign key: a hook outlives its connection, to answer 410 to whoever still calls it.
    Column("connection_id", Text, nullable=False, index=True),
    Column("token_sealed", Text, nullable=False),
    Column("webhook_id", Words),
    Column("secrets_sealed", Json, nullable=False),
    Column("state", Text, nullable=False),
    _made_at(),
    Column("last_seen_at", Moment),
    # What was wrong with the webhook when it was last mended: a code of the catalogue.
    Column("mended", Text),
    Column("mended_at", Moment),
)

events = Table(
    "events",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    # No foreign key: what was acknowledged is kept, whatever became of the connection meanwhile.
    Column("connection_id", Text, nullable=False),
    Column("key", LargeBinary, nullable=False, unique=True),
    Column("body", LargeBinary, nullable=False),
    Column("content_type", Words, nullable=False),
    Column("signed", Boolean, nullable=False),
    _made_at("received_at"),
    Column("status", Text, nullable=False),
    Column("type", Words),
    Column("subject", Words),
    Column("fired_at", Moment),
    _count("attempts"),
    _count("crashes"),
    Column("due_at", Moment),
    Column("claim", Text),
    Column("claimed_by", Text),
    Column("code", Text),
    Column("detail", Words),
    Column("instance", Words),
    Column("outcome", Json),
    Column("settled_at", Moment),
    _count("redeliveries"),
    # The work that settled it, under which its calls are kept (`tables_ops.calls`).
    Column("work", Text),
    *_due("events"),
    Index("ix_events_connection", "connection_id", "id"),
    _partial("ix_events_subject", "connection_id", "subject", "id", where="subject IS NOT NULL"),
    Index("ix_events_status", "status", "id"),
    _partial("ix_events_dead", "connection_id", "code", "settled_at", where="status = 'dead'"),
    sqlite_autoincrement=True,
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("event_id", RowId, ForeignKey("events.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("n", Integer, nullable=False),
    _made_at("at"),
    Column("worker", Words),
    Column("outcome", Text, nullable=False),
    Column("code", Text),
    Column("detail", Words),
    Column("instance", Words),
    # The replay that sent it round again, so that what became of those can be counted.
    Column("replay_id", Text),
    _partial("ix_attempts_replay_id", "replay_id", where="replay_id IS NOT NULL"),
    sqlite_autoincrement=True,
)

members = Table(
    "members",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("connection_id", Text, ForeignKey("connections.id", ondelete="CASCADE"), nullable=False),
    Column("contact_id", Text),
    Column("member_id", Words),
    Column("mailchimp_contact_id", Words),
    Column("email_key", Words),
    Column("base", Json),
    Column("seen_at", Moment),
    Column("seen_digest", Text),
    Column("theirs", Json),
    Column("way", Json),
    # What the audience's record last said of the person, where it is known (`domain/word`).
    Column("word", Json),
    # What was said of marketing permissions on the platform, until Mailchimp has it (`domain/permission`).
    Column("asked", Json),
    Column("status", Text),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("field", Words),
    Column("detail", Words),
    Column("instance", Words),
    Column("pushed_version", Integer),
    Column("due_at", Moment),
    _flag("urgent"),
    _flag("again"),
    _count("attempts"),
    _count("crashes"),
    Column("claim", Text),
    Column("claimed_by", Text),
    _made_at("updated_at"),
    UniqueConstraint("connection_id", "contact_id"),
    UniqueConstraint("connection_id", "mailchimp_contact_id"),
    Index("ix_members_member_id", "connection_id", "member_id"),
    Index("ix_members_email_key", "connection_id", "email_key"),
    Index("ix_members_state", "connection_id", "state", "id"),
    # Counting reads only this: without the number the same entry stands once for very many rows.
    Index("ix_members_counts", "connection_id", "state"),
    # Counting who fails for which cause costs whoever fails, and reads no rows.
    _partial(
        "ix_members_cause",
        "connection_id",
        "reason",
        "field",
        "state",
        "id",
        where="reason IS NOT NULL AND state <> 'excluded'",
    ),
    _partial("ix_members_claimed_by", "claimed_by", where="claimed_by IS NOT NULL"),
    *_due("members"),
    sqlite_autoincrement=True,
)

left_out = Table(
    "left_out",
    metadata,
    Column("connection_id", Text, ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True),
    # No foreign key: the choice is about somebody, also while their contact is deleted here.
    Column("contact_id", Text, primary_key=True),
    Column("by", Words, nullable=False),
    _made_at("at"),
)

links = Table(
    "links",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("kind", Text, nullable=False),
    _made_at(),
    _made_at("expires_at"),
    Column("used_at", Moment),
)

oauth_states = Table(
    "oauth_states",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("browser_hash", LargeBinary, nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("connection_id", Text),
    _made_at(),
    _made_at("expires_at"),
    Column("used_at", Moment),
)

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until", Moment, nullable=False),
)

receipts = Table(
    "receipts",
    metadata,
    Column("id", Text, primary_key=True),
    # No foreign key: a receipt is what is left when everything else is gone.
    Column("account_id", Text, nullable=False, index=True),
    Column("connection_id", Text, nullable=False, unique=True),
    Column("account_name", Words, nullable=False),
    Column("audience_name", Words),
    Column("what", Json, nullable=False),
    _made_at("begun_at"),
    Column("finished_at", Moment),
    Column("next_try_at", Moment),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("connection_id", Text, ForeignKey("connections.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("phase", Text, nullable=False),
    _count("total"),
    _count("done"),
    Column("cursor", Json),
    Column("what", Json, nullable=False),
    Column("code", Text),
    Column("detail", Words),
    Column("asked_by", Words, nullable=False),
    _made_at(),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    _made_at("updated_at"),
    Index("ix_runs_connection", "connection_id", "kind", "created_at"),
    _partial("uq_runs_unfinished", "connection_id", "kind", where="finished_at IS NULL", unique=True),
)

run_pages = Table(
    "run_pages",
    metadata,
    Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
)

run_seen = Table(
    "run_seen",
    metadata,
    Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("key", Words, primary_key=True),
)

sweep_pages = Table(
    "sweep_pages",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("connection_id", Text, ForeignKey("connections.id", ondelete="CASCADE"), nullable=False),
    Column("sweep", Text, nullable=False),
    # The numbers of the members who were met on one page, ascending, eight bytes each, compressed.
    Column("met", LargeBinary, nullable=False),
    Index("ix_sweep_pages_connection", "connection_id", "sweep", "id"),
)

batches = Table(
    "batches",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("connection_id", Text, ForeignKey("connections.id", ondelete="CASCADE"), nullable=False),
    Column("batch_id", Words, nullable=False),
    # The claim under which the members that it changes are held until its results are read.
    Column("claim", Text, nullable=False, unique=True),
    Column("operations", Integer, nullable=False),
    # What was sent for each row, as far as the answers do not tell.
    Column("what", Json, nullable=False),
    _count("polls"),
    _made_at("submitted_at"),
    _made_at("next_poll_at"),
    Index("ix_batches_connection", "connection_id"),
    Index("ix_batches_next_poll_at", "next_poll_at"),
    sqlite_autoincrement=True,
)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    _made_at(),
    _made_at("expires_at"),
)

erasures = Table(
    "erasures",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("contact_id", Text, nullable=False),
    # Where they are still to be deleted in Mailchimp: hashes, no address.
    Column("places", Json, nullable=False),
    Column("what", Json, nullable=False),
    _made_at("begun_at"),
    Column("finished_at", Moment),
    Column("next_try_at", Moment),
    Index("ix_erasures_contact", "account_id", "contact_id"),
)

endpoints = Table(
    "endpoints",
    metadata,
    Column("id", Text, primary_key=True),
    # None: those of all accounts.
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=True, index=True),
    Column("url", Words, nullable=False),
    Column("description", Words, nullable=False),
    # Names of notices; none: all of them.
    Column("types", Json, nullable=False),
    # Newest first: the sealed secret, and until when it still signs beside the newest.
    Column("secrets", Json, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("failing_since", Moment),
    Column("last_at", Moment),
    Column("last_status", Integer),
    Column("last_reason", Text),
    Column("last_seconds", Float),
    # How many notices were not kept, because too many waited.
    _count("dropped"),
    _made_at(),
    _made_at("updated_at"),
)

notices = Table(
    "notices",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    # What the platform sees: it must not come again after a database was made anew.
    Column("ref", Text, nullable=False, unique=True),
    # No foreign key: a change must not fail because its endpoint is being removed.
    Column("endpoint_id", Text, nullable=False),
    Column("account_id", Text),
    Column("kind", Text, nullable=False),
    # What a bell rings for: of these one at a time waits. None for what is told each time.
    Column("about", Text),
    Column("data", Json, nullable=False),
    # What was rung for while this one was being sent: the next one's data.
    Column("following", Json),
    Column("state", Text, nullable=False),
    _count("attempts"),
    Column("due_at", Moment),
    Column("give_up_at", Moment),
    Column("claim", Text),
    Column("claimed_by", Text),
    _made_at(),
    Column("settled_at", Moment),
    _partial("uq_notices_about", "endpoint_id", "about", where="about IS NOT NULL", unique=True),
    _partial("ix_notices_endpoint_due", "endpoint_id", "due_at", where="due_at IS NOT NULL"),
    Index("ix_notices_endpoint", "endpoint_id", "id"),
    Index("ix_notices_settled_at", "settled_at"),
    sqlite_autoincrement=True,
)

notice_attempts = Table(
    "notice_attempts",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("notice_id", RowId, ForeignKey("notices.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("n", Integer, nullable=False),
    _made_at("at"),
    Column("seconds", Float, nullable=False),
    Column("status", Integer),
    Column("reason", Text),
    sqlite_autoincrement=True,
)

galleries = Table(
    "galleries",
    metadata,
    Column("connection_id", Text, ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True),
    Column("rules", Json, nullable=False),
    Column("folder_id", RowId),
    Column("folder_name", Words),
    # Up to which of Mailchimp's times everything was listed, and when everything was.
    Column("since", Moment),
    Column("looked_at", Moment),
    Column("whole_at", Moment),
    # What is asked of the next look: "new", "whole"; and whether all that is found there is brought here.
    Column("wish", Text),
    _flag("bring"),
    _count("attempts"),
    Column("code", Text),
    Column("detail", Words),
    Column("due_at", Moment),
    *_due("galleries"),
)

photos = Table(
    "photos",
    metadata,
    Column("id", Text, primary_key=True),
    Column("connection_id", Text, ForeignKey("connections.id", ondelete="CASCADE"), nullable=False),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    # The platform's own name of the photo: the same one with other content is a new version.
    Column("ref", Words),
    # Whose it is: it goes with them when they are erased.
    Column("contact_id", Text),
    Column("name", Words, nullable=False),
    Column("origin", Text, nullable=False),
    Column("version", Integer, nullable=False),
    # The content that is kept here; nothing until it was brought.
    Column("digest", Text),
    Column("stored", Text),
    Column("size_bytes", RowId, nullable=False, server_default=text("0")),
    Column("media_type", Text),
    _count("width"),
    _count("height"),
    # What stands in Mailchimp.
    Column("file_id", RowId),
    Column("sent_digest", Text),
    Column("full_size_url", Words),
    # Files of earlier versions that are still to be deleted there.
    Column("stale", Json),
    # Since when a file may be there whose id nobody has heard.
    Column("sending_at", Moment),
    Column("errand", Text),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("detail", Words),
    Column("instance", Words),
    Column("due_at", Moment),
    _count("attempts"),
    _count("crashes"),
    Column("claim", Text),
    Column("claimed_by", Text),
    _made_at(),
    _made_at("updated_at"),
    UniqueConstraint("connection_id", "ref"),
    Index("ix_photos_list", "connection_id", "created_at", "id"),
    Index("ix_photos_digest", "connection_id", "digest"),
    Index("ix_photos_file_id", "connection_id", "file_id"),
    Index("ix_photos_contact", "account_id", "contact_id"),
    _partial("ix_photos_claimed_by", "claimed_by", where="claimed_by IS NOT NULL"),
    *_due("photos"),
)

photo_views = Table(
    "photo_views",
    metadata,
    Column("connection_id", Text, ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True),
    Column("file_id", RowId, primary_key=True, autoincrement=False),
    Column("name", Words, nullable=False),
    Column("size_bytes", RowId, nullable=False),
    _count("width"),
    _count("height"),
    Column("full_size_url", Words, nullable=False),
    Column("thumbnail_url", Words, nullable=False),
    _made_at(),
    _made_at("seen_at"),
)

issues = Table(
    "issues",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    # What people see.
    Column("ref", Text, nullable=False, unique=True),
    Column("connection_id", Text, ForeignKey("connections.id", ondelete="CASCADE"), nullable=False),
    Column("account_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("code", Text, nullable=False),
    # The platform's field that it is about; "" where it is about none.
    Column("about", Words, nullable=False),
    Column("state", Text, nullable=False),
    _count("failing"),
    _count("trying"),
    _made_at("first_at"),
    _made_at("opened_at"),
    _made_at("last_at"),
    Column("resolved_at", Moment),
    Column("muted_until", Moment),
    Column("muted_count", Integer),
    Column("changed_by", Words),
    Column("told_at", Moment),
    Column("next_reminder_at", Moment),
    _count("reminders"),
    UniqueConstraint("connection_id", "kind", "code", "about"),
    Index("ix_issues_account", "account_id", "id"),
    Index("ix_issues_resolved_at", "resolved_at"),
    sqlite_autoincrement=True,
)

reviews = Table(
    "reviews",
    metadata,
    # No foreign key: whoever lets a contact fail must not wait for its connection's row.
    Column("connection_id", Text, primary_key=True),
    Column("due_at", Moment, nullable=False, index=True),
)

mails = Table(
    "mails",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    # The Message-ID before its @, the same at every attempt.
    Column("ref", Text, nullable=False, unique=True),
    # None: the operator's.
    Column("account_id", Text),
    # None: of whichever of the account's connections. Set where that one has readers of its own.
    Column("connection_id", Text),
    # Of the operator's: by which of their channels; none is by mail.
    Column("channel", Text),
    # Whose news are gathered in it, until it is sent for the first time.
    Column("about", Text),
    # [{"issue", "news"}], in the order in which they came.
    Column("items", Json, nullable=False),
    Column("address", Words),
    Column("subject", Words),
    Column("state", Text, nullable=False),
    Column("reason", Words),
    _count("attempts"),
    Column("due_at", Moment),
    Column("give_up_at", Moment),
    Column("claim", Text),
    Column("claimed_by", Text),
    _made_at(),
    Column("settled_at", Moment),
    _partial("uq_mails_about", "about", where="about IS NOT NULL", unique=True),
    _partial("ix_mails_due", "due_at", where="due_at IS NOT NULL"),
    Index("ix_mails_account", "account_id", "id"),
    Index("ix_mails_settled_at", "settled_at"),
    sqlite_autoincrement=True,
)

consents = Table(
    "consents",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    # No foreign keys: what was said is kept, whatever becomes of contact and connection.
    Column("account_id", Text, nullable=False),
    Column("contact_id", Text, nullable=False),
    Column("connection_id", Text),
    Column("side", Text, nullable=False),
    Column("before", Text),
    Column("after", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("at", Moment),
    _made_at("recorded_at"),
    Column("source", Words),
    Column("by", Words),
    Column("address", Words),
    # "permissions.<id>" or "sms"; none: the status itself.
    Column("about", Words),
    Column("cause", Json, nullable=False),
    Index("ix_consents_contact", "account_id", "contact_id", "id"),
    sqlite_autoincrement=True,
)

pushes = Table(
    "pushes",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    # No foreign keys, so that what was sent is told of a connection that was undone, too.
    Column("account_id", Text, nullable=False),
    Column("connection_id", Text, nullable=False),
    Column("contact_id", Text, nullable=False),
    Column("version", Integer),
    Column("what", Json, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("code", Text),
    Column("detail", Words),
    Column("instance", Words),
    _made_at("at"),
    Index("ix_pushes_contact", "account_id", "contact_id", "id"),
    sqlite_autoincrement=True,
)

conflicts = Table(
    "conflicts",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("account_id", Text, nullable=False),
    Column("connection_id", Text, ForeignKey("connections.id", ondelete="CASCADE"), nullable=False),
    Column("contact_id", Text, nullable=False),
    Column("field", Words, nullable=False),
    Column("ours", Json),
    Column("theirs", Json),
    Column("winner", Text, nullable=False),
    _made_at("at"),
    # When the value that was not kept was put in its place, and by whom.
    Column("used_at", Moment),
    Column("used_by", Words),
    Index("ix_conflicts_connection", "connection_id", "id"),
    Index("ix_conflicts_contact", "account_id", "contact_id", "id"),
    sqlite_autoincrement=True,
)

purges = Table(
    "purges",
    metadata,
    # One row for each kind of history that is thrown away when it is old: how far the round is.
    Column("kind", Text, primary_key=True),
    Column("cursor", Text),
    Column("removed", RowId, nullable=False, server_default=text("0")),
    Column("total", RowId, nullable=False, server_default=text("0")),
    _made_at("begun_at"),
    Column("finished_at", Moment),
)
