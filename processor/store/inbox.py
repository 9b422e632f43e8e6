"""The inbox: where deliveries are kept before work, and the queue of that work.

An event's row is the whole truth about it. `due_at` is when somebody should look at it: when it was
received, when it is to be tried again, or when the lease of the worker that holds it runs out; a settled
one has none. So one small index finds what was never poked, what is due again and whose worker died.
"""

from __future__ import annotations

from processor.store.inbox_claim import claim, expire, hand_back, release
from processor.store.inbox_find import (
    attempts_of,
    count,
    counts,
    due_connections,
    find,
    get,
    oldest_due,
    oldest_due_id,
    requeue,
)
from processor.store.inbox_keep import keep
from processor.store.inbox_rows import (
    AttemptOutcome,
    AttemptRow,
    ClaimedEvent,
    EventFilter,
    EventRow,
    Settled,
    event_id,
    event_name,
)
from processor.store.inbox_settle import settle

__all__ = [
    "AttemptOutcome",
    "AttemptRow",
    "ClaimedEvent",
    "EventFilter",
    "EventRow",
    "Settled",
    "attempts_of",
    "claim",
    "count",
    "counts",
    "due_connections",
    "event_id",
    "event_name",
    "expire",
    "find",
    "get",
    "hand_back",
    "keep",
    "oldest_due",
    "oldest_due_id",
    "release",
    "requeue",
    "settle",
]
