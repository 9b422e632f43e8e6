"""The way to the database: transactions, their failures, and whose turn it is."""

from __future__ import annotations

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, event, exc, text

from processor.errors import ConfigError, Conflict, StoreDown
from processor.store import Store, accounts, connections, hooks, leases, open_store
from processor.store.fair_lock import FairLock
from tests.store.build import GRANT, NOW, delivery, kept, later


def test_a_write_is_all_or_nothing(store: Store) -> None:
    """What came before the exception is not there either."""

    def write_twice() -> None:
        with store.write() as c:
            hooks.add(c, "t", "con_a", "sealed", NOW)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_twice()
    with store.read() as c:
        assert hooks.for_connection(c, "con_a") == []


def test_reading_sees_what_is_committed_and_nothing_else(store: Store) -> None:
    """A long write does not hold readers up, on either database."""
    with store.write() as c:
        hooks.add(c, "t", "con_a", "sealed", NOW)
        with store.read() as reader:
            assert hooks.for_connection(reader, "con_a") == []
    with store.read() as reader:
        assert len(hooks.for_connection(reader, "con_a")) == 1


def test_what_may_exist_once_is_a_conflict(store: Store) -> None:
    """Not an error of the driver."""
    with store.write() as c:
        hooks.add(c, "t", "con_a", "sealed", NOW)
    with pytest.raises(Conflict), store.write() as c:
        hooks.add(c, "t", "con_a", "sealed", NOW)


def test_our_own_mistakes_are_not_taken_for_an_outage(store: Store) -> None:
    """A table that is not there does not pass by waiting; and no value is printed."""
    with pytest.raises(exc.DBAPIError) as caught, store.write() as c:
        c.execute(text("INSERT INTO no_such_table VALUES (:x)"), {"x": "jo@maple-street.test"})
    assert "jo@maple" not in str(caught.value)


def test_work_that_met_a_deadlock_is_done_again(store: Store) -> None:
    """Two that take two rows in opposite orders both come through."""
    with store.write() as c:
        first, second = (hooks.add(c, name, "con_a", "sealed", NOW) for name in "ab")
    barrier = threading.Barrier(2, timeout=5)
    tries: list[int] = []

    def crossing(order: tuple[bytes, bytes]) -> None:
        def work(c: Connection) -> None:
            tries.append(1)
            hooks.seen(c, order[0], NOW)
            if len(tries) <= 2 and store.dialect == "postgresql":
                barrier.wait()
            hooks.seen(c, order[1], NOW)

        store.write_retrying(work)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(crossing, [(first, second), (second, first)]))
    assert len(tries) == (3 if store.dialect == "postgresql" else 2)


def test_work_that_was_overtaken_is_done_again_with_what_it_finds(store: Store) -> None:
    """Two that write what may exist once: the second reads the first's row and decides anew; what stays a
    conflict is told in the end."""
    seen: list[bool] = []
    barrier = threading.Barrier(2, timeout=5)

    def work(c: Connection) -> None:
        there = connections.get(c, "con_a") is not None
        seen.append(there)
        if store.dialect == "postgresql" and len(seen) <= 2:
            barrier.wait()
        if not there:
            connections.create(c, "con_a", "acc_1", NOW, **GRANT)

    with store.write() as c:
        accounts.ensure(c, "acc_1", NOW)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(store.write_retrying, [work, work]))
    assert seen == ([False, False, True] if store.dialect == "postgresql" else [False, True])
    with pytest.raises(Conflict):
        store.write_retrying(lambda c: connections.create(c, "con_a", "acc_1", NOW, **GRANT))


def test_a_write_inside_a_write_says_so_instead_of_waiting_for_itself(tmp_path: Path) -> None:
    """A mistake of ours would hang on SQLite."""
    store = open_store(f"sqlite:///{tmp_path / 'x.sqlite3'}")
    with store.write(), pytest.raises(RuntimeError, match="inside a write"), store.write():
        pass
    with store.write():
        pass
    store.close()


