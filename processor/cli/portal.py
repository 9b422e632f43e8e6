"""`bothways connections portal-link`: the customer's own pages, for whoever helps them."""

from __future__ import annotations

import click

from processor import visit
from processor.cli.common import json_option, print_json, working_house


@click.command("portal-link")
@click.argument("account")
@json_option
def portal_link(account: str, as_json: bool) -> None:
    """Print a link that opens ACCOUNT's portal: for one browser, once, within 15 minutes."""
    with working_house() as house:
        link = visit.make_link(house.kit, account)
    if as_json:
        print_json({"url": link.url, "expires_at": link.expires_at})
    else:
        click.echo(link.url)
