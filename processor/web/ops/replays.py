"""Replays: the plan, the run, its progress, and its end."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.responses import Response

from processor import replay
from processor.domain.event import EventStatus
from processor.errors import Invalid
from processor.replay import DEFAULT_PER_MINUTE, MOST_PER_MINUTE, MembersPlan, ReplayPlan
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
    return shown(asked, "replays", title="Replays", rows=replay.listed(asked.kit, None), colours=COLOURS)


def plan(asked: Asked) -> Response:
    """Show what a replay would do, before it does anything; with `look`, also what would change now."""
    wanted = chosen(asked.query, asked.now)
    is_of_members = asked.query.get("kind") == ReplayKind.MEMBERS.value
    planned = _planned(asked, asked.query.get("connection", ""), is_of_members)
    events = planned if isinstance(planned, ReplayPlan) else None
    is_looked = asked.query.get("look") == "1" and events is not None
    foreseen = replay.foresee(asked.kit, events.sample) if is_looked and events else []
    query = urlencode({"kind": "members"}) + "&" + wanted.query if is_of_members else wanted.query
    return shown(
        asked,
        "plan",
        title="Send again",
        planned=planned,
        events=events,
        contacts=planned if isinstance(planned, MembersPlan) else None,
        chosen=wanted,
        query=query,
        foreseen={one.event.id: one for one in foreseen},
        happened=happened,
        masked=lambda text: masked(text, asked.is_masked),
        default=DEFAULT_PER_MINUTE,
        most=MOST_PER_MINUTE,
    )


def _planned(asked: Asked, connection: str, is_of_members: bool) -> ReplayPlan | MembersPlan:
    values = asked.form if asked.form else asked.query
    wanted = chosen(values, asked.now)
    if is_of_members:
        if not connection:
            raise Invalid("Name the connection whose contacts are to be tried again.")
        return replay.plan_members(asked.kit, connection, None, wanted.wanted.codes)
    return replay.plan(asked.kit, wanted.wanted)


def begin(asked: Asked) -> Response:
    """Begin what the plan showed."""
    is_of_members = asked.text("kind") == ReplayKind.MEMBERS.value
    planned = _planned(asked, asked.text("connection"), is_of_members)
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
