"""`bothways replay`: sending events, contacts that Mailchimp refused, and webhooks, round again."""

from __future__ import annotations

import getpass
import time
from typing import Any

import click

from processor import replay as replaying
from processor.cli.common import epilog, json_option, print_json, print_table, working_house
from processor.cli.events import COLUMNS, filter_of, plain, selectors
from processor.kit import Kit
from processor.replay import MembersPlan, NoticesPlan, Planned, Progress, ReplayPlan
from processor.replay.progress import NOUNS
from processor.store.notices_again import NoticeFilter
from processor.store.notices_rows import NoticeState
from processor.web.models.replay import progress_answer, replays_answer

LOOK_SECONDS = 0.5
LISTED = ["id", "kind", "state", "sent", "total", "asked_by", "created_at"]
PREFIX = "rpl_"


@click.command(
    epilog=epilog(
        "bothways replay --status dead --dry-run\n"
        "bothways replay --status dead --dry-run --look   # what would change now, for some of them\n"
        "bothways replay --status dead --yes\n"
        "bothways replay evt_42 evt_43\n"
        "bothways replay --status skipped --type upemail --since 2d --connection con_… --rate 600\n"
        "bothways replay --contacts --connection con_… --code field_required\n"
        "bothways replay --webhooks end_… --since 2d       # dead ones; --delivered for those that arrived\n"
        "bothways replay --list\n"
        "bothways replay rpl_…                             # how far it is; --watch stays to the end\n"
        "bothways replay rpl_… --cancel"
    )
)
@selectors
@click.option("--contacts", is_flag=True, help="Contacts that Mailchimp refused, in place of events.")
@click.option(
    "--webhooks", "endpoint", metavar="ENDPOINT", help="Webhooks to this endpoint, in place of events."
)
@click.option("--delivered", is_flag=True, help="With --webhooks: those that arrived, not the dead ones.")
@click.option("--rate", type=int, help="How many a minute; 500 at once, then 6,000, where nothing is said.")
@click.option("--look", is_flag=True, help="Look the sample up in Mailchimp: what would change now?")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@click.option("--watch", is_flag=True, help="Stay until all is sent and carried out. Needs workers.")
@click.option("--cancel", "is_cancelled", is_flag=True, help="End the replay that is named (rpl_…).")
@click.option("--list", "is_list", is_flag=True, help="List the newest replays.")
@json_option
def replay(
    contacts: bool,
    endpoint: str | None,
    delivered: bool,
    rate: int | None,
    look: bool,
    dry_run: bool,
    yes: bool,
    watch: bool,
    is_cancelled: bool,
    is_list: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Send events round again: those with these IDS, or all that match. Or say how far a replay is.

    It says first what it will do. Replaying is safe to repeat: every event looks at the member as it is
    now, so what was carried out before changes nothing.
    """
    if is_list:
        _list(as_json)
        return
    names = [name for name in chosen["ids"] if name.startswith(PREFIX)]
    if names or is_cancelled:
        _one(chosen["ids"], is_cancelled=is_cancelled, watch=watch, as_json=as_json)
        return
    if not any(chosen.values()) and endpoint is None:
        raise click.UsageError("Say which events: ids, or --status, --type, --since, --until, --connection.")
    with working_house() as house:
        planned = (
            _plan(house.kit, contacts, chosen)
            if endpoint is None
            else _plan_webhooks(house.kit, endpoint, chosen, delivered=delivered)
        )
        foreseen = _foreseen(house.kit, planned) if look else []
        if not as_json:
            _tell(planned, foreseen)
        if planned.count and not dry_run and not yes and not as_json:
            yes = click.confirm("Send them round again?")
        done = None
        if planned.count and yes and not dry_run:
            who = f"cli:{getpass.getuser()}"
            done = replaying.run(house.kit, planned, who=who, per_minute=rate)
            done = _watched(house.kit, done, as_json) if watch else done
    if as_json:
        print_json({**_told(planned, foreseen), **_done(done)})
    elif done is not None:
        _say(done)


def _plan(kit: Kit, contacts: bool, chosen: dict[str, Any]) -> Planned:
    if not contacts:
        return replaying.plan(kit, filter_of(**chosen))
    others = [name for name, value in chosen.items() if value and name not in {"connection", "codes"}]
    if others or not chosen["connection"]:
        raise click.UsageError("--contacts goes with --connection, and with --code.")
    return replaying.plan_members(kit, chosen["connection"], None, chosen["codes"] or None)


def _plan_webhooks(kit: Kit, endpoint: str, chosen: dict[str, Any], *, delivered: bool) -> NoticesPlan:
    if any(value for name, value in chosen.items() if name not in {"since", "until"}):
        raise click.UsageError("--webhooks goes with --delivered, --since and --until.")
    times = filter_of(**chosen)
    state = NoticeState.DELIVERED if delivered else NoticeState.DEAD
    wanted = NoticeFilter(endpoint, frozenset({state}), since=times.since, until=times.until)
    return replaying.plan_notices(kit, wanted, None)


def _foreseen(kit: Kit, planned: Planned) -> list[replaying.Foreseen]:
    return replaying.foresee(kit, planned.sample) if isinstance(planned, ReplayPlan) else []


def _told(planned: Planned, foreseen: list[replaying.Foreseen]) -> dict[str, Any]:
    if isinstance(planned, MembersPlan):
        return {"would_replay": planned.count, "by_code": dict(planned.by_code)}
    if isinstance(planned, NoticesPlan):
        return {"would_replay": planned.count, "by_type": dict(planned.by_kind)}
    return {
        "would_replay": planned.count,
        "by_status": dict(planned.by_status),
        "not_now": planned.not_now,
        "superseded": planned.superseded,
        "gone": planned.gone,
        "resting": planned.resting,
        "sample": [plain(row) for row in planned.sample],
        "foreseen": [{"id": one.event.name, "says": one.says} for one in foreseen],
    }


def _done(done: Progress | None) -> dict[str, Any]:
    return {"replayed": done.count if done else None, "replay": done.row.id if done else None}


def _tell(planned: Planned, foreseen: list[replaying.Foreseen]) -> None:
    if isinstance(planned, MembersPlan):
        codes = ", ".join(f"{count} {code}" for code, count in sorted(planned.by_code.items()))
        click.echo(f"{planned.count} contacts would be tried again" + (f" ({codes})." if codes else "."))
        if planned.is_resting:
            click.echo("Their connection waits for a person: they wait until it goes on.")
        return
    if isinstance(planned, NoticesPlan):
        types = ", ".join(f"{count} {kind}" for kind, count in sorted(planned.by_kind.items()))
        click.echo(f"{planned.count} webhooks would be sent again" + (f" ({types})." if types else "."))
        if planned.is_disabled:
            click.echo("Their endpoint is disabled: they wait until it is enabled.")
        return
    kinds = ", ".join(f"{count} {status}" for status, count in sorted(planned.by_status.items()))
    click.echo(f"{planned.count} events would be sent round again" + (f" ({kinds})." if kinds else "."))
    for count, says in (
        (planned.not_now, "more match, but wait or are being worked on already."),
        (planned.superseded, "of them have a later event of the same member."),
        (planned.gone, "of them belong to connections that are gone, and will be skipped."),
        (planned.resting, "of them belong to connections that wait for a person, and wait with them."),
    ):
        if count:
            click.echo(f"{count} {says}")
    if planned.sample:
        print_table([plain(row) for row in planned.sample], COLUMNS, "")
    for one in foreseen:
        click.echo(f"{one.event.name} now: {one.says}")


def _list(as_json: bool) -> None:
    with working_house() as house:
        rows = replays_answer(replaying.listed(house.kit, None)).model_dump(mode="json")["replays"]
    if as_json:
        print_json(rows)
    else:
        print_table(rows, LISTED, "Nothing was replayed yet.")


def _one(names: tuple[str, ...], *, is_cancelled: bool, watch: bool, as_json: bool) -> None:
    if len(names) != 1 or not names[0].startswith(PREFIX):
        raise click.UsageError("Name one replay: rpl_…")
    with working_house() as house:
        ask = replaying.cancel if is_cancelled else replaying.progress
        found = ask(house.kit, names[0], None)
        found = _watched(house.kit, found, as_json) if watch else found
    if as_json:
        print_json(progress_answer(found).model_dump(mode="json"))
    else:
        click.echo(found.line)


def _watched(kit: Kit, found: Progress, as_json: bool) -> Progress:
    said = ""
    while not found.is_finished or found.waiting:
        if found.line != said and not as_json:
            said = found.line
            click.echo(said)
        time.sleep(LOOK_SECONDS)
        found = replaying.progress(kit, found.row.id, None)
    return found


def _say(done: Progress) -> None:
    click.echo(f"{done.count} {NOUNS[done.row.kind]}s are on their way again.")
    if not done.is_finished:
        left = done.row.total - done.row.done
        click.echo(f"Workers send the other {left}: bothways replay {done.row.id} --watch")
