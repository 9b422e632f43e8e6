"""`bothways preview`: shows what a sync would change, before it changes anything."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from processor import preview as previews
from processor.cli.common import Exit, epilog, fail, json_option, print_json, working_house
from processor.kit import Kit
from processor.preview import BalanceLine, PreviewReport
from processor.web.models.preview import preview_answer

ASKED_BY = "command line"
LOOK_SECONDS = 0.5


@click.command(
    epilog=epilog(
        "bothways preview con_…                     # what a sync would change\n"
        "bothways preview con_… --new               # make one now\n"
        "bothways preview con_… --csv preview.csv   # everybody, for a spreadsheet\n"
        "bothways preview con_… --json"
    )
)
@click.argument("connection_id")
@click.option("--new", "is_new", is_flag=True, help="Make one, also where there is a young one.")
@click.option("--csv", "csv_path", type=click.Path(path_type=Path), help="Write the whole list there.")
@json_option
def preview(connection_id: str, is_new: bool, csv_path: Path | None, as_json: bool) -> None:
    """Show what a sync of CONNECTION_ID would change on both sides. Nothing is changed.

    Makes one where there is none of the last 24 hours for the settings as they are. A worker does it, and
    must be running.
    """
    with working_house() as house:
        report = _young_or_new(house.kit, connection_id, is_new)
        if csv_path is not None and report.is_done:
            _write(house.kit, report.run.id, csv_path)
    if as_json:
        print_json(preview_answer(report).model_dump(mode="json"))
    if not report.is_done:
        fail(Exit.FAILED, *_why_not(report))
    if not as_json:
        _print(report)
    if csv_path is not None:
        click.echo(f"Everybody is in {csv_path}.", err=True)


def _young_or_new(kit: Kit, connection_id: str, is_new: bool) -> PreviewReport:
    """Return a preview that has ended: a young one, or a new one that is waited for."""
    report = previews.latest(kit, connection_id)
    if report is None or is_new or (report.is_ended and not report.is_young):
        previews.begin(kit, connection_id, ASKED_BY)
        report = previews.latest(kit, connection_id)
    assert report is not None
    shown = sys.stderr.isatty()
    while not report.is_ended:
        if shown:
            what = report.phase or "waiting for a worker"
            click.echo(f"\r\033[K{what}: {report.done:,} of {report.total:,}", nl=False, err=True)
        time.sleep(LOOK_SECONDS)
        report = previews.latest(kit, connection_id)
        assert report is not None
    if shown:
        click.echo("\r\033[K", nl=False, err=True)
    return report


def _why_not(report: PreviewReport) -> Sequence[str]:
    said = report.words
    if said is None:
        return ("The preview was not finished.", report.run.detail or "Ask for a new one.")
    return (said.title, said.happened, said.todo)


def _write(kit: Kit, run_id: str, path: Path) -> None:
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            file.writelines(previews.as_csv(kit, run_id))
    except OSError as error:
        fail(Exit.FAILED, f"The list could not be written to {path}: {error.strerror}.")


def _print(report: PreviewReport) -> None:
    made = report.run.finished_at
    click.echo(f"Preview of {made.isoformat(timespec='seconds') if made else '-'}. Nothing was changed.")
    click.echo(f"{_people(report.people)} on both sides; {report.unchanged:,} as they should be.")
    _section("In Mailchimp", report.to_mailchimp)
    _section("On the platform", report.to_platform)
    _section("Left alone", report.left_alone)
    if report.cannot_be_sent:
        click.echo("\nWhat Mailchimp would not take")
        for line in report.cannot_be_sent:
            click.echo(f"{line.count:>9,}  {line.title}: {line.happened}\n{'':9}  -> {line.todo}")
    click.echo(
        f"\nAdded to what your Mailchimp plan counts: {report.billed:,} "
        f"(subscribed there now: {report.counted_now:,})."
    )
    for found in report.findings:
        click.echo(f"\n{'First: ' if found.blocking else 'Note: '}{found.title}. {found.happened}")
        click.echo(f"-> {found.todo}")


def _section(title: str, lines: Sequence[BalanceLine]) -> None:
    click.echo(f"\n{title}")
    if not lines:
        click.echo(f"{'-':>9}")
    for line in lines:
        click.echo(f"{line.count:>9,}  {line.title}. {line.explained}")


def _people(count: int) -> str:
    return f"{count:,} person" if count == 1 else f"{count:,} people"
