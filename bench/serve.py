"""The servers that `bench.receive` measures: the receiver, or an app that only reads the body.

Prints one JSON line with its port and the path to post to, and serves until SIGTERM.
"""

from __future__ import annotations

import argparse
import json
import secrets
import socket
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from processor import log
from processor.config import Role, load
from processor.kit import Kit
from processor.mailchimp.client import Mailchimp
from processor.store import hooks, open_store
from processor.store.connections import ConnectionRow
from processor.store.migrate import migrate
from processor.store.sealing import Sealer
from processor.web.app import build
from processor.web.server import serve


class SilentBell:
    """Nobody works here: only the receiving is measured."""

    def ring(self, actor: str, connection_ids: Iterable[str]) -> None:
        """Do nothing."""

    def answered(self, actor: str, connection_id: str) -> None:
        """Do nothing."""


def ceiling() -> tuple[ASGIApp, str]:
    """Return the app that only reads the body, and the path to post to."""

    async def read(request: Request) -> PlainTextResponse:
        await request.body()
        return PlainTextResponse("ok\n")

    return Starlette(routes=[Route("/read/{token}", read, methods=["POST"])]), "/read/x"


def receiver(database_url: str, data_dir: Path) -> tuple[ASGIApp, str]:
    """Return the web application on a migrated database, and the path of a live hook in it."""
    settings = load(Role.EMBEDDED, database_url=database_url, data_dir=data_dir, redis_url="")
    migrate(database_url)
    kit = Kit(
        settings=settings,
        store=open_store(database_url),
        sealer=Sealer(settings.secret_keys),
        bell=SilentBell(),
        mailchimp=_no_mailchimp,
    )
    token = secrets.token_urlsafe(32)
    with kit.store.write() as c:
        made = hooks.add(c, token, "con_bench", kit.sealer.seal(token, "bench"), datetime.now(UTC))
        hooks.activate(c, made, "wh_1", None)
    return build(kit), f"/webhooks/mailchimp/{token}"


def _no_mailchimp(row: ConnectionRow) -> Mailchimp:
    raise AssertionError(f"nobody calls Mailchimp here, not for {row.id} either")


def main() -> None:
    """Serve as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database-url", default="", help="empty: the app that only reads the body")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--log-level", default="WARNING")
    args = parser.parse_args()
    log.set_up(args.log_level)
    app, path = receiver(args.database_url, args.data_dir) if args.database_url else ceiling()
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    print(json.dumps({"port": listener.getsockname()[1], "path": path}), flush=True)
    serve(app, sockets=[listener])


if __name__ == "__main__":
    main()
