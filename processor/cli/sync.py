"""`bothways sync`, `bothways connections pause` and `resume`: the first sync, and stopping for a while."""

from __future__ import annotations

import sys
import time

import click

from processor import install, report
from processor.cli.common import Exit, epilog, fail, json_option, print_json, working_house
from processor.domain.connection import ConnectionState
from processor.first_sync import Progress
from processor.kit import Kit
from processor.store.runs import RunState
from processor.web.models.sync import sync_answer

ASKED_BY = "command line"
LOOK_SECONDS = 0.5
GOING_ON = (ConnectionState.IMPORTING, ConnectionState.IN_SYNC)


@click.command(
    epilog=epilog(
        "bothways sync con_…                        # begin the first sync of what was previewed\n"
        "bothways sync con_… --skip-preview         # begin without a preview\n"
        "bothways sync con_… --watch                # begin, or join in, and watch to the end\n"
        "bothways sync con_… --status --json        # only say how far it is\n"
        "bothways sync con_… --cancel               # what was done stays"
    )
)
@click.argument("connection_id")
@click.option("--skip-preview", is_flag=True, help="Begin also without a preview of the last 24 hours.")
@click.option("--watch", is_flag=True, help="Stay until it ends, is paused, or needs somebody.")
@click.option("--status", is_flag=True, help="Begin nothing; say how far it is.")
@click.option("--cancel", "is_cancelled", is_flag=True, help="End it before its time.")
@json_option
def sync(
    connection_id: str, skip_preview: bool, watch: bool, status: bool, is_cancelled: bool, as_json: bool
) -> None:
    """Begin the first sync of CONNECTION_ID, and say how far it is. One that runs is not begun again.

    Workers do it, and must be running. Pause it with: bothways connections pause
    """
    if is_cancelled and (skip_preview or watch or status):
        raise click.UsageError("--cancel goes alone.")
    with working_house() as house:
        kit = house.kit
        if is_cancelled:
            install.cancel(kit, connection_id)
        elif not status:
            install.start(kit, connection_id, ASKED_BY, skip_preview)
        progress = _watched(kit, connection_id) if watch else install.progress(kit, connection_id)
    if as_json:
        print_json(sync_answer(progress).model_dump(mode="json"))
    else:
        click.echo(progress.line)
    if watch and progress.run_state is not RunState.DONE:
        fail(Exit.FAILED, f"It does not go on by itself. See: bothways connections show {connection_id}")


def _watched(kit: Kit, connection_id: str) -> Progress:
    shown = sys.stderr.isatty()
    while True:
        progress = install.progress(kit, connection_id)
        if progress.is_finished or progress.run_state is None or progress.state not in GOING_ON:
            break
        if shown:
            click.echo(f"\r\033[K{progress.line}", nl=False, err=True)
        time.sleep(LOOK_SECONDS)
    if shown:
        click.echo("\r\033[K", nl=False, err=True)
    return progress


@click.command("pause")
@click.argument("connection_id")
def pause(connection_id: str) -> None:
    """Stop a connection's work after the calls under way. What waits is kept. Safe to repeat."""
    with working_house() as house:
        install.pause(house.kit, connection_id)
        _say_how_it_stands(house.kit, connection_id)


@click.command("resume")
@click.argument("connection_id")
@click.option("--accept", is_flag=True, help="Also do what the brake has stopped.")
def resume(connection_id: str, accept: bool) -> None:
    """Let a paused connection go on where it stopped."""
    with working_house() as house:
        install.resume(house.kit, connection_id, accept=accept)
        _say_how_it_stands(house.kit, connection_id)


def _say_how_it_stands(kit: Kit, connection_id: str) -> None:
    found = report.connection(kit, connection_id, None)
    click.echo(f"{found.label}. {found.line}")
