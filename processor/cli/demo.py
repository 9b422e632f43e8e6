"""`bothways demo`: everything at once, on this machine, with nothing set up."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
import httpx

from processor import bootstrap, config
from processor.cli.common import Exit, epilog, fail, told
from processor.demo import life, pictures, stage
from processor.demo.stage import Stage
from processor.store import keys
from processor.store.migrate import migrate

WHERE = """
The customer's portal is at   {portal}   <- works once, for 15 minutes
The sandbox's Mailchimp is at   {sandbox}   <- play the marketer there; its switch "Break Mailchimp" too
The REST API's key is in   {key_file}
The log is in   {log}

To look inside from a second terminal:
  export PATH="$PWD/.venv/bin:$PATH" {env}
  bothways connections
  bothways connections portal-link {account}   # the portal once more
  bothways events
  bothways replay --status dead --status retrying
Stop with Ctrl+C; the data stays, and the next `bothways demo` goes on with it.
"""


EXAMPLES = """
bothways demo
bothways demo --port 9000 --sandbox-port 9001
bothways demo --rounds 4
bothways demo --by-hand
"""

BY_HAND = """
Open the portal (the first address above), press "Connect Mailchimp", allow access, choose the audience,
look at the preview and start the first sync. The demo goes on when you have.
"""


@click.command(epilog=epilog(EXAMPLES))
@click.option("--port", default=8000, show_default=True, help="Port of Bothways.")
@click.option("--sandbox-port", default=8765, show_default=True, help="Port of the sandbox.")
@click.option(
    "--data-dir", type=click.Path(path_type=Path), default=Path("data/demo"), show_default=True,
    help="Where both keep their data; it survives a restart.",
)  # fmt: skip
@click.option("--rounds", type=int, help="End after so many changes instead of going on until Ctrl+C.")
@click.option("--by-hand", is_flag=True, help="Let me connect, preview and start in the portal myself.")
def demo(port: int, sandbox_port: int, data_dir: Path, rounds: int | None, by_hand: bool) -> None:
    """Show contacts travelling both ways, beside a sandbox that plays Mailchimp.

    An account is connected by the real OAuth calls, or by you; the platform has 200 contacts and the
    audience 150 members, 60 of them the same people.
    """
    data_dir = data_dir.resolve()
    os.environ.update(stage.environment(data_dir, port, sandbox_port))
    for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY"):
        os.environ.pop(name, None)
    try:
        with told(), stage.processes(data_dir, port, sandbox_port), _client(data_dir, port) as api:
            _run(api, data_dir, port, sandbox_port, rounds, by_hand=by_hand)
    except stage.DemoError as error:
        fail(Exit.FAILED, str(error), f"The log is in {data_dir / 'bothways.log'}.")
    except KeyboardInterrupt:
        click.echo("\nThe demo has ended; its data is kept.")


def _client(data_dir: Path, port: int) -> httpx.Client:
    headers = {"Authorization": f"Bearer {_key(data_dir)}"}
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers)


def _key(data_dir: Path) -> str:
    """Return the demo's API key, made at the first start."""
    path = data_dir / "api.key"
    if not path.exists():
        settings = config.load(config.Role.EMBEDDED)
        migrate(settings.database)
        house = bootstrap.build(settings)
        with house.store.write() as c:
            _, plain = keys.create(c, "demo", None, house.kit.now())
        house.close()
        path.touch(mode=0o600)
        path.write_text(plain)
    return path.read_text()


def _run(
    api: httpx.Client, data_dir: Path, port: int, sandbox_port: int, rounds: int | None, *, by_hand: bool
) -> None:
    sandbox = f"http://127.0.0.1:{sandbox_port}"
    with httpx.Client(base_url=sandbox) as control:
        on = Stage(f"http://127.0.0.1:{port}", sandbox, api, control, data_dir / "bothways.log")
        audience = stage.fill(on)
        env = f"DATA_DIR={os.path.relpath(data_dir)} PORT={port} MAILCHIMP_LOGIN_URL={sandbox}"
        places = {"key_file": data_dir / "api.key", "log": on.log, "env": env}
        portal = stage.portal_link(on)
        click.echo(WHERE.format(portal=portal, sandbox=sandbox, account=stage.ACCOUNT, **places))
        if by_hand:
            _tell(BY_HAND)
            connection_id = stage.install_by_hand(on)
        else:
            connection_id = stage.install(on, audience, _tell)
        list_id = str(on.get(f"/v1/connections/{connection_id}")["audience_id"])
        life.follow_first_sync(on, connection_id, list_id, _tell)
        pictures.show(on, connection_id, _tell)
        life.live(on, list_id, _tell, rounds=rounds)


def _tell(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()
