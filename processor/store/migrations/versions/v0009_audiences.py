"""What each audience's record said of a person, and marketing permissions on their way to Mailchimp."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from processor.store.types import Json, Words

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build the columns. What is not known is heard when the member is next looked at."""
    op.add_column("members", sa.Column("word", Json, nullable=True))
    op.add_column("members", sa.Column("asked", Json, nullable=True))
    op.add_column("consents", sa.Column("about", Words(), nullable=True))
