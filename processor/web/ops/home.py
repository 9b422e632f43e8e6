"""The overview: what is moving, what stands still and why."""

from __future__ import annotations

from starlette.responses import Response

from processor import report
from processor.attempt import write_down
from processor.calls import failing
from processor.domain.connection import ConnectionState
from processor.domain.event import EventStatus
from processor.report.standing import LABELS
from processor.report.why import MOVING
from processor.web.ops.asked import Asked
from processor.web.ops.show import shown
from processor.web.portal.standing import COLOURS, GREEN, RED, YELLOW, Colour

ANSWERS = {
    "ok": "answered",
    "gone": "not there",
    "refused": "refused",
    "reconnect": "no access",
    "rate_limited": "limited",
    "mailchimp_down": "Mailchimp down",
    "network": "no answer",
}
"""Classes of answers in words; a test holds that each has some."""


def home(asked: Asked) -> Response:
    """Show how everything stands."""
    write_down(asked.kit)
    found = report.overview(asked.kit)
    bad, made = failing(found.calls)
    return shown(
        asked,
        "state" if asked.is_partial else "home",
        title="Overview",
        found=found,
        verdict=verdict(found, asked),
        bad=bad,
        made=made,
        answers=ANSWERS,
        labels={state.value: LABELS[state] for state in ConnectionState},
        colours=COLOURS,
    )


def verdict(found: report.Overview, asked: Asked) -> tuple[Colour, str, str]:
    """Return the one line at the top: colour, label, and the sentence below."""
    waited = asked.now - found.oldest_due_at if found.oldest_due_at else None
    if not found.workers:
        return RED, "No worker is running", "What arrives is kept. Start one: `worker` of the Procfile."
    stands = [one for one in found.still if one.since is not None]
    if stands:
        count = len(stands)
        noun = "connection stands" if count == 1 else "connections stand"
        return YELLOW, f"{count:,} {noun} still", "Each says below why."
    bad, made = failing(found.calls)
    if bad and bad * 2 >= made:
        said = f"{bad:,} of the last {made:,} calls got no answer that could be used. We keep trying."
        return YELLOW, "Mailchimp fails", said
    if waited is not None and waited >= MOVING:
        return YELLOW, "Behind", "Workers are at it."
    dead = found.events[EventStatus.DEAD]
    given_up = f" {dead:,} events were given up: look at them, and send them again." if dead else ""
    return GREEN, "Everything moves", f"Nothing waits for longer than a minute.{given_up}"
