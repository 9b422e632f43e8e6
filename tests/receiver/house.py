"""A web process for tests: a real database, a real server, hooks to call, and a bell that remembers."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from processor.broker import Bell
from processor.config import Role, Settings, load
from processor.kit import Kit
from processor.mailchimp.client import Mailchimp
from processor.seals import hook_secret_bind, hook_token_bind
from processor.store import hooks, open_store
from processor.store.connections import ConnectionRow
from processor.store.engine import Store
from processor.store.sealing import Sealer
from tests.ready import make_ready

FORM = "application/x-www-form-urlencoded"
KEY = "a-key-for-tests-that-is-long-enough-0123456789"


class Rung:
    """A bell that remembers who was rung for."""

    def __init__(self) -> None:
        self.rings: list[tuple[str, frozenset[str]]] = []
        self._changed = threading.Condition()

    def ring(self, actor: str, connection_ids: Iterable[str]) -> None:
        with self._changed:
            self.rings.append((actor, frozenset(connection_ids)))
            self._changed.notify_all()

    def answered(self, actor: str, connection_id: str) -> None:
        """Nobody answers here."""

    def wait_for(self, actor: str, connection_id: str) -> bool:
        """Whether it is rung for this connection within five seconds."""
        with self._changed:
            return self._changed.wait_for(
                lambda: any(actor == who and connection_id in ids for who, ids in self.rings), 5
            )


class FrozenBell(Rung):
    """A bell whose Redis hangs: each ring waits until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()

    def ring(self, actor: str, connection_ids: Iterable[str]) -> None:
        super().ring(actor, connection_ids)
        self.go_on.wait(30)


@dataclass(slots=True)
class Clock:
    """A clock that stands until it is set."""

    moment: datetime = field(default_factory=lambda: datetime(2026, 9, 1, 12, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.moment


def make_settings(data_dir: Path, database_url: str = "", **changes: object) -> Settings:
    """Settings that take nothing from the environment that a test depends on."""
    values: dict[str, object] = {
        "secret_key": KEY,
        "data_dir": data_dir,
        "database_url": database_url,
        "redis_url": "",
        **changes,
    }
    return load(Role.TOOL, **values)


def _no_mailchimp(row: ConnectionRow) -> Mailchimp:
    raise AssertionError(f"the receiver called Mailchimp for {row.id}")


def make_kit(
    settings: Settings,
    *,
    bell: Bell | None = None,
    now: Callable[[], datetime] | None = None,
    store: Store | None = None,
) -> Kit:
    """A kit with a migrated database at the settings' address."""
    make_ready(settings.database)
    return Kit(
        settings=settings,
        store=store or open_store(settings.database),
        sealer=Sealer(settings.secret_keys),
        bell=bell or Rung(),
        mailchimp=_no_mailchimp,
        now=now or (lambda: datetime.now(UTC)),
    )


def add_hook(kit: Kit, connection_id: str = "con_one", *, secret: str | None = None) -> str:
    """Make a live hook and return its token."""
    token = secrets.token_urlsafe(32)
    with kit.store.write() as c:
        sealed = kit.sealer.seal(token, hook_token_bind(connection_id))
        token_hash = hooks.add(c, token, connection_id, sealed, kit.now())
        bound = hook_secret_bind(connection_id)
        hooks.activate(c, token_hash, "wh_1", kit.sealer.seal(secret, bound) if secret is not None else None)
    return token


def body_of(number: int) -> bytes:
    """A delivery's body, different for each number, of the size that Mailchimp's have."""
    merges = "&".join(f"data%5Bmerges%5D%5BFIELD{n}%5D=value+{n}" for n in range(8))
    return (
        f"type=profile&fired_at=2026-09-01+12%3A00%3A00&data%5Bid%5D={number:010x}"
        f"&data%5Bemail%5D=jo{number}%40maple-street.test&data%5Blist_id%5D=a6b5da1054&{merges}"
    ).encode()


def kept(store: Store) -> dict[bytes, int]:
    """The bodies that are in the inbox, with how often each came again."""
    with store.read() as c:
        rows = c.execute(text("SELECT body, redeliveries FROM events")).all()
    assert len(rows) == len({bytes(row.body) for row in rows}), "a delivery was kept twice"
    return {bytes(row.body): row.redeliveries for row in rows}