@pytest.mark.parametrize(
    "url", ["", "pw", "mysql://u:pw@h/x", "sqlite://", "sqlite:///:memory:", "postgresql:/pw", "x:pw@h/x"]
)
def test_an_address_that_cannot_work_is_refused_at_once(url: str) -> None:
    """With a remedy, and without the address, which may hold a password."""
    with pytest.raises(ConfigError) as caught:
        open_store(url)
    assert "DATABASE_URL" in str(caught.value)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_usual_spelling_of_postgresql_is_taken(scheme: str) -> None:
    """Hosting platforms hand out the oldest one."""
    store = open_store(f"{scheme}://jo:pw@127.0.0.1:1/x")
    assert store.engine.url.drivername == "postgresql+psycopg"
    assert not store.is_up()
    with pytest.raises(StoreDown) as caught, store.read():
        pass
    assert "pw" not in str(caught.value)
    store.close()


def test_a_store_that_answers_is_up(store: Store) -> None:
    """And again after it was closed: its connections are made anew."""
    assert store.is_up()
    store.close()
    assert store.is_up()


def test_a_file_that_is_no_database_is_an_outage_not_a_crash(tmp_path: Path) -> None:
    """The receiver answers 503 and Mailchimp tries again."""
    path = tmp_path / "x.sqlite3"
    path.write_bytes(b"not a database at all" * 100)
    store = open_store(f"sqlite:///{path}")
    assert not store.is_up()
    with pytest.raises(StoreDown), store.write():
        pass
    store.close()


@pytest.mark.slow
def test_another_process_that_writes_for_too_long_is_an_outage(tmp_path: Path) -> None:
    """After five seconds at the most somebody hears of it."""
    path = tmp_path / "x.sqlite3"
    store = open_store(f"sqlite:///{path}")
    with store.read() as c:
        c.exec_driver_sql("SELECT 1")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(StoreDown), store.write() as c:
        c.execute(text("CREATE TABLE x (y)"))
    assert 3 < time.monotonic() - began < 9
    other.close()
    store.close()


def test_sqlite_is_durable_and_keeps_its_references(tmp_path: Path) -> None:
    """Acknowledged means on the disk."""
    store = open_store(f"sqlite:///{tmp_path / 'new' / 'x.sqlite3'}")
    with store.read() as c:
        found = {
            name: c.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}
    store.close()


def test_every_thread_gets_its_turn_to_write(store: Store) -> None:
    """Eight writers that never pause: nobody is left behind."""
    done = dict.fromkeys(range(8), 0)
    ending = threading.Event()

    def write(n: int) -> None:
        while not ending.is_set():
            kept(store, 1, connection_id=f"con_{n}_{done[n]}")
            done[n] += 1

    threads = [threading.Thread(target=write, args=(n,)) for n in done]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    ending.set()
    for thread in threads:
        thread.join()
    assert min(done.values()) > max(done.values()) / 4


def test_the_lock_is_handed_over_in_the_order_of_arrival() -> None:
    """First come, first served."""
    lock = FairLock()
    order: list[int] = []

    def wait(n: int) -> None:
        with lock:
            order.append(n)

    lock.acquire()
    threads = []
    for n in range(6):
        thread = threading.Thread(target=wait, args=(n,))
        thread.start()
        threads.append(thread)
        while len(lock._waiting) <= n:
            time.sleep(0.001)
    lock.release()
    for thread in threads:
        thread.join()
    assert order == list(range(6))


def test_a_named_lease_has_one_holder_until_its_time_is_over(store: Store) -> None:
    """So that the clock ticks once across many processes."""
    with store.write() as c:
        assert leases.take(c, "clock", "p1", NOW, 10)
        assert not leases.take(c, "clock", "p2", later(9), 10)
        assert leases.take(c, "clock", "p1", later(9), 10)
        assert not leases.take(c, "clock", "p2", later(18), 10)
        assert leases.take(c, "clock", "p2", later(19), 10)
        assert not leases.give_up(c, "clock", "p1")
        assert leases.give_up(c, "clock", "p2")
        assert leases.take(c, "clock", "p1", later(20), 10)
        assert leases.take(c, "other", "p2", later(20), 10)


