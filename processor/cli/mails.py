"""`bothways mails`: where customers are told of issues, what was sent, and a test."""

from __future__ import annotations

import time

import click

from processor import mailing, report
from processor.cli.common import Exit, epilog, fail, json_option, print_json, print_table, working_house
from processor.kit import Kit
from processor.store.mails import MailRow, MailState
from processor.web.models.mail import mail_answer

LOOK_SECONDS = 0.3
TEST_SECONDS = 25.0
"""How long a test is waited for: longer than one attempt may take."""


@click.group(
    invoke_without_command=True,
    epilog=epilog(
        "bothways mails address acme jo@maple-street.test   # tell this customer by mail\n"
        "bothways mails address acme --none\n"
        "bothways mails readers con_… kim@maple-street.test # tell others of this connection\n"
        "bothways mails test acme                           # or without an account: to the operator\n"
        "bothways mails list --account acme"
    ),
)
@click.pass_context
def mails(context: click.Context) -> None:
    """Tell customers and the operator of issues by mail."""
    if context.invoked_subcommand is None:
        context.invoke(list_mails)


@mails.command("address")
@click.argument("account")
@click.argument("email", required=False)
@click.option("--none", "nowhere", is_flag=True, help="Tell this customer nothing by mail.")
def address(account: str, email: str | None, nowhere: bool) -> None:
    """Say where the customer of ACCOUNT is told; without an address, show it."""
    with working_house() as house:
        if email is None and not nowhere:
            click.echo(mailing.address_of(house.kit, account) or "Nowhere.")
            return
        kept = mailing.set_address(house.kit, account, None if nowhere else email)
    click.echo(f"{account} is told at {kept}." if kept else f"{account} is told nothing by mail.")


@mails.command("readers")
@click.argument("connection_id")
@click.argument("emails", nargs=-1)
@click.option("--none", "nobody", is_flag=True, help="Tell whoever is told of the account again.")
def readers(connection_id: str, emails: tuple[str, ...], nobody: bool) -> None:
    """Say who is told of one connection, in place of the account's address; without addresses, show it."""
    with working_house() as house:
        if emails or nobody:
            mailing.set_readers(house.kit, connection_id, None, () if nobody else emails)
        found = mailing.readers_of(house.kit, connection_id, None)
    if not found.told:
        click.echo("Nobody is told by mail.")
        return
    whose = "" if found.own else " (the account's address)"
    click.echo(f"Told at {', '.join(found.told)}{whose}.")


@mails.command("list")
@click.option("--account", help="Only those to this account's customer.")
@click.option("--after", help="Go on where the list before this one ended.")
@json_option
def list_mails(account: str | None = None, after: str | None = None, as_json: bool = False) -> None:
    """List mails, newest first: what was sent, and what waits."""
    with working_house() as house:
        found, cursor = mailing.sent(house.kit, account, after=after)
    if as_json:
        print_json([mail_answer(row).model_dump(mode="json") for row in found])
    else:
        rows = [
            {
                "id": row.ref,
                "account": row.account_id or row.channel or "operator",
                "state": row.state.value,
                "subject": row.subject,
                "attempts": row.attempts,
                "error": row.reason,
                "next_try": row.due_at,
            }
            for row in found
        ]
        columns = ["id", "account", "state", "subject", "attempts", "error", "next_try"]
        print_table(rows, columns, "Nothing was sent yet.")
    if cursor:
        click.echo(f"There are more. Go on with: --after {cursor}", err=True)


@mails.command("test")
@click.argument("account", required=False)
@click.option("--connection", "connection_id", help="To whoever is told of this connection.")
@click.option("--channels", is_flag=True, help="To the operator by each channel of OPERATOR_CHANNELS.")
def test(account: str | None, connection_id: str | None, channels: bool) -> None:
    """Send a test to ACCOUNT's customer, or to the operator, and say what the mail server answers. Workers
    send it, and must be running."""
    with working_house() as house:
        if channels:
            rows = mailing.test_channels(house.kit)
        else:
            if connection_id is not None:
                account = report.row_of(house.kit, connection_id, account).account_id
            rows = [mailing.send_test(house.kit, account, connection_id)]
        rows = [_waited_for(house.kit, row) for row in rows]
    failed = [row for row in rows if row.state is not MailState.SENT]
    for row in rows:
        if row.state is MailState.SENT:
            click.echo(f"{row.ref} was taken by {row.channel or 'the mail server'}.")
    if failed:
        fail(Exit.FAILED, *(_why_not(row) for row in failed))


def _waited_for(kit: Kit, row: MailRow) -> MailRow:
    until = time.monotonic() + TEST_SECONDS
    while not _is_tried(row) and time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
        row = mailing.mail(kit, row.ref, None)
    return row


def _why_not(row: MailRow) -> str:
    if row.reason:
        return f"{(row.channel or 'the mail server').capitalize()} did not take {row.ref}: {row.reason}"
    return f"{row.ref} was not sent yet: is a worker running? See: bothways doctor"


def _is_tried(row: MailRow) -> bool:
    return row.state is not MailState.WAITING or row.reason is not None
