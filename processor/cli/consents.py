"""`bothways consents ACCOUNT`: the whole ledger of consents as a table."""

from __future__ import annotations

import click

from processor import report
from processor.cli.common import epilog, working_house
from processor.errors import NotFound


@click.command(
    epilog=epilog(
        "bothways consents acme > consents.csv         # who agreed to what, when, on what evidence\n"
        "bothways contact jo@maple-street.test --consent   # one contact's"
    )
)
@click.argument("account")
def consents(account: str) -> None:
    """Print the ledger of consents of ACCOUNT as CSV, by contact, oldest line first."""
    with working_house() as house:
        if not report.is_account(house.kit, account):
            raise NotFound(f"There is no account “{account}”.")
        for piece in report.consents_csv(house.kit, account):
            click.echo(piece, nl=False)
