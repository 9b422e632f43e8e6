"""Members: how each contact stands towards each audience, and the queue of what must go up.

`base` is what both sides last agreed on. `due_at` means what it means for events: when somebody should look
at the row. A row that changes while a worker holds it is marked `again`, so that it becomes due once more
when that worker is done.
"""

from __future__ import annotations

from processor.store.members_again import look_again
from processor.store.members_claim import (
    Which,
    claim_due,
    expire,
    hand_back,
    held,
    hold,
    release,
    renew,
    settle,
)
from processor.store.members_find import (
    by_contact_ids,
    by_views,
    counts,
    due_connections,
    due_soon,
    find,
    get,
    get_many,
    links,
    lock,
    oldest_due,
    reasons,
    rows_of_contacts,
    unchanged_since,
    words_of,
)
from processor.store.members_glance import Glance, LastView, contacts_at, glance, last_views
from processor.store.members_rows import MemberRow, new_member
from processor.store.members_write import (
    delete_many,
    forget_all,
    forget_way,
    insert_many,
    mark_due,
    note_way,
    try_again,
    update_many,
)

__all__ = [
    "Glance",
    "LastView",
    "MemberRow",
    "Which",
    "by_contact_ids",
    "by_views",
    "claim_due",
    "contacts_at",
    "counts",
    "delete_many",
    "due_connections",
    "due_soon",
    "expire",
    "find",
    "forget_all",
    "forget_way",
    "get",
    "get_many",
    "glance",
    "hand_back",
    "held",
    "hold",
    "insert_many",
    "last_views",
    "links",
    "lock",
    "look_again",
    "mark_due",
    "new_member",
    "note_way",
    "oldest_due",
    "reasons",
    "release",
    "renew",
    "rows_of_contacts",
    "settle",
    "try_again",
    "unchanged_since",
    "update_many",
    "words_of",
]
