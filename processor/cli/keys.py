"""`bothways keys`: the platform's API keys, and the keys that seal tokens."""

from __future__ import annotations

import click

from processor.cli.common import Exit, epilog, fail, json_option, print_json, print_table, working_house
from processor.reseal import reseal
from processor.store import accounts
from processor.store import keys as api_keys


@click.group(
    invoke_without_command=True,
    epilog=epilog(
        "bothways keys create --label production\n"
        "bothways keys create --label 'one customer' --account acme\n"
        "bothways keys list --json\n"
        "bothways keys revoke key_2k4h…\n"
        "SECRET_KEY=new,old bothways keys reseal"
    ),
)
@click.pass_context
def keys(context: click.Context) -> None:
    """Make, list and revoke API keys."""
    if context.invoked_subcommand is None:
        context.invoke(list_keys)


@keys.command("create")
@click.option("--label", default="", help="What it is for, so that you know it again.")
@click.option("--account", help="Only this account may be read and written with it.")
@json_option
def create_key(label: str, account: str | None, as_json: bool) -> None:
    """Make a key for the REST API. It is shown this once; only its hash is kept."""
    with working_house() as house, house.store.write() as c:
        if account:
            accounts.ensure(c, account, house.kit.now())
        key_id, plain = api_keys.create(c, label, account, house.kit.now())
    if as_json:
        print_json({"id": key_id, "key": plain, "label": label, "account": account})
        return
    click.echo(plain)
    click.echo(f"This is {key_id}. Keep it now: it is not shown again.", err=True)


@keys.command("list")
@json_option
def list_keys(as_json: bool = False) -> None:
    """List the keys: what they are for and when they were last used, never the keys themselves."""
    with working_house() as house, house.store.read() as c:
        rows = [
            {
                "id": row.id,
                "starts_with": row.prefix,
                "label": row.label,
                "account": row.account_id or "all",
                "last_used": row.last_used_at,
                "revoked": row.revoked_at,
            }
            for row in api_keys.list_all(c)
        ]
    if as_json:
        print_json(rows)
    else:
        columns = ["id", "starts_with", "label", "account", "last_used", "revoked"]
        print_table(rows, columns, "There is no key yet. Make one: bothways keys create --label NAME")


@keys.command("revoke")
@click.argument("key_id")
def revoke_key(key_id: str) -> None:
    """End a key: from now on it opens nothing."""
    with working_house() as house, house.store.write() as c:
        if not api_keys.revoke(c, key_id, house.kit.now()):
            fail(Exit.NOT_FOUND, f"There is no key “{key_id}”. See: bothways keys list")
    click.echo(f"{key_id} is revoked.")


@keys.command("reseal")
def reseal_tokens() -> None:
    """Seal every stored token anew with the first key in SECRET_KEY, so that the old ones can go."""
    with working_house() as house:
        count = reseal(house.kit)
    click.echo(f"{count} sealed values now use the newest key; older ones can be taken out of SECRET_KEY.")
