"""The changes feed: what became of the platform's contacts, in the order in which it was written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from processor.domain.outgoing import cursor_of
from processor.errors import Invalid
from processor.kit import Kit
from processor.store import changes
from processor.store.changes import ChangeRow, Origin

MOST = 1000


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Changes, oldest first, and the cursor that the next call passes. `more` says whether to ask again at
    once."""

    changes: Sequence[ChangeRow]
    cursor: str
    more: bool


def read(
    kit: Kit, account_id: str, *, after: str | None, limit: int = 100, origin: Origin | None = None
) -> FeedPage:
    """Return what changed after the cursor; from the beginning without one. Safe to repeat: a cursor can
    be used again. Raises Invalid for a cursor that was not ours, Expired for one whose place is not in this
    feed (any more), NotFound, StoreDown."""
    seq = _seq(after)
    limit = max(1, min(limit, MOST))
    with kit.store.read() as c:
        rows, cursor = changes.after(c, account_id, seq, limit, origin)
    return FeedPage(rows, cursor_of(cursor), more=len(rows) == limit)


def _seq(cursor: str | None) -> int | None:
    if not cursor:
        return None
    digits = cursor.removeprefix("c")
    if not (cursor.startswith("c") and digits.isascii() and digits.isdigit() and len(digits) < 19):
        raise Invalid(
            "Pass the `cursor` of the answer before, unchanged; leave it out to start over.", "after"
        )
    return int(digits)
