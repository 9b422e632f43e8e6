"""`bothways connections contacts`, `retry`, `leave-out` and `take-back`: who is failing or left out, why, and
what a person does about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from processor import leave_out as choosing
from processor import report, retry_members
from processor.cli.common import json_option, print_json, working_house
from processor.domain.connection import LIVE
from processor.domain.plan import MemberState
from processor.report import MemberReport

BY = "command line"
NEEDING_A_LOOK = (MemberState.FAILING, MemberState.EXCLUDED)
COLUMNS = ("contact", "address", "state", "what_happened")


@click.command("contacts")
@click.argument("connection_id")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value for state in MemberState]),
    help="May be given again; failing and excluded unless given.",
)
@click.option("--reason", help="Only those with this reason, e.g. email_fake or no_consent.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1000))
@click.option("--after", help="Go on where the list before this one ended.")
@json_option
def contacts(
    connection_id: str,
    states: tuple[str, ...],
    reason: str | None,
    limit: int,
    after: str | None,
    as_json: bool,
) -> None:
    """List contacts that are failing or left out: what happened, and what to do."""
    wanted = [MemberState(state) for state in states] or NEEDING_A_LOOK
    with working_house() as house:
        page = report.members(
            house.kit, connection_id, None, states=wanted, reason=reason, limit=limit, after=after
        )
    if as_json:
        print_json([_plain(found) for found in page.members])
    elif not page.members:
        click.echo("No contact needs a look." if not (states or reason or after) else "No contact matches.")
    else:
        _print([_plain(found) for found in page.members])
    if page.cursor:
        click.echo(f"There are more. Go on with: --after {page.cursor}", err=True)


@click.command("retry")
@click.argument("connection_id")
@click.argument("contact_ids", metavar="[CONTACT]...", nargs=-1)
def retry(connection_id: str, contact_ids: tuple[str, ...]) -> None:
    """Try failing contacts again, these or all: for when the cause was put right in Mailchimp.

    A contact that was corrected on the platform is tried again by itself. Safe to repeat.
    """
    with working_house() as house:
        count = retry_members.retry(house.kit, connection_id, None, contact_ids=contact_ids or None)
        is_live = report.row_of(house.kit, connection_id, None).state in LIVE
    if not count:
        click.echo("None of these contacts is failing." if contact_ids else "No contact is failing.")
        return
    when = "now" if is_live else "as soon as the connection works again"
    click.echo(f"{_contacts(count)} tried again {when}. See: bothways connections contacts {connection_id}")


@click.command("leave-out")
@click.argument("connection_id")
@click.argument("contact_ids", metavar="CONTACT...", nargs=-1, required=True)
def leave_out(connection_id: str, contact_ids: tuple[str, ...]) -> None:
    """Leave contacts out by choice: nothing more is sent for them, except that they unsubscribed.

    Safe to repeat.
    """
    with working_house() as house:
        count = choosing.leave_out(house.kit, connection_id, None, contact_ids, BY)
    click.echo(f"{_contacts(count)} left out." if count else "Nobody here who is not left out already.")


@click.command("take-back")
@click.argument("connection_id")
@click.argument("contact_ids", metavar="CONTACT...", nargs=-1, required=True)
def take_back(connection_id: str, contact_ids: tuple[str, ...]) -> None:
    """Keep contacts in step again that were left out by choice. Safe to repeat."""
    with working_house() as house:
        count = choosing.take_back(house.kit, connection_id, None, contact_ids)
    click.echo(f"{_contacts(count)} taken back in." if count else "None of these contacts is left out.")


def _contacts(count: int) -> str:
    return "1 contact is" if count == 1 else f"{count:,} contacts are"


def _plain(found: MemberReport) -> dict[str, Any]:
    return {
        "contact": found.contact_id,
        "address": found.email,
        "state": found.state.value,
        "reason": found.reason,
        "title": found.words.title,
        "what_happened": found.words.happened,
        "what_to_do": found.words.todo,
        "field": found.field,
        "mailchimp_says": found.mailchimp_says,
        "mailchimp_instance": found.instance,
        "attempts": found.attempts,
        "next_try": found.next_try_at,
        "left_out_by": found.left_out.by if found.left_out else None,
        "left_out_at": found.left_out.at if found.left_out else None,
    }


def _print(rows: Sequence[dict[str, Any]]) -> None:
    """Print a line for each contact and its sentences below: in a column they would be cut."""
    lines = [[_one_line(row[name] or "-") for name in ("contact", "address", "state")] for row in rows]
    heads = [name.upper() for name in COLUMNS]
    widths = [max(len(head), *(len(line[i]) for line in lines)) for i, head in enumerate(heads[:3])]
    _echo([*heads], widths)
    for row, line in zip(rows, lines, strict=True):
        _echo([*line, row["title"]], widths)
        click.echo(f"    {_one_line(row['what_happened'])}")
        if row["mailchimp_says"]:
            number = f" (number {row['mailchimp_instance']})" if row["mailchimp_instance"] else ""
            click.echo(f"    Mailchimp says: {_one_line(row['mailchimp_says'])}{number}")
        if row["left_out_by"]:
            when = row["left_out_at"].isoformat(timespec="seconds")
            click.echo(f"    Chosen by {_one_line(row['left_out_by'])} at {when}")
        if row["next_try"] is not None:
            click.echo(f"    Next try: {row['next_try'].isoformat(timespec='seconds')}")
        click.echo(f"    -> {_one_line(row['what_to_do'])}")


def _echo(cells: Sequence[str], widths: Sequence[int]) -> None:
    padded = [cell.ljust(width) for cell, width in zip(cells, [*widths, 0], strict=True)]
    click.echo("  ".join(padded).rstrip())


def _one_line(text: object) -> str:
    return " ".join(str(text).split())
