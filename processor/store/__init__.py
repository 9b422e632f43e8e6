"""The store: every table, and the only house of SQLAlchemy.

The functions take an open `Connection` first, so that a verb composes several into one transaction:

    with store.write() as c:
        held = contacts.lock(c, account_id, ids)
        ...
        contacts.update_many(c, changed, now)
        changes.append(c, account_id, what_changed)

PostgreSQL and SQLite stand behind the same functions; one suite of tests runs on both.

Lock order. A transaction that takes rows of several tables takes them in this order, and within a table
in the order of the ids, so that no two transactions can wait for each other:

    1. contacts          `contacts.lock`, by id
    2. members           `members.lock`, `members.mark_due`, by id
    3. events            `inbox.settle`, `inbox.requeue`, by id
    4. connections       `connections.lock`, `connections.update`, `connections.set_state`
    5. reviews, issues   `reviews.mark`, `reviews.lock`, by connection; then its issues
    6. accounts.last_seq `changes.append`: last before the commit, because it holds back every other writer
                         of that account's feed until the commit
    7. endpoints         `endpoints.lock`, by id
    8. notices           `notices.tell`, in the order of the endpoints: behind the feed's counter, so that
                         writers of one account never wait for each other here
    9. mails             `mails.gather`

Where a deadlock arises all the same, PostgreSQL ends one of the two, and `Store.write_retrying` does it
again.
"""

from __future__ import annotations

from sqlalchemy import Connection

from processor.store import tables_ops as tables_ops  # so that one set of tables knows all of them
from processor.store.engine import Store, open_store

__all__ = ["Connection", "Store", "open_store"]
