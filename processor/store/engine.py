"""The way to the database: one `Store` per process, whose transactions every function of the store uses."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, exc, text
from sqlalchemy.engine import URL, make_url

from processor.errors import ConfigError, Conflict, StoreDown
from processor.store.fair_lock import FairLock
from processor.store.types import as_json

T = TypeVar("T")

STATEMENT_TIMEOUT_MS = 30_000
LOCK_TIMEOUT_MS = 10_000
IDLE_TIMEOUT_MS = 60_000
"""A process that is frozen inside a transaction would otherwise keep its rows from everybody for ever."""
BUSY_TIMEOUT_MS = 5_000
TRIES = 5

_CONTENTION = frozenset({"40001", "40P01", "55P03"})  # serialisation failure, deadlock, lock time-out
# SQLITE_BUSY, LOCKED, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, NOTADB. What SQLite calls an ERROR (no such
# table, a syntax error) is a mistake of ours and does not pass.
_SQLITE_AWAY = frozenset({5, 6, 8, 10, 11, 13, 14, 26})
_UNIQUE_VIOLATIONS = frozenset({"23505", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"})

_writers: dict[str, FairLock] = {}
_writers_guard = threading.Lock()


class Store:
    """A pool of connections to one database. Threads may share it; processes may not (open one each)."""

    def __init__(self, engine: Engine, writer: FairLock | None) -> None:
        self.engine = engine
        """For migrations and tests; everything else goes through `read` and `write`."""
        self._writer = writer
        self._is_closed = False

    @property
    def dialect(self) -> Literal["postgresql", "sqlite"]:
        """Which of the two databases it is."""
        return "sqlite" if self.engine.dialect.name == "sqlite" else "postgresql"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection for reading; what is written with it is rolled back.

        Raises StoreDown when the database does not answer.
        """
        with _translated(), self._connected() as c:
            yield c

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        pool = self.engine.pool
        try:
            with self.engine.connect() as c:
                yield c
        finally:
            if self._is_closed:  # meanwhile: nobody else would close what has come back since
                pool.dispose()
                self.engine.pool.dispose()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection in one transaction: committed at the end, rolled back on any exception.

        On SQLite the writers of this process take turns; a write inside a write raises RuntimeError.
        Raises StoreDown when the database does not answer, and Conflict where a row exists already that
        may exist once. Only when the answer to the commit itself is lost may a StoreDown have been
        written: work that is tried again must be safe to repeat.
        """
        with _translated(), ExitStack() as stack:
            if self._writer is not None:
                stack.enter_context(self._writer)
            c = stack.enter_context(self._connected())
            c = c.execution_options(bothways_writes=True)
            stack.enter_context(c.begin())
            yield c

    def write_retrying(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction, again a few times when others are in the way; return what it returns.

        In the way are deadlocks, lock time-outs, and a Conflict: a row that another transaction has written
        meanwhile, so that `work` now reads it and decides anew. It runs from its start each time, and must
        keep nothing from the time before. Raises what `write` raises.
        """
        for attempt in range(1, TRIES + 1):
            try:
                with self.write() as c:
                    return work(c)
            except (StoreDown, Conflict) as error:
                if attempt == TRIES or not _is_contention(error):
                    raise
                time.sleep(0.02 * attempt)
        raise AssertionError("unreachable")

    def is_up(self) -> bool:
        """Whether the database answers now."""
        try:
            with self.read() as c:
                c.execute(text("SELECT 1"))
        except StoreDown:
            return False
        return True

    def close(self) -> None:
        """Close the idle connections now, and each that is in use when its user is done. Safe to repeat."""
        self._is_closed = True
        self.engine.dispose()


def open_store(url: str, *, pool_size: int = 10) -> Store:
    """Return the store at this URL; nothing is connected yet.

    `url` is `postgres://…`, `postgresql://…` or `sqlite:///<file>`; a SQLite file and its folder are made
    where they are missing. `pool_size` bounds the connections of this process. Raises ConfigError for any
    other URL.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed, pool_size)
    engine = create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        connect_args={"connect_timeout": 5, "application_name": "bothways"},
        pool_pre_ping=True,  # a restart of PostgreSQL must not cost the first caller after it an error
        **_common(pool_size),
    )
    event.listen(engine, "connect", _prepare_postgres)
    return Store(engine, None)


def _parsed(url: str) -> URL:
    scheme, colon, rest = url.partition("://")
    if scheme == "postgres":  # what Heroku and others hand out; SQLAlchemy does not know it
        scheme = "postgresql"
    try:
        parsed = make_url(scheme + colon + rest)
    except exc.ArgumentError:
        raise ConfigError(["DATABASE_URL: not a URL; use postgresql://user:password@host/name."]) from None
    if parsed.get_backend_name() not in {"postgresql", "sqlite"}:
        raise ConfigError(["DATABASE_URL: only postgresql:// (or postgres://) and sqlite:/// are supported."])
    if parsed.get_backend_name() == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise ConfigError(
            ["DATABASE_URL: SQLite needs a file, as in sqlite:////var/lib/bothways/data.sqlite3."]
        )
    return parsed


def _common(pool_size: int) -> dict[str, Any]:
    return {
        "pool_size": pool_size,
        "max_overflow": 0,
        "pool_timeout": 10,
        "json_serializer": as_json,
        "hide_parameters": True,  # an error that is logged must not print addresses or sealed tokens
    }


def _open_sqlite(url: URL, pool_size: int) -> Store:
    path = Path(str(url.database)).resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url.set(database=str(path), drivername="sqlite+pysqlite"),
        connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False},
        **_common(pool_size),
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    with _writers_guard:
        writer = _writers.setdefault(str(path), FairLock())
    return Store(engine, writer)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver would begin late, and without IMMEDIATE
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(c: Connection) -> None:
    # A transaction that begins as a reader and then writes fails at once when another wrote in between.
    writes = c.get_execution_options().get("bothways_writes", False)
    c.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _prepare_postgres(connection: Any, _record: Any) -> None:
    # By SET and not by start-up options, which PgBouncer refuses.
    connection.execute(
        f"SET statement_timeout = {STATEMENT_TIMEOUT_MS};"
        f"SET lock_timeout = {LOCK_TIMEOUT_MS};"
        f"SET idle_in_transaction_session_timeout = {IDLE_TIMEOUT_MS};"
        "SET timezone = 'UTC'"
    )
    connection.commit()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except exc.TimeoutError as error:
        raise StoreDown("every connection to the database is taken") from error
    except exc.IntegrityError as error:
        if _code_of(error) in _UNIQUE_VIOLATIONS:
            raise Conflict("it exists already") from error
        raise
    except exc.DBAPIError as error:
        if error.connection_invalidated or isinstance(error, exc.InterfaceError) or _is_away(error):
            raise StoreDown(f"the database does not answer ({_code_of(error) or 'no code'})") from error
        raise


def _code_of(error: exc.DBAPIError) -> str:
    origin = error.orig
    return str(getattr(origin, "sqlstate", None) or getattr(origin, "sqlite_errorname", None) or "")


def _is_away(error: exc.DBAPIError) -> bool:
    sqlite_code = getattr(error.orig, "sqlite_errorcode", None)
    if sqlite_code is not None:
        return sqlite_code & 0xFF in _SQLITE_AWAY  # the low byte is the kind, the rest says where
    return isinstance(error, exc.OperationalError)


def _is_contention(error: StoreDown | Conflict) -> bool:
    if isinstance(error, Conflict):
        return True
    cause = error.__cause__
    return isinstance(cause, exc.DBAPIError) and _code_of(cause) in _CONTENTION
