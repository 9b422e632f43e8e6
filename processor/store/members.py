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
    find,
    get,
    get_many,
    links,
    lock,
    not_met_since,
    oldest_due,
    reasons,
    rows_of_contacts,
)
from processor.store.members_rows import MemberRow, new_member
from processor.store.members_write import (
    delete_many,
    forget_all,
    forget_way,
    insert_many,
    mark_due,
    note_way,
    touch,
    try_again,
    update_many,
)

__all__ = [
    "MemberRow",
    "Which",
    "by_contact_ids",
    "by_views",
    "claim_due",
    "counts",
    "delete_many",
    "due_connections",
    "expire",
    "find",
    "forget_all",
    "forget_way",
    "get",
    "get_many",
    "hand_back",
    "held",
    "hold",
    "insert_many",
    "links",
    "lock",
    "look_again",
    "mark_due",
    "new_member",
    "not_met_since",
    "note_way",
    "oldest_due",
    "reasons",
    "release",
    "renew",
    "rows_of_contacts",
    "settle",
    "touch",
    "try_again",
    "update_many",
]
