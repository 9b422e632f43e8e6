"""A whole installation as an operator has it: separate processes, started by the Procfile's commands."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select

from processor import bootstrap, connect, install, setup
from processor.bootstrap import House
from processor.config import Settings
from processor.domain.connection import ConnectionState
from processor.domain.contact import Contact
from processor.domain.event import EventStatus
from processor.kit import Kit, utc_now
from processor.setup import Choices
from processor.store import changes, connections, inbox, keys, liveness, members
from processor.store import contacts as stored
from processor.store.connections import ConnectionRow
from processor.store.inbox import EventFilter, EventRow
from processor.store.migrate import migrate
from processor.store.tables import leases
from processor.tick import CLOCK
from sandbox.control import Control
from tests.production.processes import Process, environment, free_port, group_of, procfile, until_listening
from tests.production.router import Router
from tests.whole.world import until

ACCOUNT = "acme"
QUICK_RETRIES = (0.2, 0.3, 0.5, *(1.0,) * 60)
"""Seconds between the sandbox's attempts to deliver; Mailchimp takes 75 minutes for its seven."""


@dataclass
class Installation:
    """Web and worker processes beside a sandbox, with one connected audience."""

    house: House
    control: Control
    router: Router
    folder: Path
    env: dict[str, str]
    webs: list[Process] = field(default_factory=list)
    workers: list[Process] = field(default_factory=list)
    connection_id: str = ""
    audience: str = ""
    mailchimp_account: str = ""
    key: str = ""

    @property
    def kit(self) -> Kit:
        """For looking into the database; nobody works with it."""
        return self.house.kit

    # -- processes

    def start_web(self) -> Process:
        """Start one web process more, behind the router."""
        port = free_port()
        name = f"web.{len(self.webs) + 1}"
        env = {**self.env, "PORT": str(port)}
        process = Process(name, procfile()["web"], env, self.folder / f"{name}.log")
        self.webs.append(process)
        until_listening(port, process)
        self.router.backends.append(port)
        return process

    def start_worker(self) -> Process:
        """Start one worker process more."""
        name = f"worker.{len(self.workers) + 1}"
        process = Process(name, procfile()["worker"], self.env, self.folder / f"{name}.log")
        self.workers.append(process)
        return process

    def start_another(self) -> Process:
        """Start one more process that is everything in one, on the same file, behind the router."""
        port = free_port()
        name = f"embedded.{len(self.workers) + 1}"
        env = {**self.env, "PORT": str(port)}
        process = Process(name, "python -m workers", env, self.folder / f"{name}.log")
        self.workers.append(process)
        until_listening(port, process)
        self.until_at_work(process)
        self.router.backends.append(port)
        return process

    def names_of(self, process: Process) -> list[str]:
        """Return the names under which this process's workers say that they live."""
        with self.house.store.read() as c:
            names = liveness.alive(c, self.kit.now())
        return [name for name in names if group_of(int(name.split(":")[1])) == process.group]

    def until_at_work(self, *processes: Process) -> None:
        """Wait until each of these worker processes ticks."""
        for process in processes:
            until(lambda process=process: self.names_of(process) or not process.is_running, 20)
            assert process.is_running, process.said()

    def clock(self) -> tuple[str, datetime] | None:
        """Return the worker whose clock looks for work, and until when it may."""
        with self.house.store.read() as c:
            row = c.execute(
                select(leases.c.holder, leases.c.until).where(leases.c.name == CLOCK)
            ).one_or_none()
        return None if row is None or row.until <= self.kit.now() else (row.holder, row.until)

    def stop(self) -> None:
        """End whatever still runs."""
        for process in [*self.workers, *self.webs]:
            process.kill()

    # -- what there is

    def connection(self) -> ConnectionRow:
        """Return the connection as it stands."""
        with self.house.store.read() as c:
            row = connections.get(c, self.connection_id)
        assert row is not None
        return row

    def contacts(self) -> dict[str, Contact]:
        """Return every contact of the platform, by address."""
        found: dict[str, Contact] = {}
        after: str | None = None
        with self.house.store.read() as c:
            while page := stored.page(c, ACCOUNT, after, 1000):
                found |= {str(contact.email): contact for contact in page}
                after = page[-1].id
        return found

    def counts(self) -> dict[EventStatus, int]:
        """Return how many events there are in each status."""
        with self.house.store.read() as c:
            return inbox.counts(c)

    def events(self) -> list[EventRow]:
        """Return every event, without bodies."""
        with self.house.store.read() as c:
            return inbox.find(c, EventFilter(), limit=100_000, newest_first=False)

    def feed(self) -> Sequence[changes.ChangeRow]:
        """Return the whole changes feed."""
        with self.house.store.read() as c:
            return changes.after(c, ACCOUNT, 0, 100_000)[0]

    def is_settled(self) -> bool:
        """Whether nothing is under way, in either direction."""
        with self.house.store.read() as c:
            counts = inbox.counts(c)
            waiting = members.oldest_due(c, utc_now() + timedelta(hours=1), self.connection_id)
        busy = (EventStatus.RECEIVED, EventStatus.PROCESSING, EventStatus.RETRYING)
        return not any(counts[status] for status in busy) and waiting is None

    # -- the platform's side

    def api(self, method: str, path: str, **more: Any) -> Any:
        """Call the REST API as the platform does; return its JSON. Fails on a refusal."""
        headers = {"Authorization": f"Bearer {self.key}"}
        answer = httpx.request(method, f"{self.router.url}/v1{path}", headers=headers, timeout=30, **more)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def put(self, contact_id: str, **named: Any) -> Any:
        """Write a contact as the platform does."""
        return self.api("PUT", f"/accounts/{ACCOUNT}/contacts/{contact_id}", json=named)

    def member(self, email: str) -> dict[str, Any] | None:
        """Return the audience's member with this address."""
        return self.control.member(self.audience, email)


