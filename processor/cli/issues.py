"""`bothways issues`: failures with one cause, what to do, and what a person does with one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click

from processor import issues as verbs
from processor import leave_out as choosing
from processor import report
from processor.cli.common import epilog, json_option, print_json, print_table, working_house
from processor.domain.issue import LABELS, UNRESOLVED, IssueState
from processor.web.models.issue import issue_answer

BY = "command line"


@click.group(
    invoke_without_command=True,
    epilog=epilog(
        "bothways issues                          # what is open, of all accounts\n"
        "bothways issues list --account acme --state resolved\n"
        "bothways issues show iss_…               # what happened, what to do, whom it concerns\n"
        "bothways issues acknowledge iss_…        # nobody is reminded any more\n"
        "bothways issues mute iss_… --days 14     # or --contacts 100\n"
        "bothways issues retry iss_…              # after the cause was put right\n"
        "bothways issues leave-out iss_…          # whoever fails of it is left out, by choice"
    ),
)
@click.pass_context
def issues(context: click.Context) -> None:
    """List failures by cause, and deal with them."""
    if context.invoked_subcommand is None:
        context.invoke(list_issues)


@issues.command("list")
@click.option("--account", help="Only those of this account.")
@click.option("--connection", help="Only those of this connection.")
@click.option("--state", "states", multiple=True, type=click.Choice([one.value for one in IssueState]))
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 200))
@click.option("--after", help="Go on where the list before this one ended.")
@json_option
def list_issues(
    account: str | None = None,
    connection: str | None = None,
    states: tuple[str, ...] = (),
    limit: int = 50,
    after: str | None = None,
    as_json: bool = False,
) -> None:
    """List issues, newest first; those that are not resolved unless states are named."""
    wanted = [IssueState(one) for one in states] or sorted(UNRESOLVED)
    with working_house() as house:
        page = report.issues(
            house.kit, account, connection_id=connection, states=wanted, limit=limit, after=after
        )
    if as_json:
        print_json([issue_answer(one).model_dump(mode="json") for one in page.issues])
    else:
        columns = ["id", "account", "audience", "state", "code", "field", "how_many", "since", "title"]
        print_table([_line(one) for one in page.issues], columns, "Nothing needs anybody.")
    if page.cursor:
        click.echo(f"There are more. Go on with: --after {page.cursor}", err=True)


def _line(found: report.IssueReport) -> dict[str, Any]:
    one = found.issue
    return {
        "id": one.ref,
        "account": one.account_id,
        "audience": found.said.audience,
        "state": one.state.value,
        "code": one.code,
        "field": one.about,
        "how_many": one.count,
        "since": one.opened_at,
        "title": found.said.words.title,
    }


@issues.command("show")
@click.argument("issue_id")
@json_option
def show(issue_id: str, as_json: bool) -> None:
    """Show one issue: what happened, what to do, and the first of its contacts."""
    with working_house() as house:
        found = report.issue(house.kit, issue_id, None)
        page = report.members_of_issue(house.kit, issue_id, None, limit=10)
    if as_json:
        print_json(issue_answer(found).model_dump(mode="json"))
        return
    one, said = found.issue, found.said
    click.echo(said.words.title)
    click.echo(said.words.happened)
    click.echo(f"-> {said.words.todo}\n")
    click.echo(f"{LABELS[one.state]} since {one.opened_at.isoformat(timespec='seconds')}: {said.line}")
    if one.about:
        click.echo(f"Field: {one.about}")
    for member in page.members:
        click.echo(f"  {member.contact_id or '-'}  {member.email or '-'}")
    if page.cursor:
        click.echo(f"All of them: bothways connections contacts {one.connection_id} --reason {one.code}")


@issues.command("acknowledge")
@click.argument("issue_id")
def acknowledge(issue_id: str) -> None:
    """Say that somebody knows: nobody is reminded any more."""
    with working_house() as house:
        verbs.acknowledge(house.kit, issue_id, None, BY)
    click.echo(f"{issue_id} is acknowledged. That it is solved will be told.")


@issues.command("mute")
@click.argument("issue_id")
@click.option("--days", type=click.FloatRange(min=0, min_open=True), help="For so many days.")
@click.option("--contacts", type=click.IntRange(1), help="Until more contacts than so many fail of it.")
def mute(issue_id: str, days: float | None, contacts: int | None) -> None:
    """Remind nobody for a while."""
    with working_house() as house:
        until = house.kit.now() + timedelta(days=days) if days is not None else None
        verbs.mute(house.kit, issue_id, None, BY, until=until, count=contacts)
    click.echo(f"{issue_id} is muted.")


@issues.command("unmute")
@click.argument("issue_id")
def unmute(issue_id: str) -> None:
    """Have somebody reminded again."""
    with working_house() as house:
        verbs.unmute(house.kit, issue_id, None, BY)
    click.echo(f"{issue_id} is open.")


@issues.command("resolve")
@click.argument("issue_id")
def resolve(issue_id: str) -> None:
    """Say that it is solved: whoever failed is tried again, and it is opened again if anybody still fails."""
    with working_house() as house:
        verbs.resolve(house.kit, issue_id, None, BY)
    click.echo(f"{issue_id} is resolved.")


@issues.command("retry")
@click.argument("issue_id")
def retry(issue_id: str) -> None:
    """Try whoever fails of it again, after the cause was put right. Safe to repeat."""
    with working_house() as house:
        count = verbs.retry(house.kit, issue_id, None)
    click.echo(f"{count:,} tried again." if count else "There is nobody to try again.")


@issues.command("leave-out")
@click.argument("issue_id")
def leave_out(issue_id: str) -> None:
    """Leave out whoever fails of it, by choice: nothing more is sent for them. Safe to repeat.

    To take somebody back in: bothways connections take-back.
    """
    with working_house() as house:
        count = choosing.leave_out_of_issue(house.kit, issue_id, None, BY)
    click.echo(f"{count:,} left out." if count else "There is nobody to leave out.")
