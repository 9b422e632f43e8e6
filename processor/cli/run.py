"""Commands that run things: `up`, `sandbox`, `migrate`, `doctor`."""

from __future__ import annotations

import os
import sys

import click

from processor import log
from processor.cli.common import Exit, epilog, json_option, load_settings, print_json, told, working_house
from processor.config import Role
from processor.doctor import examine
from processor.store.migrate import migrate as migrate_store
from processor.web.main import serve_web


@click.command(
    epilog=epilog("bothways up\nPORT=9000 bothways up\nbothways up --role web      # what the Procfile runs")
)
@click.option(
    "--role",
    type=click.Choice([Role.EMBEDDED.value, Role.WEB.value]),
    default=Role.EMBEDDED.value,
    help="embedded: everything in this process. web: only the web process.",
)
def up(role: str) -> None:
    """Run Bothways: by default all of it in this one process, with its data in DATA_DIR."""
    with told():
        settings = load_settings(Role(role))
        if Role(role) is Role.WEB:
            log.set_up(settings.log_level, as_json=settings.log_format == "json")
            serve_web(settings)
            return
    # The workers are a door of their own; this process becomes them, and signals find the right one.
    os.execv(sys.executable, [sys.executable, "-m", "workers"])  # noqa: S606 - our own module


@click.command(
    epilog=epilog(
        "bothways sandbox\n"
        "bothways sandbox --port 8765 --state sandbox.json\n"
        "MAILCHIMP_LOGIN_URL=http://127.0.0.1:8765 bothways up"
    )
)
@click.option("--port", default=8765, show_default=True, help="Port on the loopback address.")
@click.option("--state", type=click.Path(), help="File that keeps its accounts and members.")
def sandbox(port: int, state: str | None) -> None:
    """Run a Mailchimp for trying things out: audiences, webhooks, faults; no account needed."""
    command = [sys.executable, "-m", "sandbox", "--port", str(port)]
    command += ["--state", state] if state else []
    os.execv(sys.executable, command)  # noqa: S606 - our own module; signals find the right process


@click.command(epilog=epilog("bothways migrate\nDATABASE_URL=postgresql://… bothways migrate"))
def migrate() -> None:
    """Bring the database's tables up to date. Safe to repeat, and to run from several places at once."""
    with working_house(needs_tables=False) as house:
        migrate_store(house.kit.settings.database)
    click.echo("The tables are up to date.")


@click.command(epilog=epilog("bothways doctor\nbothways doctor --json"))
@json_option
def doctor(as_json: bool) -> None:
    """Test each part (settings, database, Redis, workers, public URL, OAuth); a remedy for each fault."""
    with working_house(needs_tables=False) as house:
        findings = examine(house.kit, house.redis, house.http)
    if as_json:
        print_json([{"part": f.part, "ok": f.ok, "says": f.says, "remedy": f.remedy} for f in findings])
    else:
        for finding in findings:
            mark = "ok   " if finding.ok else "FAULT"
            click.echo(f"{mark} {finding.part:12} {finding.says}")
            if not finding.ok:
                click.echo(f"{'':6}{'':12} -> {finding.remedy}")
    if not all(finding.ok for finding in findings):
        sys.exit(Exit.FAILED)