def test_of_many_that_reach_for_a_lease_one_gets_it(store: Store) -> None:
    """Also when it is new, and they all come at once."""
    barrier = threading.Barrier(6)

    def reach(n: int) -> bool:
        barrier.wait()
        with store.write() as c:
            return leases.take(c, "clock", f"p{n}", NOW, 10)

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(reach, range(6))) == 1


def test_a_time_without_a_zone_is_refused(store: Store) -> None:
    """Nobody could say when it was."""
    naive = delivery("x", received_at=NOW.replace(tzinfo=None))
    with pytest.raises(exc.StatementError, match="without a zone"), store.write() as c:
        hooks.add(c, "t", "con_a", "sealed", naive.received_at)


def _cut(store: Store, url: str, pid: int) -> None:
    other = open_store(url, pool_size=1)
    with other.write() as c:
        c.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    other.close()


def _pid(c: Connection) -> int:
    if c.dialect.name == "sqlite":
        pytest.skip("SQLite has no connection that could be cut")
    return int(c.execute(text("SELECT pg_backend_pid()")).scalar_one())


def test_a_connection_that_is_cut_is_an_outage_and_the_next_one_works(store: Store, url: str) -> None:
    """PostgreSQL restarts during a write: it hears of it, and nothing is half written."""

    def write() -> None:
        with store.write() as c:
            hooks.add(c, "t", "con_a", "sealed", NOW)
            _cut(store, url, _pid(c))
            hooks.add(c, "u", "con_a", "sealed", NOW)

    with pytest.raises(StoreDown):
        write()
    with store.read() as c:
        assert hooks.for_connection(c, "con_a") == []


def test_connections_that_were_cut_while_idle_cost_nobody_an_error(store: Store, url: str) -> None:
    """After a restart the first caller is served like any other."""
    with store.read() as c:
        pid = _pid(c)
    _cut(store, url, pid)
    with store.write() as c:
        hooks.add(c, "t", "con_a", "sealed", NOW)


def test_nothing_waits_for_ever_in_postgresql(store: Store) -> None:
    """Neither a statement, nor a lock, nor a transaction whose process is frozen."""
    with store.read() as c:
        _pid(c)
        names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "timezone")
        assert [c.execute(text(f"SHOW {name}")).scalar_one() for name in names] == [
            "30s",
            "10s",
            "1min",
            "UTC",
        ]


@pytest.mark.parametrize("kind", ["read", "write"])
def test_a_store_that_is_closed_while_somebody_uses_it_leaves_no_connection(store: Store, kind: str) -> None:
    """A thread may be in the middle of a question when its process ends: the connection ends with it."""
    with store.read() if kind == "read" else store.write() as c:
        c.execute(text("SELECT 1"))
        used = c.connection.driver_connection
        store.close()
        c.execute(text("SELECT 1"))  # whoever is in the middle of something comes to its end
    assert used is not None
    with pytest.raises((psycopg.OperationalError, sqlite3.ProgrammingError), match="closed"):
        used.cursor().execute("SELECT 1")
    assert store.is_up()  # who comes later is served all the same, and leaves nothing either


def test_a_store_that_is_closed_while_a_connection_is_given_back_leaves_none(store: Store) -> None:
    """Between the last question of a thread and the moment when its connection lies in the pool again."""
    event.listen(store.engine, "reset", lambda *_: store.close())
    with store.read() as c:
        c.execute(text("SELECT 1"))
        used = c.connection.driver_connection
    assert used is not None
    with pytest.raises((psycopg.OperationalError, sqlite3.ProgrammingError), match="closed"):
        used.cursor().execute("SELECT 1")
