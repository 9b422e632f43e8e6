"""`bothways webhooks`: the platform's endpoints, and what was sent to them."""

from __future__ import annotations

import time
from typing import Any

import click

from processor import endpoints
from processor.cli.common import Exit, epilog, fail, json_option, print_json, print_table, working_house
from processor.domain.outgoing import NoticeKind
from processor.endpoints import NoticeReport
from processor.kit import Kit
from processor.store.notices_rows import NoticeState
from processor.web.models.outgoing import endpoint_answer, endpoint_secret_answer, notice_answer, said

LOOK_SECONDS = 0.3
TEST_SECONDS = 20.0
"""How long a test is waited for: longer than one attempt may take."""

types_option = click.option(
    "--type",
    "types",
    multiple=True,
    type=click.Choice([kind.value for kind in NoticeKind]),
    help="May be given again; all types unless given.",
)


@click.group(
    invoke_without_command=True,
    epilog=epilog(
        "bothways webhooks create https://app.your-platform.test/hooks/bothways\n"
        "bothways webhooks create https://… --account acme --type changes.available\n"
        "bothways webhooks test end_…\n"
        "bothways webhooks notices end_… --state dead\n"
        "bothways webhooks redeliver ntc_…\n"
        "bothways webhooks rotate end_…             # both secrets sign for 24 hours\n"
        "bothways webhooks change end_… --disable"
    ),
)
@click.pass_context
def webhooks(context: click.Context) -> None:
    """Tell the platform by signed webhooks: endpoints, tests, and what became of each notice."""
    if context.invoked_subcommand is None:
        context.invoke(list_endpoints)


@webhooks.command("list")
@click.option("--account", help="Only the endpoints of this account.")
@json_option
def list_endpoints(account: str | None = None, as_json: bool = False) -> None:
    """List the endpoints and how they stand, never their secrets."""
    with working_house() as house:
        rows = [endpoint_answer(row) for row in endpoints.find(house.kit, account)]
    if as_json:
        print_json([row.model_dump(mode="json") for row in rows])
        return
    lines = [
        {
            "id": row.id,
            "account": row.account or "all",
            "url": row.url,
            "state": row.state if row.reason is None else f"{row.state}: {row.reason}",
            "last_sent": row.last_at,
            "last_error": row.last_error,
        }
        for row in rows
    ]
    columns = ["id", "account", "url", "state", "last_sent", "last_error"]
    print_table(lines, columns, "There is no endpoint yet. Make one: bothways webhooks create URL")


@webhooks.command("create")
@click.argument("url")
@click.option("--account", help="Tell it of this account only; of all unless given.")
@types_option
@click.option("--description", default="", help="What it is for, so that you know it again.")
@json_option
def create(url: str, account: str | None, types: tuple[str, ...], description: str, as_json: bool) -> None:
    """Make an endpoint. Its secret is shown this once."""
    with working_house() as house:
        row, secret = endpoints.create(house.kit, account, url, types=types, description=description)
    if as_json:
        print_json(endpoint_secret_answer(row, secret).model_dump(mode="json"))
        return
    click.echo(secret)
    click.echo(f"This is the secret of {row.id}. Keep it now: it is not shown again.", err=True)


@webhooks.command("change")
@click.argument("endpoint_id")
@click.option("--url", help="The new address.")
@types_option
@click.option("--all-types", is_flag=True, help="Tell it of every type again.")
@click.option("--description", help="What it is for.")
@click.option("--enable/--disable", "enabled", default=None, help="Enabling sends what waited.")
def change(
    endpoint_id: str,
    url: str | None,
    types: tuple[str, ...],
    all_types: bool,
    description: str | None,
    enabled: bool | None,
) -> None:
    """Change what is named of an endpoint, disable it, or enable it."""
    wanted = list(types) if types or all_types else None
    with working_house() as house:
        row = endpoints.change(
            house.kit, endpoint_id, None, url=url, types=wanted, description=description, enabled=enabled
        )
    click.echo(f"{row.id} is {row.state}.")


@webhooks.command("rotate")
@click.argument("endpoint_id")
def rotate(endpoint_id: str) -> None:
    """Give an endpoint a new secret; for 24 hours the one before signs too."""
    with working_house() as house:
        row, secret = endpoints.rotate(house.kit, endpoint_id, None)
    click.echo(secret)
    click.echo(f"This is the new secret of {row.id}. Keep it now: it is not shown again.", err=True)


@webhooks.command("remove")
@click.argument("endpoint_id")
def remove(endpoint_id: str) -> None:
    """Forget an endpoint, and what waits for it."""
    with working_house() as house:
        endpoints.remove(house.kit, endpoint_id, None)
    click.echo(f"{endpoint_id} is removed.")


@webhooks.command("test")
@click.argument("endpoint_id")
def test(endpoint_id: str) -> None:
    """Send a test to an endpoint and say what it answers. Workers send it, and must be running."""
    with working_house() as house:
        row = endpoints.test(house.kit, endpoint_id, None)
        report = _tried(house.kit, row.ref)
    if not report.attempts:
        fail(Exit.FAILED, f"{row.ref} was not sent yet: is a worker running? See: bothways doctor")
    last = report.attempts[-1]
    if last.reason is not None:
        fail(Exit.FAILED, f"The endpoint did not take {row.ref}: {said(last.reason, last.status)}.")
    click.echo(f"{row.ref} arrived after {last.seconds:.2f} s: {last.status}.")


def _tried(kit: Kit, ref: str) -> NoticeReport:
    until = time.monotonic() + TEST_SECONDS
    while True:
        report = endpoints.notice(kit, ref, None)
        if report.attempts or time.monotonic() > until:
            return report
        time.sleep(LOOK_SECONDS)


@webhooks.command("notices")
@click.argument("endpoint_id")
@click.option("--state", type=click.Choice([state.value for state in NoticeState]))
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 500))
@click.option("--after", help="Go on where the list before this one ended.")
@json_option
def list_notices(endpoint_id: str, state: str | None, limit: int, after: str | None, as_json: bool) -> None:
    """List what was sent to an endpoint or waits for it, newest first, with the last attempt."""
    with working_house() as house:
        found, cursor = endpoints.sent(house.kit, endpoint_id, None, limit=limit, after=after, state=state)
    if as_json:
        print_json([notice_answer(one).model_dump(mode="json") for one in found])
    else:
        columns = ["id", "type", "state", "created", "attempts", "status", "error", "next_try"]
        print_table([_line(one) for one in found], columns, "Nothing was sent yet.")
    if cursor:
        click.echo(f"There are more. Go on with: --after {cursor}", err=True)


def _line(found: NoticeReport) -> dict[str, Any]:
    last = found.attempts[-1] if found.attempts else None
    return {
        "id": found.row.ref,
        "type": found.row.kind,
        "state": found.row.state,
        "created": found.row.created_at,
        "attempts": len(found.attempts),
        "status": last.status if last else None,
        "error": said(last.reason, last.status) if last else None,
        "next_try": found.row.due_at,
    }


@webhooks.command("redeliver")
@click.argument("notice_id")
def redeliver(notice_id: str) -> None:
    """Send a notice again under the same id, whatever became of it."""
    with working_house() as house:
        endpoints.redeliver(house.kit, notice_id, None)
    click.echo(f"{notice_id} is sent again. See it with: bothways webhooks notices ENDPOINT")
