"""`bothways ops-password`: the hash of a password for the ops pages."""

from __future__ import annotations

import sys

import click

from processor.cli.common import epilog
from processor.config import OPS_PASSWORD_MIN_LENGTH
from processor.sign_in import hashed


@click.command("ops-password", epilog=epilog("bothways ops-password\nbothways ops-password < password.txt"))
def ops_password() -> None:
    """Print what to set OPS_PASSWORD to, so that the password itself is in no setting. Asks for it."""
    password: str = (
        click.prompt("Password", hide_input=True, confirmation_prompt=True)
        if sys.stdin.isatty()
        else sys.stdin.readline().rstrip("\r\n")
    )
    if len(password) < OPS_PASSWORD_MIN_LENGTH:
        raise click.UsageError(f"Take at least {OPS_PASSWORD_MIN_LENGTH} characters.")
    click.echo(f"OPS_PASSWORD={hashed(password)}")
