"""`bothways events`: what arrived, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click

from processor import report
from processor.cli.common import epilog, json_option, print_json, print_table, working_house
from processor.domain.catalogue import words
from processor.domain.event import EventStatus, EventType
from processor.domain.skips import said
from processor.store.inbox import EventFilter, EventRow, event_id, event_name

F = TypeVar("F", bound=Callable[..., Any])

COLUMNS = ["id", "status", "type", "who", "connection", "attempts", "received", "what_happened"]
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Moment(click.ParamType[datetime]):
    """A time: ISO 8601 (UTC where no zone is named), or an age such as 90s, 15m, 2h, 7d."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return an aware UTC time."""
        if isinstance(value, datetime):
            return value
        if value[:-1].isdigit() and value[-1] in UNITS:
            return datetime.now(UTC) - timedelta(**{UNITS[value[-1]]: int(value[:-1])})
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(
                f"{value!r} is not a time. Write 2026-05-01T12:00:00Z, or an age such as 2h.", param, ctx
            )
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def selectors(command: F) -> F:
    """Add the options by which events are chosen."""
    statuses = click.Choice([s.value for s in EventStatus])
    for option in (
        click.option("--connection", help="Only events of this connection (con_…)."),
        click.option("--until", type=Moment(), help="Received before this time."),
        click.option("--since", type=Moment(), help="Received at or after this time, e.g. 2h."),
        click.option("--type", "types", multiple=True, type=click.Choice([t.value for t in EventType])),
        click.option("--code", "codes", multiple=True, help="A code of docs/failures.md."),
        click.option("--status", "statuses", multiple=True, type=statuses, help="May be given again."),
        click.argument("ids", nargs=-1),
    ):
        command = option(command)
    return command


def filter_of(
    ids: tuple[str, ...],
    statuses: tuple[str, ...],
    types: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    connection: str | None,
    codes: tuple[str, ...] = (),
) -> EventFilter:
    """Return the filter that the options of `selectors` say. Raises NotFound for an id that is none."""
    return EventFilter(
        ids=tuple(event_id(name) for name in ids) or None,
        statuses=frozenset(EventStatus(s) for s in statuses) or None,
        types=frozenset(types) or None,
        codes=frozenset(codes) or None,
        since=since,
        until=until,
        connection_id=connection,
    )


def plain(row: EventRow) -> dict[str, Any]:
    """Return an event as a row of a table, or as JSON."""
    facts = {"reference": row.name, "detail": row.detail or "", "instance": row.instance or ""}
    why = (row.outcome or {}).get("why")
    happened = words(row.code, **facts).happened if row.code else said(why)
    return {
        "id": row.name,
        "status": row.status.value,
        "type": row.type,
        "who": row.subject,
        "connection": row.connection_id,
        "attempts": row.attempts,
        "received": row.received_at,
        "fired": row.fired_at,
        "next_attempt": row.due_at if row.status is EventStatus.RETRYING else None,
        "settled": row.settled_at,
        "code": row.code,
        "what_happened": happened,
        "what_to_do": words(row.code, **facts).todo if row.code else None,
        "mailchimp_says": row.detail,
        "mailchimp_instance": row.instance,
        "why": why,
        "redeliveries": row.redeliveries,
    }


@click.command(
    epilog=epilog(
        "bothways events --status dead\n"
        "bothways events --since 2h --type unsubscribe --json\n"
        "bothways events evt_42                     # one event: its delivery, its attempts, what to do"
    )
)
@selectors
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000))
@json_option
def events(limit: int, as_json: bool, **chosen: Any) -> None:
    """List what arrived, newest first; or show the events with these IDS in full."""
    with working_house() as house:
        wanted = filter_of(**chosen)
        if wanted.ids:
            shown = [_in_full(report.event(house.kit, event_name(number), None)) for number in wanted.ids]
            print_json(shown if as_json else shown[0] if len(shown) == 1 else shown)
            return
        rows = [plain(row) for row in report.events(house.kit, wanted, after=None, limit=limit).events]
    if as_json:
        print_json(rows)
    else:
        print_table(rows, COLUMNS, "No event matches.")


def _in_full(found: report.EventReport) -> dict[str, Any]:
    attempts = [
        {"n": a.n, "at": a.at, "outcome": a.outcome.value, "code": a.code, "detail": a.detail, "by": a.worker}
        for a in found.history
    ]
    return {
        **plain(found.row),
        "delivery": (found.row.body or b"").decode("utf-8", "replace"),
        "attempts_made": attempts,
    }
