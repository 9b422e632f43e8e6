"""What many histories share: one sandbox, one template of a migrated database, somebody who opens to the
webhook's validator."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
from pydantic import SecretStr

from processor import bootstrap
from processor.config import Settings
from processor.store.tables import metadata
from sandbox import bulk
from sandbox.app import build
from sandbox.control import Control
from sandbox.server import Running
from sandbox.settings import Settings as SandboxSettings
from sandbox.world import World
from tests.ready import make_ready
from tests.simulator.wire import Straight

NOWHERE = "http://127.0.0.1:9"
"""Where the sandbox says it is when no socket leads there."""


class _Opens(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answer 200 to the validator."""
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Ground:
    """`api` is where the sandbox is, `under` the way there; `built` has the database, for all histories."""

    def __init__(
        self,
        api: str,
        under: httpx.BaseTransport,
        control: Control,
        public: str,
        url: str,
        world: World | None,
    ) -> None:
        self.api, self.under, self.control = api, under, control
        self._world = world
        self.settings = Settings(
            data_dir=Path("."),
            database_url=url,
            public_url=public,
            secret_key=SecretStr("a secret key that is long enough for a test"),
            mailchimp_login_url=api,
            # One call at a time: what happens is the same in every run.
            mailchimp_connections=2,
            push_wait_seconds=0,
            log_level="ERROR",
        )
        self.built = bootstrap.build(self.settings)

    def empty(self) -> None:
        """Forget everything of the last history, on both sides."""
        self.control.reset()
        with self.built.store.write() as c:
            if self.built.store.dialect == "sqlite":
                for table in reversed(metadata.sorted_tables):
                    c.execute(sa.delete(table))
                c.exec_driver_sql("DELETE FROM sqlite_sequence")
            else:
                names = ", ".join(table.name for table in metadata.sorted_tables)
                c.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY CASCADE")

    def breathe(self) -> None:
        """Let the sandbox carry out the batches that it was given."""
        if isinstance(self.under, Straight):
            self.under.breathe(0.002)
        else:
            self.control.settle(0.2)

    # Shorter ways to what the control API tells, where the sandbox is in this thread.

    def set_clock(self, at_seconds: float) -> None:
        """Let Mailchimp's clock show this time."""
        if self._world is None:
            self.control.clock(0.0, stands_at_seconds=at_seconds)
        else:
            self._world.clock.stands_at_seconds = at_seconds

    def members(self, audience: str) -> list[dict[str, Any]]:
        """All members, archived ones too."""
        if self._world is None:
            return list(self.control.members(audience).values())
        found = self._world.audience(audience)
        return [bulk.snapshot(found[1], member) for member in found[1].members] if found else []

    def take_post(self) -> list[tuple[str, bytes]]:
        """The webhooks that were sent since the last time, each with its audience."""
        if self._world is not None and not self._world.courier.log(1):
            return []
        found = [(delivery["list_id"], delivery["body"].encode()) for delivery in self.control.deliveries()]
        self.control.forget_deliveries()
        return found


@contextmanager
def ground(folder: Path, *, postgres: str = "", real_http: bool = False) -> Iterator[Ground]:
    """Run a sandbox and prepare a database. `real_http`: over a socket, the sandbox in its own thread."""
    url = postgres or f"sqlite:///{folder / 'simulated.sqlite3'}"
    make_ready(url)
    door = ThreadingHTTPServer(("127.0.0.1", 0), _Opens)
    threading.Thread(target=door.serve_forever, daemon=True).start()
    public = f"http://127.0.0.1:{door.server_address[1]}"
    with ExitStack() as stack:
        stack.callback(door.server_close)
        stack.callback(door.shutdown)
        if real_http:
            sandbox = stack.enter_context(Running(SandboxSettings(port=0)))
            under: httpx.BaseTransport = httpx.HTTPTransport()
            stack.callback(under.close)
            made = Ground(sandbox.url, under, sandbox.control, public, url, None)
        else:
            app = build(SandboxSettings(port=0))
            under = Straight(app)
            stack.callback(under.close)
            control = Control(NOWHERE, transport=under)
            made = Ground(NOWHERE, under, control, public, url, app.state.world)
        stack.callback(made.built.close)
        yield made
