"""What the tests of the API and of the pages work with: a house, keys, and builders with defaults."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from processor import bootstrap
from processor.bootstrap import House
from processor.config import Settings
from processor.domain.event import Delivery
from processor.kit import Kit
from processor.seals import token_bind
from processor.store import accounts, connections, inbox, keys, members
from processor.store.ids import CONNECTION, new_id
from processor.web import app as web
from processor.web.routes import routes
from processor.web.server import Running as Web
from sandbox.control import Control
from tests.ready import make_ready, ready_postgresql

ACME, BIRCH = "acme", "birch"
SUBSCRIBED = {"status": "subscribed", "at": "2026-01-15T09:00:00+00:00", "source": "checkout"}


@dataclass(slots=True)
class Clock:
    """A clock that stands until it is set."""

    moment: datetime = field(default_factory=lambda: datetime(2026, 9, 1, 12, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.moment

    def pass_seconds(self, seconds: float) -> None:
        """Set it on."""
        self.moment += timedelta(seconds=seconds)


@dataclass
class Api:
    """The application without a socket: each call goes through all of its middleware."""

    house: House
    app: Starlette
    key: str
    acme_key: str
    birch_key: str

    @property
    def kit(self) -> Kit:
        return self.house.kit

    def call(self, method: str, path: str, *, key: str | None = None, **sent: Any) -> httpx.Response:
        """Make one call; `key` is the one for all accounts unless given, and "" sends none."""
        return asyncio.run(self.calling(method, path, key=key, **sent))

    async def calling(self, method: str, path: str, *, key: str | None = None, **sent: Any) -> httpx.Response:
        """The same on a running loop."""
        key = self.key if key is None else key
        headers = {**({"Authorization": f"Bearer {key}"} if key else {}), **sent.pop("headers", {})}
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=40) as http:
            return await http.request(method, path, headers=headers, **sent)

    def put(self, contact_id: str = "jo", account: str = ACME, **named: Any) -> httpx.Response:
        """Write one contact."""
        return self.call("PUT", f"/v1/accounts/{account}/contacts/{contact_id}", json=named)


def make_settings(data_dir: Path, **changes: Any) -> Settings:
    """Settings that take nothing from the environment that a test depends on."""
    return Settings(
        **{
            "data_dir": data_dir,
            "database_url": "",
            "redis_url": "",
            "secret_key": "a secret key that is long enough for a test",
            "public_url": "http://127.0.0.1:8000",
            "mailchimp_client_id": "app",
            "mailchimp_client_secret": "app-secret",
            "body_timeout_seconds": 2.0,
            "push_wait_seconds": 0.0,
            **changes,
        }
    )


DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.services)]


@contextmanager
def open_database(kind: str) -> Iterator[str]:
    """Give an empty database of this kind for a test; "" stands for the SQLite file."""
    if kind == "sqlite":
        yield ""
        return
    with ready_postgresql() as url:
        yield url


@contextmanager
def open_api(data_dir: Path, clock: Clock, **changes: Any) -> Iterator[Api]:
    """Run the API on an empty database, with its keys."""
    settings = make_settings(data_dir, **changes)
    make_ready(settings.database)
    house = bootstrap.build(settings, now=clock)
    try:
        app = web.build(house.kit, routes=routes(house.kit, house.http))
        yield Api(house, app, make_key(house), make_key(house, ACME), make_key(house, BIRCH))
    finally:
        house.close()


def make_key(house: House, account_id: str | None = None) -> str:
    """Make a key, for one account or for all."""
    now = house.kit.now()
    with house.store.write() as c:
        if account_id is not None:
            accounts.ensure(c, account_id, now)
        return keys.create(c, "test", account_id, now)[1]


def make_connection(house: House, account_id: str = ACME, *, token: str = "none", **columns: Any) -> str:
    """Make a connection as the OAuth pages leave it; `columns` are changed afterwards."""
    connection_id = new_id(CONNECTION)
    now = house.kit.now()
    grant = {
        "mailchimp_account": "131656250",
        "account_name": "Maple Street",
        "login_name": "jo",
        "role": "admin",
        "dc": "us1",
        "api_base": "http://127.0.0.1:9",
        **{name: columns.pop(name) for name in ("mailchimp_account", "api_base") if name in columns},
    }
    with house.store.write() as c:
        accounts.ensure(c, account_id, now)
        sealed = house.kit.sealer.seal(token, token_bind(connection_id))
        connections.create(c, connection_id, account_id, now, token_sealed=sealed, **grant)
        if columns:
            connections.update(c, connection_id, now, **columns)
    return connection_id


def keep(house: House, connection_id: str, *bodies: bytes) -> list[str]:
    """Keep deliveries and return the ids of the events, in their order."""
    now = house.kit.now()
    with house.store.write() as c:
        inbox.keep(
            c, [Delivery(connection_id, body, "application/x-www-form-urlencoded", now) for body in bodies]
        )
        found = inbox.find(
            c, inbox.EventFilter(connection_id=connection_id), limit=len(bodies), newest_first=True
        )
    return [row.name for row in reversed(found)]


def stand(house: House, connection_id: str, contact_id: str | None, **columns: Any) -> None:
    """Let a contact stand in this way towards the connection's audience."""
    with house.store.write() as c:
        members.insert_many(
            c, [members.new_member(connection_id, contact_id=contact_id, **columns)], house.kit.now()
        )


@dataclass
class Place:
    """The whole web process over real HTTP, beside the sandbox."""

    house: House
    web: Web
    control: Control

    @property
    def url(self) -> str:
        return self.web.url

    @property
    def kit(self) -> Kit:
        return self.house.kit


@contextmanager
def open_place(data_dir: Path, sandbox_url: str, control: Control, **changes: Any) -> Iterator[Place]:
    """Run the web process on a free port, with its app registered at the sandbox."""
    import socket

    with ExitStack() as stack:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        settings = make_settings(
            data_dir,
            port=port,
            public_url=f"http://127.0.0.1:{port}",
            mailchimp_login_url=sandbox_url,
            **changes,
        )
        make_ready(settings.database)
        house = bootstrap.build(settings)
        stack.callback(house.close)
        control.client("app", "app-secret", [f"{settings.public}/connect/callback"], "Acme's shop")
        app = web.build(house.kit, routes=routes(house.kit, house.http))
        yield Place(house, stack.enter_context(Web(app, port=port)), control)
