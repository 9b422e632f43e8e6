"""Events: chosen by a filter, and one with its delivery, its meaning, the decision, and its calls."""

from __future__ import annotations

from starlette.responses import Response

from processor import report
from processor.attempt import write_down
from processor.domain.catalogue import ENTRIES, words
from processor.domain.event import REPLAYABLE, Event, EventStatus, EventType
from processor.domain.skips import said
from processor.errors import NotUnderstood
from processor.mailchimp import webhook
from processor.report.events import calls_for
from processor.store.inbox import EventRow
from processor.web.ops.asked import Asked
from processor.web.ops.chosen import chosen
from processor.web.ops.masking import masked
from processor.web.ops.show import shown
from processor.web.portal.standing import BLUE, GREEN, GREY, RED, YELLOW, Colour

PAGE = 50
COLOURS = {
    EventStatus.RECEIVED: Colour(BLUE.name, "Waiting"),
    EventStatus.PROCESSING: Colour(BLUE.name, "A worker has it"),
    EventStatus.APPLIED: Colour(GREEN.name, "Carried out"),
    EventStatus.SKIPPED: Colour(GREY.name, "Nothing to do"),
    EventStatus.RETRYING: Colour(YELLOW.name, "We keep trying"),
    EventStatus.DEAD: Colour(RED.name, "Given up"),
}
"""A test holds that every status has one."""


def listed(asked: Asked) -> Response:
    """List the events that the filter chooses, newest first."""
    wanted = chosen(asked.query, asked.now)
    page = report.events(asked.kit, wanted.wanted, after=asked.query.get("after") or None, limit=PAGE)
    return shown(
        asked,
        "events",
        title="Events",
        page=page,
        chosen=wanted,
        statuses=[status.value for status in EventStatus],
        types=[kind.value for kind in EventType],
        codes=sorted(ENTRIES),
        happened=happened,
        masked=lambda text: masked(text, asked.is_masked),
    )


def one(asked: Asked) -> Response:
    """Show all that is known of one event."""
    write_down(asked.kit)
    found = report.event(asked.kit, asked.path["event"], None)
    meaning, unread = _meaning(found.row)
    return shown(
        asked,
        "event",
        title=found.row.name,
        found=found,
        colour=COLOURS[found.row.status],
        decision=happened(found.row),
        meaning=meaning,
        unread=unread,
        delivery=masked((found.row.body or b"").decode("utf-8", "replace"), asked.is_masked),
        calls=calls_for(asked.kit, found.row),
        is_replayable=found.row.status in REPLAYABLE,
        masked=lambda text: masked(text, asked.is_masked),
    )


def happened(row: EventRow) -> str:
    """Return what was decided, in a line."""
    if row.code:
        return words(row.code, reference=row.name, detail=row.detail, instance=row.instance).title
    return said((row.outcome or {}).get("why")) or COLOURS[row.status].says


def _meaning(row: EventRow) -> tuple[Event | None, str]:
    try:
        return webhook.parse(row.body or b"", row.content_type), ""
    except NotUnderstood as error:
        return None, str(error)
