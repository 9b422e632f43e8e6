"""A platform that is told: its server, a house beside it, and the check of a signature that the docs have."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from processor import bootstrap, endpoints
from processor.bootstrap import House
from processor.contacts import put
from processor.deliver import deliver
from processor.domain.edit import ContactPatch
from processor.kit import Kit
from processor.store import notices_claim
from processor.store.endpoints import EndpointRow
from tests.outside.server import plain, serving
from tests.ready import make_ready
from tests.web.house import ACME, Clock, make_settings

DOCS = Path(__file__).parents[2] / "docs" / "webhooks-out.md"


@dataclass(frozen=True, slots=True)
class Got:
    """One request as it arrived, the names of its headers in lower case."""

    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Platform:
    """A server that keeps what arrives and answers with the next of `answers`, else 204."""

    url: str = ""
    got: list[Got] = field(default_factory=list)
    answers: list[int | dict[str, Any] | Callable[[], int]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        with self.lock:
            self.got.append(Got({k.lower(): v for k, v in handler.headers.items()}, body))
            said = self.answers.pop(0) if self.answers else 204
        if callable(said):
            said = said()
        if isinstance(said, dict):
            plain(handler, said.pop("status"), **said)
        else:
            plain(handler, said)

    @property
    def ids(self) -> list[str]:
        return [one.id for one in self.got]


@contextmanager
def platform() -> Iterator[Platform]:
    """Run one."""
    made = Platform()
    with serving(made.answer) as port:
        made.url = f"http://127.0.0.1:{port}/in"
        yield made


@dataclass
class Stage:
    """A house without workers: a test says when they work, and what time it is."""

    house: House
    clock: Clock

    @property
    def kit(self) -> Kit:
        return self.house.kit

    def endpoint(self, url: str, account: str | None = ACME, **named: Any) -> tuple[EndpointRow, str]:
        """Make an endpoint."""
        return endpoints.create(self.kit, account, url, **named)

    def change_a_contact(self, contact_id: str = "jo", account: str = ACME) -> None:
        """Write something that was not there before."""
        self.clock.pass_seconds(0.001)
        put(self.kit, account, contact_id, ContactPatch(fields={"city": self.clock().isoformat()}))

    def work(self) -> int:
        """Do what is due now; return how many notices arrived."""
        with self.kit.store.read() as c:
            due = notices_claim.due_endpoints(c, self.clock(), 100)
        return sum(deliver(self.kit, one) for one in due)

    def later(self, seconds: float) -> int:
        """Let time pass, then work."""
        self.clock.pass_seconds(seconds)
        return self.work()

    def notices(self, endpoint: EndpointRow) -> list[endpoints.NoticeReport]:
        """Return what was sent or waits, newest first."""
        return endpoints.sent(self.kit, endpoint.id, None)[0]

    def now(self, endpoint: EndpointRow) -> EndpointRow:
        """Return how the endpoint stands."""
        return endpoints.get(self.kit, endpoint.id, None)


@contextmanager
def stage(data_dir: Path, clock: Clock, **settings: Any) -> Iterator[Stage]:
    """Give a house on an empty database."""
    made = make_settings(data_dir, **{"allow_private_targets": True, **settings})
    make_ready(made.database)
    house = bootstrap.build(made, now=clock)
    try:
        yield Stage(house, clock)
    finally:
        house.close()


def documented_verify() -> Callable[..., str]:
    """Return the function that the docs give to the platform's developers: written by the specification,
    it shares nothing with what signs."""
    (source,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(source, names)
    return names["verify"]
