"""A database that fails for real, at the moment that a test chooses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event, text

from processor.store import open_store
from processor.store.engine import Store


class Backends:
    """The server processes of this store's PostgreSQL connections: they can be ended, as a restart does."""

    def __init__(self, store: Store) -> None:
        self._pids: set[int] = set()
        event.listen(store.engine, "connect", self._note)

    def end_all(self, database_url: str) -> None:
        """End every connection that the store has opened so far."""
        other = open_store(database_url, pool_size=1)
        with other.write() as c:
            for pid in sorted(self._pids):
                c.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        other.close()

    def _note(self, connection: Any, _record: Any) -> None:
        self._pids.add(connection.info.backend_pid)


@contextmanager
def full_disk(store: Store) -> Iterator[None]:
    """Let SQLite find no room for another page, as on a full disk."""

    def no_room(c: Connection) -> None:
        c.exec_driver_sql("PRAGMA max_page_count = 1")  # the smallest that it takes: what there is now

    def room(c: Connection) -> None:
        c.exec_driver_sql("PRAGMA max_page_count = 1073741823")

    event.listen(store.engine, "begin", no_room)
    yield
    event.remove(store.engine, "begin", no_room)
    event.listen(store.engine, "begin", room)


@contextmanager
def held_back(store: Store, database_url: str) -> Iterator[Callable[[], None]]:
    """Hold what every new event needs, so that a commit hangs until the yielded function is called."""
    other = open_store(database_url, pool_size=1)
    c = other.engine.connect()
    c.execute(text("UPDATE hooks SET last_seen_at = last_seen_at"))  # SQLite has one writer, and this is it
    if store.dialect == "postgresql":
        c.execute(text("LOCK TABLE events IN ACCESS EXCLUSIVE MODE"))
    try:
        yield c.rollback
    finally:
        c.close()
        other.close()


def refuse_poison(store: Store) -> None:
    """Let the database refuse a delivery whose body holds the word, and no other."""
    with store.write() as c:
        if store.dialect == "sqlite":
            c.execute(
                text(
                    "CREATE TRIGGER refuse BEFORE INSERT ON events WHEN instr(NEW.body, X'706f69736f6e') > 0 "
                    "BEGIN SELECT RAISE(ABORT, 'poison'); END"
                )
            )
        else:
            c.execute(text("ALTER TABLE events ADD CHECK (position('poison'::bytea IN body) = 0)"))
