"""`bothways connections`: connect an account, choose its audience, see how it stands."""

from __future__ import annotations

from typing import Any

import click

from processor import connect, report
from processor import uninstall as uninstalling
from processor.cli.common import epilog, json_option, print_json, print_table, working_house
from processor.cli.members import contacts, leave_out, retry, take_back
from processor.cli.portal import portal_link
from processor.cli.setup import audiences, fields, set_up
from processor.cli.sync import pause, resume
from processor.domain.field_changes import sentence
from processor.domain.plan import MemberState
from processor.uninstall import receipt_json, receipt_lines

COLUMNS = ["id", "account", "state", "audience", "mailchimp", "problem", "waiting", "failing"]


@click.group(
    invoke_without_command=True,
    epilog=epilog(
        "bothways connections\n"
        "bothways connections link acme             # a link to connect Mailchimp, once, within 15 minutes\n"
        "bothways connections portal-link acme      # a link into the customer's own pages\n"
        "bothways connections audiences con_…       # which audiences the login may see\n"
        "bothways connections fields con_… a1b2c3d4e5   # what there is to map\n"
        "bothways connections setup con_… a1b2c3d4e5    # choose it; begins nothing\n"
        "bothways connections add con_…            # another audience of the same Mailchimp account\n"
        "bothways connections show con_… --json\n"
        "bothways connections contacts con_…        # who is failing or left out, why, and what to do\n"
        "bothways connections retry con_… 42        # try a contact again; without one, all that fail\n"
        "bothways connections leave-out con_… 42    # by choice: nothing more is sent; take-back undoes it\n"
        "bothways connections pause con_…           # and resume con_… [--accept]\n"
        "bothways connections remove con_…          # undo the installation, with a receipt"
    ),
)
@json_option
@click.pass_context
def connections(context: click.Context, as_json: bool) -> None:
    """List the connections and what each is doing; or connect one."""
    if context.invoked_subcommand is not None:
        return
    with working_house() as house:
        rows = [_plain(found) for found in report.all_connections(house.kit)]
    if as_json:
        print_json(rows)
    else:
        print_table(rows, COLUMNS, "Nothing is connected yet. Begin with: bothways connections link ACCOUNT")


def _plain(found: report.ConnectionReport) -> dict[str, Any]:
    row = found.row
    return {
        "id": row.id,
        "account": row.account_id,
        "state": found.state.value,
        "label": found.label,
        "says": found.line,
        "audience": row.audience_name or row.audience_id,
        "audience_id": row.audience_id,
        "mailchimp": row.account_name,
        "problem": found.problem_code,
        "waiting": found.waiting,
        "failing": found.members.get(MemberState.FAILING, 0),
        "left_out": found.members.get(MemberState.EXCLUDED, 0),
        "by_choice": found.left_out,
    }


@connections.command("show")
@click.argument("connection_id")
@json_option
def show(connection_id: str, as_json: bool) -> None:
    """Show one connection: how it stands in words, then what it is."""
    with working_house() as house:
        found = report.connection(house.kit, connection_id, None)
    mended = found.notice.words.happened if found.notice else None
    plain = {**_plain(found), "mended": mended}
    new_fields = [one.tag for one in found.new_fields]
    if as_json:
        print_json({**plain, "new_fields": new_fields, "drift": found.drift})
        return
    click.echo(plain.pop("label"))
    click.echo(plain.pop("says"))
    if plain["failing"]:
        click.echo(f"Who is failing, and why: bothways connections contacts {connection_id}")
    if new_fields:
        click.echo(f"New in Mailchimp, not synced yet: {', '.join(new_fields)}")
    for news in found.field_news[:3]:
        click.echo(sentence(news))
    if found.drift:
        click.echo(found.drift)
    click.echo()
    for name, value in plain.items():
        click.echo(f"{name:12} {'-' if value is None else value}")


connections.add_command(contacts)
connections.add_command(retry)
connections.add_command(leave_out)
connections.add_command(take_back)
connections.add_command(portal_link)
connections.add_command(pause)
connections.add_command(resume)
connections.add_command(audiences)
connections.add_command(fields)
connections.add_command(set_up)


@connections.command("link")
@click.argument("account")
def link(account: str) -> None:
    """Print a link that connects Mailchimp for ACCOUNT: for one browser, once, within 15 minutes."""
    with working_house() as house:
        click.echo(connect.make_link(house.kit, account))


@connections.command("add")
@click.argument("connection_id")
@json_option
def add(connection_id: str, as_json: bool) -> None:
    """Connect another audience of CONNECTION_ID's Mailchimp account: nobody need sign in again.

    Prints the new connection, which waits for its audience. Safe to repeat: while one waits, it is that one.
    """
    with working_house() as house:
        account_id = report.row_of(house.kit, connection_id, None).account_id
        made = connect.another(house.kit, account_id, connection_id)
        plain = _plain(report.connection(house.kit, made.id, None))
    if as_json:
        print_json(plain)
        return
    click.echo(made.id)
    click.echo(f"Choose its audience: bothways connections audiences {made.id}")


@connections.command("remove")
@click.argument("connection_id")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@json_option
def remove(connection_id: str, yes: bool, as_json: bool) -> None:
    """Undo the installation: webhook, token, settings and stored copies go; people stay; a receipt says so.

    Works while Mailchimp is down: what is left to do there is done later. Safe to repeat.
    """
    with working_house() as house:
        if not yes:
            click.confirm(f"Disconnect {connection_id}? Nobody is unsubscribed or deleted.", abort=True)
        receipt = uninstalling.uninstall(house.kit, connection_id)
    if as_json:
        print_json(receipt_json(receipt))
        return
    for line in receipt_lines(receipt):
        click.echo(line)