@contextmanager
def installation(
    folder: Path,
    database_url: str,
    redis_url: str,
    *,
    webs: int = 2,
    workers: int = 2,
    connected: bool = True,
    **settings: object,
) -> Iterator[Installation]:
    """Run sandbox, web and worker processes, with an audience connected and in step unless told not to."""
    with _nobody_at_work(folder, database_url=database_url, redis_url=redis_url, **settings) as made:
        release = Process("release", procfile()["release"], made.env, folder / "release.log")
        assert release.wait(60) == 0, release.said()
        for _ in range(webs):
            made.start_web()
        made.until_at_work(*(made.start_worker() for _ in range(workers)))
        if connected:
            connect_account(made)
        yield made


@contextmanager
def embedded(folder: Path, *, connected: bool = True, **settings: object) -> Iterator[Installation]:
    """Run the sandbox, and everything else in one process on SQLite, with an audience connected unless told
    not to. The one process is the only one of `workers`."""
    with _nobody_at_work(folder, data_dir=folder / "data", **settings) as made:
        port = free_port()
        env = {**made.env, "PORT": str(port)}
        migrate(made.kit.settings.database)
        process = Process("embedded", "python -m workers", env, folder / "embedded.log")
        made.workers.append(process)
        until_listening(port, process)
        made.router.backends.append(port)
        made.until_at_work(process)
        if connected:
            connect_account(made)
        yield made


@contextmanager
def _nobody_at_work(folder: Path, **settings: object) -> Iterator[Installation]:
    with ExitStack() as stack:
        sandbox_url = stack.enter_context(sandbox(folder))
        control = stack.enter_context(Control(sandbox_url))
        router = stack.enter_context(Router())
        env = environment(
            PUBLIC_URL=router.url,
            SECRET_KEY="a secret key that is long enough for a test",
            MAILCHIMP_CLIENT_ID="app",
            MAILCHIMP_CLIENT_SECRET="app-secret",
            MAILCHIMP_LOGIN_URL=sandbox_url,
            WORKER_THREADS=4,
            **{name.upper(): value for name, value in settings.items()},
        )
        house = bootstrap.build(_settings(env))
        stack.callback(house.close)
        made = Installation(house, control, router, folder, env)
        stack.callback(made.stop)
        yield made


def _settings(env: dict[str, str]) -> Settings:
    names = {name.lower() for name in Settings.model_fields}
    return Settings(**{name.lower(): value for name, value in env.items() if name.lower() in names})  # type: ignore[arg-type]


@contextmanager
def sandbox(folder: Path) -> Iterator[str]:
    """Run the sandbox as a process; yield its URL."""
    port = free_port()
    command = f"{sys.executable} -m sandbox --port {port}"
    process = Process("sandbox", command, environment(), folder / "sandbox.log")
    try:
        until_listening(port, process)
        url = f"http://127.0.0.1:{port}"
        with Control(url) as control:
            control.webhooks(retry_intervals_seconds=list(QUICK_RETRIES))
        yield url
    finally:
        process.kill()


def connect_account(made: Installation) -> None:
    """Connect a Mailchimp account and choose its audience; wait until both sides are in step."""
    account = made.control.account("Acme")
    listed = made.control.audience(account.id, "News", merge_fields=[{"tag": "CITY", "type": "text"}])
    made.audience, made.mailchimp_account = listed.id, account.id
    made.connection_id = connect_audience(made, ACCOUNT, account.id, listed.id)
    with made.house.store.write() as c:
        _, made.key = keys.create(c, "test", ACCOUNT, utc_now())
    until(lambda: made.connection().state == ConnectionState.IN_SYNC, 20)
    until(made.is_settled, 20)
    made.control.forget_requests()
    made.control.forget_deliveries()


def connect_audience(
    made: Installation, account_id: str, mailchimp_account: str, audience: str, **choices: Any
) -> str:
    """Go through the OAuth pages as the customer does, and begin the first sync; return the connection."""
    link = connect.make_link(made.kit, account_id)
    with httpx.Client(follow_redirects=False, timeout=30) as browser:
        address, _, token = link.partition("?link=")
        allow = browser.post(address, data={"link": token}).headers["location"]
        back = browser.post(allow, data={"account": mailchimp_account, "answer": "allow"}).headers["location"]
        assert browser.get(back).status_code == 303
    with made.house.store.read() as c:
        connection_id = connections.for_account(c, account_id)[0].id
    setup.save(made.kit, connection_id, Choices(audience, **choices), "the test")
    install.start(made.kit, connection_id, "the test", skip_preview=True)
    return connection_id
