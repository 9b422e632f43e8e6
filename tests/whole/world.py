"""The whole product beside the sandbox, in this process, over real HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from processor import bootstrap, connect, contacts, feed, install, setup
from processor.bootstrap import House
from processor.config import Settings
from processor.domain.connection import ConnectionState
from processor.domain.contact import Consent, ConsentStatus, Contact
from processor.domain.edit import ContactPatch
from processor.domain.event import EventStatus
from processor.kit import Kit, utc_now
from processor.seals import token_bind
from processor.store import accounts, connections, inbox
from processor.store.inbox import EventFilter, EventRow
from processor.web import app as web
from processor.web.server import Running as Web
from sandbox.control import Control
from sandbox.server import Running as Sandbox
from sandbox.settings import Settings as SandboxSettings
from tests.ready import make_ready
from workers.threads import working

ACCOUNT = "acme"
SECRET = "a secret key that is long enough for a test"
QUICK = {
    "tick_seconds": 0.2,
    "push_wait_seconds": 0.0,
    "retry_base_seconds": 0.05,
    "event_attempts": 4,
    "log_level": "WARNING",
    "worker_threads": 4,
}
SUBSCRIBED = {"status": "subscribed", "at": "2026-01-15T09:00:00+00:00", "source": "checkout"}


def until(there: Callable[[], Any], seconds: float = 15.0) -> Any:
    """Return what `there` returns as soon as it is true; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        found = there()
        if found:
            return found
        assert time.monotonic() < deadline, "it has not happened in time"
        time.sleep(0.05)


@dataclass
class World:
    """One installation with one connected audience."""

    house: House
    control: Control
    web: Web
    connection_id: str
    audience: str
    mailchimp_account: str

    @property
    def kit(self) -> Kit:
        return self.house.kit

    def put(self, contact_id: str, *, consent: dict[str, str] | None = None, **named: Any) -> Contact:
        """Write a contact as the platform does."""
        if consent is not None:
            at = consent.get("at")
            from datetime import datetime

            named["consent"] = Consent(
                ConsentStatus(consent["status"]),
                datetime.fromisoformat(at) if at else None,
                consent.get("source"),
            )
        if "tags" in named:
            named["tags"] = frozenset(named["tags"])
        return contacts.put(self.kit, ACCOUNT, contact_id, ContactPatch(**named)).contact

    def choose(self, **choices: Any) -> None:
        """Choose the audience, and begin nothing."""
        setup.save(self.kit, self.connection_id, setup.Choices(self.audience, **choices), "a test")

    def state(self) -> str:
        """Return the connection's stored state."""
        return _state(self.house, self.connection_id)

    def is_at_work(self) -> bool:
        """Whether any worker holds a turn of the connection."""
        from sqlalchemy import select

        from processor.store.tables import leases

        with self.house.store.read() as c:
            return bool(
                c.scalars(select(leases.c.name).where(leases.c.name.contains(self.connection_id))).all()
            )

    def reconnect(self) -> None:
        """Sign in to Mailchimp once more, as the customer does."""
        begun = connect.begin_for(self.kit, ACCOUNT, self.connection_id)
        said = {"account": self.mailchimp_account, "answer": "allow"}
        back = httpx.post(begun.authorize_url, data=said).headers["location"]
        asked = dict(parse_qsl(urlsplit(back).query))
        connect.complete(
            self.kit, self.house.http, state=asked["state"], browser=begun.browser, code=asked["code"]
        )

    def contacts(self) -> list[Contact]:
        """Return the platform's contacts."""
        from processor.store import contacts as stored

        with self.house.store.read() as c:
            return stored.page(c, ACCOUNT, None, 100_000)

    def contact(self, email: str) -> Contact | None:
        """Return the platform's contact with this address."""
        from processor.store import contacts as stored

        with self.house.store.read() as c:
            found = stored.find_by_email_keys(c, ACCOUNT, [email.lower()])
        return found[email.lower()][0] if found else None

    def member(self, email: str) -> dict[str, Any] | None:
        """Return the audience's member with this address."""
        return self.control.member(self.audience, email)

    def events(self, *statuses: EventStatus) -> list[EventRow]:
        """Return the events in these states (all, without any), oldest first."""
        wanted = EventFilter(statuses=frozenset(statuses) or None)
        with self.house.store.read() as c:
            return inbox.find(c, wanted, limit=1000)

    def settled(self) -> bool:
        """Whether nothing is under way, in either direction."""
        from processor.store import members

        now = utc_now()
        with self.house.store.read() as c:
            counts = inbox.counts(c)
            busy = [s for s in ("received", "processing", "retrying") if counts.get(EventStatus(s))]
            return not busy and members.oldest_due(c, now) is None

    def changes(self) -> list[Any]:
        """Return the whole changes feed."""
        return list(feed.read(self.kit, ACCOUNT, after=None, limit=1000).changes)


