"""`bothways conflicts`: what both sides had changed, and using the other value."""

from __future__ import annotations

import click

from processor import report
from processor.cli.asked_for import Shows
from processor.cli.common import epilog, json_option, print_json, working_house
from processor.contacts import settling
from processor.domain.dispute import DisputeState
from processor.report import ConflictReport
from processor.web.models.history import conflict_answer

CLI = "cli"
WORDS = {
    DisputeState.OPEN: "the other value can be used",
    DisputeState.USED: "the other value is used",
    DisputeState.SUPERSEDED: "superseded: the field has changed since",
}


@click.group(
    cls=Shows,
    epilog=epilog(
        "bothways conflicts con_…                      # fields that both sides had changed\n"
        "bothways conflicts use-other con_… cfl_12     # the value that was not kept, after all"
    ),
)
def conflicts() -> None:
    """See what both sides had changed, and decide it the other way."""


@conflicts.command("show")
@click.argument("connection_id")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 500))
@click.option("--after", help="Go on where the list before this one ended.")
@json_option
def show(connection_id: str, limit: int, after: str | None, as_json: bool) -> None:
    """List a connection's conflicts, newest first."""
    with working_house() as house:
        page = report.conflicts(house.kit, connection_id, None, limit=limit, after=after)
    if as_json:
        print_json([conflict_answer(one).model_dump(mode="json") for one in page.conflicts])
    elif not page.conflicts:
        click.echo("There is no conflict.")
    for one in () if as_json else page.conflicts:
        _print(one)
    if page.cursor:
        click.echo(f"There are more. Go on with: --after {page.cursor}", err=True)


@conflicts.command("use-other")
@click.argument("connection_id")
@click.argument("conflict_id")
@json_option
def use_other(connection_id: str, conflict_id: str, as_json: bool) -> None:
    """Use the value that was not kept. Safe to repeat."""
    with working_house() as house:
        settling.use_other(house.kit, connection_id, conflict_id, None, CLI)
        found = report.conflict(house.kit, connection_id, conflict_id, None)
    assert found is not None
    if as_json:
        print_json(conflict_answer(found).model_dump(mode="json"))
    else:
        _print(found)


def _print(one: ConflictReport) -> None:
    at = one.row.at.isoformat(timespec="seconds")
    click.echo(f"{one.row.name}  {at}  contact {one.row.contact_id}: {WORDS[one.state]}")
    click.echo(f"    {one.words.happened}")
