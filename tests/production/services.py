"""A database and a Redis of the test's own."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
import redis
from psycopg import sql
from sqlalchemy.engine import make_url

from tests.production.processes import free_port

SPARE = "bothways-test-owner"


def _server() -> str:
    server = os.environ.get("BOTHWAYS_TEST_POSTGRES")
    if not server:
        pytest.skip("BOTHWAYS_TEST_POSTGRES is not set")
    return server


class Database:
    """A PostgreSQL database that is dropped at the end."""

    def __init__(self) -> None:
        self._server = make_url(_server())
        self._name = f"bothways_{secrets.token_hex(6)}"
        self.url = self._server.set(database=self._name).render_as_string(hide_password=False)

    def _admin(self, statement: str) -> None:
        plain = self._server.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain, autocommit=True) as c:
            c.execute(sql.SQL(statement).format(sql.Identifier(self._name), sql.Literal(self._name)))

    def __enter__(self) -> Database:
        self._admin("CREATE DATABASE {0}")
        return self

    def __exit__(self, *_: object) -> None:
        self._admin("DROP DATABASE {0} WITH (FORCE)")

    def deadlocks(self) -> int:
        """How many deadlocks it has had to end."""
        with psycopg.connect(self.url) as c:
            row = c.execute(
                "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
            ).fetchone()
        return int(row[0]) if row else 0

    def cut_all(self) -> None:
        """End every connection to it, as a restart does."""
        self._admin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {1}")

    def close(self) -> None:
        """Take no connection any more, and end those that there are."""
        self._admin("ALTER DATABASE {0} ALLOW_CONNECTIONS false")
        self.cut_all()

    def reopen(self) -> None:
        """Take connections again."""
        self._admin("ALTER DATABASE {0} ALLOW_CONNECTIONS true")


@contextmanager
def shared_redis() -> Iterator[str]:
    """Yield the URL of a number of the shared Redis that nobody else uses; emptied at the end."""
    url = os.environ.get("BOTHWAYS_TEST_REDIS")
    if not url:
        pytest.skip("BOTHWAYS_TEST_REDIS is not set")
    base = url.rpartition("/")[0]
    for number in range(1, 16):
        client = redis.Redis.from_url(f"{base}/{number}")
        if client.dbsize() == 0 and client.set(SPARE, b"1", nx=True, ex=600):
            break
        client.close()
    else:
        pytest.skip("every number of the test's Redis is taken")
    try:
        yield f"{base}/{number}"
    finally:
        client.flushdb()
        client.close()


class OwnRedis:
    """A Redis process that a test may freeze, empty and kill. It keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._program = shutil.which("redis-server")
        if self._program is None:
            pytest.skip("redis-server is not installed")
        self._port = free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def __enter__(self) -> OwnRedis:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        options = ["--port", str(self._port), "--save", "", "--appendonly", "no", "--dir", str(self._folder)]
        self._popen = subprocess.Popen(
            [str(self._program), *options], stdout=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + 10
        with redis.Redis.from_url(self.url) as client:
            while True:
                with suppress(redis.RedisError):
                    client.ping()
                    return
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def flush(self) -> None:
        """Throw everything away that is in it."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def kill(self) -> None:
        """Kill it at once. Safe to repeat."""
        self._popen.kill()
        self._popen.wait(10)

    def freeze(self) -> None:
        """Let it stand: it takes connections and answers nothing."""
        os.kill(self._popen.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self._popen.pid, signal.SIGCONT)
