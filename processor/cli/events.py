"""`bothways events` and `bothways replay`: what arrived, what became of it, and sending it round again."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click

from processor import replay as replaying
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
        click.option("--status", "statuses", multiple=True, type=statuses, help="May be given again."),
        click.argument("ids", nargs=-1),
    ):
        command = option(command)
    return command


def _filter(
    ids: tuple[str, ...],
    statuses: tuple[str, ...],
    types: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    connection: str | None,
) -> EventFilter:
    return EventFilter(
        ids=tuple(event_id(name) for name in ids) or None,
        statuses=frozenset(EventStatus(s) for s in statuses) or None,
        types=frozenset(types) or None,
        since=since,
        until=until,
        connection_id=connection,
    )


def _plain(row: EventRow) -> dict[str, Any]:
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
        wanted = _filter(**chosen)
        if wanted.ids:
            shown = [_in_full(report.event(house.kit, event_name(number), None)) for number in wanted.ids]
            print_json(shown if as_json else shown[0] if len(shown) == 1 else shown)
            return
        rows = [_plain(row) for row in report.events(house.kit, wanted, after=None, limit=limit).events]
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
        **_plain(found.row),
        "delivery": (found.row.body or b"").decode("utf-8", "replace"),
        "attempts_made": attempts,
    }


@click.command(
    epilog=epilog(
        "bothways replay --status dead --dry-run\n"
        "bothways replay --status dead --yes\n"
        "bothways replay evt_42 evt_43\n"
        "bothways replay --status skipped --type upemail --since 2d --connection con_…"
    )
)
@selectors
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@json_option
def replay(dry_run: bool, yes: bool, as_json: bool, **chosen: Any) -> None:
    """Send events round again: those with these IDS, or all that match.

    It says first what it will do. Replaying is safe to repeat: every event looks at the member as it is
    now, so what was carried out before changes nothing.
    """
    if not any(chosen.values()):
        raise click.UsageError("Say which events: ids, or --status, --type, --since, --until, --connection.")
    with working_house() as house:
        planned = replaying.plan(house.kit, _filter(**chosen))
        told = {
            "would_replay": planned.count,
            "by_status": dict(planned.by_status),
            "not_now": planned.not_now,
            "sample": [_plain(row) for row in planned.sample],
        }
        if not as_json:
            _tell(planned)
        if planned.count and not dry_run and not yes and not as_json:
            yes = click.confirm("Send them round again?")
        done = None
        if planned.count and yes and not dry_run:
            done = replaying.run(house.kit, planned, who=f"cli:{getpass.getuser()}").count
    if as_json:
        print_json({**told, "replayed": done})
    elif done is not None:
        click.echo(f"{done} events are on their way again.")


def _tell(planned: replaying.ReplayPlan) -> None:
    kinds = ", ".join(f"{count} {status}" for status, count in sorted(planned.by_status.items()))
    click.echo(f"{planned.count} events would be sent round again" + (f" ({kinds})." if kinds else "."))
    if planned.not_now:
        click.echo(f"{planned.not_now} more match, but wait or are being worked on already.")
    if planned.sample:
        print_table([_plain(row) for row in planned.sample], COLUMNS, "")
