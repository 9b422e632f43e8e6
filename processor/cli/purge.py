"""`bothways purge`: throw away history that is old, as the clock does by itself."""

from __future__ import annotations

import click

from processor import purge as purging
from processor.cli.common import epilog, json_option, print_json, print_table, working_house
from processor.purge import Foreseen

COLUMNS = ("what", "would_go", "kept_days", "kept_rows", "last_round", "gone_then", "gone_ever")


@click.command(
    epilog=epilog(
        "bothways purge --dry-run      # what is old enough to go, and how the last rounds went\n"
        "bothways purge                # throw it away now; the clock does it by itself every six hours"
    )
)
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@json_option
def purge(dry_run: bool, as_json: bool) -> None:
    """Throw away history that is older than the settings say (KEEP_…_DAYS, MOST_…), in small pieces.

    What is not settled stays, and so does the ledger of consents. Safe to repeat and to cut off.
    """
    with working_house() as house:
        if dry_run:
            rows = [_plain(one) for one in purging.foresee(house.kit)]
            print_json(rows) if as_json else print_table(rows, COLUMNS, "Nothing.")
            return
        gone = purging.everything(house.kit)
    if as_json:
        print_json({kind.value: rows for kind, rows in gone.items()})
        return
    for kind, count in gone.items():
        click.echo(f"{kind.value}: {count:,} {'row' if count == 1 else 'rows'} thrown away")


def _plain(one: Foreseen) -> dict[str, object]:
    last = one.last
    return {
        "what": one.kind.value,
        "would_go": one.rows,
        "kept_days": one.keep_days,
        "kept_rows": one.most_rows,
        "last_round": last.finished_at if last else None,
        "gone_then": last.removed if last else None,
        "gone_ever": last.total if last else None,
    }
