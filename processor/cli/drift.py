"""`bothways drift`: what comparisons found that webhooks had missed."""

from __future__ import annotations

import click

from processor import report
from processor.cli.common import epilog, json_option, print_json, working_house
from processor.web.models.drift import drift_answer


@click.command(
    epilog=epilog(
        "bothways drift con_…                       # what comparisons of the last 30 days mended\n"
        "bothways drift con_… --json                # the same, by kind and sweep by sweep"
    )
)
@click.argument("connection_id")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 500))
@click.option("--after", help="Go on where the list before this one ended.")
@json_option
def drift(connection_id: str, limit: int, after: str | None, as_json: bool) -> None:
    """Say what comparisons found on CONNECTION_ID that webhooks had missed, and mended."""
    with working_house() as house:
        found = report.drift(house.kit, connection_id, None, limit=limit, after=after)
    if as_json:
        print_json(drift_answer(found).model_dump(mode="json"))
        return
    click.echo(found.sentence)
    for row in found.sweeps:
        healed = ", ".join(f"{kind} {number}" for kind, number in row.healed.items())
        scope = "everybody" if row.full else "what changed"
        click.echo(f"{row.finished_at.isoformat(timespec='seconds')}  compared {scope}: {healed}")
    if found.cursor:
        click.echo(f"There are more. Go on with: --after {found.cursor}", err=True)
