"""Replays: the plan, the run, its progress, and its end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from starlette.datastructures import FormData, QueryParams
from starlette.responses import Response

from processor import replay
from processor.domain.event import EventStatus
from processor.domain.outgoing import NoticeKind
from processor.errors import Invalid
from processor.replay import (
    DEFAULT_PER_MINUTE,
    MOST_PER_MINUTE,
    MembersPlan,
    NoticesPlan,
    Planned,
    ReplayPlan,
)
from processor.replay.progress import NOUNS
from processor.store.notices_again import NoticeFilter
from processor.store.notices_rows import NoticeState
from processor.store.replays import ReplayKind
from processor.store.runs import RunState
from processor.web.ops.asked import OPS, Asked
from processor.web.ops.chosen import chosen
from processor.web.ops.events import happened
from processor.web.ops.masking import masked
from processor.web.ops.show import go, reload, shown
from processor.web.portal.standing import BLUE, GREEN, GREY, RED, Colour

COLOURS = {
    RunState.WAITING: Colour(BLUE.name, "Waiting"),
    RunState.RUNNING: Colour(BLUE.name, "Sending"),
    RunState.DONE: Colour(GREEN.name, "All sent"),
    RunState.CANCELLED: Colour(GREY.name, "Cancelled"),
    RunState.FAILED: Colour(RED.name, "Failed"),
}


def listed(asked: Asked) -> Response:
    """List the newest replays."""
    return shown(
        asked, "replays", title="Replays", rows=replay.listed(asked.kit, None), colours=COLOURS, nouns=NOUNS
    )


def plan(asked: Asked) -> Response:
    """Show what a replay would do, before it does anything; with `look`, also what would change now."""
    wanted = chosen(asked.query, asked.now)
    planned = _planned(asked, asked.query)
    events = planned if isinstance(planned, ReplayPlan) else None
    is_looked = asked.query.get("look") == "1" and events is not None
    foreseen = replay.foresee(asked.kit, events.sample) if is_looked and events else []
    return shown(
        asked,
        "plan",
        title="Send again",
        planned=planned,
        noun=NOUNS[planned.kind],
        events=events,
        contacts=planned if isinstance(planned, MembersPlan) else None,
        webhooks=planned if isinstance(planned, NoticesPlan) else None,
        hidden=_hidden(asked, planned, wanted.said),
        chosen=wanted,
        foreseen={one.event.id: one for one in foreseen},
        happened=happened,
        masked=lambda text: masked(text, asked.is_masked),
        default=DEFAULT_PER_MINUTE,
        most=MOST_PER_MINUTE,
    )


def _hidden(asked: Asked, planned: Planned, of_events: Mapping[str, str]) -> Mapping[str, str]:
    """Return what the form that begins it says again: what the address of the plan said."""
    if isinstance(planned, NoticesPlan):
        return {name: asked.query.get(name, "") for name in ("endpoint", "state", "type", "since", "until")}
    return of_events


def _planned(asked: Asked, values: QueryParams | FormData) -> Planned:
    kind = values.get("kind", ReplayKind.EVENTS)
    if kind == ReplayKind.NOTICES:
        return replay.plan_notices(asked.kit, _notices(values, asked.now), None)
    wanted = chosen(values, asked.now)
    if kind == ReplayKind.MEMBERS:
        if not values.get("connection"):
            raise Invalid("Name the connection whose contacts are to be tried again.")
        return replay.plan_members(asked.kit, str(values["connection"]), None, wanted.wanted.codes)
    return replay.plan(asked.kit, wanted.wanted)


def _notices(values: QueryParams | FormData, now: datetime) -> NoticeFilter:
    said = {name: str(values.get(name, "")) for name in ("endpoint", "state", "type")}
    times = chosen(QueryParams({name: str(values.get(name, "")) for name in ("since", "until")}), now).wanted
    try:
        return NoticeFilter(
            said["endpoint"],
            states=frozenset({NoticeState(said["state"] or NoticeState.DEAD)}),
            kinds=frozenset({NoticeKind(said["type"])}) if said["type"] else None,
            since=times.since,
            until=times.until,
        )
    except ValueError:
        raise Invalid("There is no such state or type of webhooks.") from None


def begin(asked: Asked) -> Response:
    """Begin what the plan showed."""
    planned = _planned(asked, asked.form)
    if not planned.count:
        raise Invalid("There is nothing left to send: what was chosen waits already, or is gone.")
    found = replay.run(asked.kit, planned, who=asked.who, per_minute=_rate(asked.text("per_minute")))
    return go(asked, f"{OPS}/replays/{found.row.id}")


def _rate(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Invalid("Write the rate as a number a minute.")
    return int(text)


def watch(asked: Asked) -> Response:
    """Show how far a replay is."""
    found = replay.progress(asked.kit, asked.path["replay"], None)
    here = f"{OPS}/replays/{found.row.id}"
    is_over = found.is_finished and not found.waiting
    if asked.is_partial and asked.query.get("was") != found.row.state.value:
        return reload(here)
    return shown(
        asked,
        "replay_progress" if asked.is_partial else "replay",
        title=f"Replay of {found.row.created_at:%d %B, %H:%M}",
        found=found,
        here=here,
        colour=COLOURS[found.row.state],
        is_over=is_over,
        dead=found.outcomes.get(EventStatus.DEAD, 0),
    )


def cancel(asked: Asked) -> Response:
    """End it before its time."""
    replay.cancel(asked.kit, asked.path["replay"], None)
    return go(asked, f"{OPS}/replays/{asked.path['replay']}", "cancelled")