@contextmanager
def world(
    data_dir: Path,
    *,
    database_url: str = "",
    redis_url: str = "",
    members: Any = (),
    audience_id: str | None = None,
    **settings: Any,
) -> Iterator[World]:
    """Run sandbox, receiver and workers, with an audience connected and in step."""
    with prepared(
        data_dir,
        database_url=database_url,
        redis_url=redis_url,
        members=members,
        audience_id=audience_id,
        **settings,
    ) as made:
        begin(made.house, made.connection_id, made.audience)
        until(lambda: made.state() == ConnectionState.IN_SYNC, 60)
        until(made.settled)
        made.control.forget_requests()
        yield made


@contextmanager
def prepared(
    data_dir: Path,
    *,
    database_url: str = "",
    redis_url: str = "",
    members: Any = (),
    audience_id: str | None = None,
    **settings: Any,
) -> Iterator[World]:
    """Run sandbox, receiver and workers, with an account connected and an audience to choose."""
    with ExitStack() as stack:
        sandbox = stack.enter_context(Sandbox(SandboxSettings(port=0, retry_intervals_seconds=(0.2,) * 6)))
        control = stack.enter_context(Control(sandbox.url))
        house, server = stack.enter_context(
            installation(data_dir, sandbox.url, database_url=database_url, redis_url=redis_url, **settings)
        )
        account = control.account("Acme")
        fields = [{"tag": "CITY", "type": "text"}]
        named = {"id": audience_id} if audience_id else {}
        listed = control.audience(account.id, "News", merge_fields=fields, **named)
        control.put_members(listed.id, members)
        connection_id = grant(house, control, account.id, sandbox.url)
        yield World(house, control, server, connection_id, listed.id, account.id)


@contextmanager
def installation(data_dir: Path, sandbox_url: str, **settings: Any) -> Iterator[tuple[House, Web]]:
    """Run the product, everything in this process."""
    with ExitStack() as stack:
        port = _free_port()
        made = Settings(
            data_dir=data_dir,
            port=port,
            public_url=f"http://127.0.0.1:{port}",
            secret_key=SECRET,
            mailchimp_client_id="app",
            mailchimp_client_secret="app-secret",
            mailchimp_login_url=sandbox_url,
            **{**QUICK, **settings},
        )
        make_ready(made.database)
        house = bootstrap.build(made)
        stack.callback(house.close)
        stack.enter_context(working(house))
        yield house, stack.enter_context(Web(web.build(house.kit), port=port))


def begin(house: House, connection_id: str, audience_id: str, **choices: Any) -> None:
    """Choose an audience, and begin the first sync without a preview."""
    setup.save(house.kit, connection_id, setup.Choices(audience_id, **choices), "a test")
    install.start(house.kit, connection_id, "a test", skip_preview=True)


def _free_port() -> int:
    import socket

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def _state(house: House, connection_id: str) -> str:
    with house.store.read() as c:
        row = connections.get(c, connection_id)
    assert row is not None
    return row.state


def grant(house: House, control: Control, account_id: str, api_base: str) -> str:
    """Return a connection with a token of the sandbox's account, as the OAuth pages leave it."""
    from processor.store.ids import CONNECTION, new_id

    connection_id = new_id(CONNECTION)
    token = control.token(account_id)
    said = httpx.get(f"{control.url}/oauth2/metadata", headers={"Authorization": f"OAuth {token}"}).json()
    with house.store.write() as c:
        accounts.ensure(c, ACCOUNT, utc_now())
        connections.create(
            c,
            connection_id,
            ACCOUNT,
            utc_now(),
            mailchimp_account=str(said["user_id"]),
            account_name="Acme",
            login_name="jo",
            role="admin",
            dc="us1",
            api_base=api_base,
            token_sealed=house.kit.sealer.seal(token, token_bind(connection_id)),
        )
    return connection_id
