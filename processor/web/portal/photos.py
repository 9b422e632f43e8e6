"""Photos on both sides: seen, sent to Mailchimp, brought here, and the rules for what happens by itself."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from processor import report
from processor.domain.picture import look_at, shown_size
from processor.domain.plan import MemberState
from processor.errors import Invalid, NotFound
from processor.photos import ask, read
from processor.photos.read import PhotoReport
from processor.web.photos import STRICT, picture
from processor.web.portal.asked import Asked
from processor.web.portal.show import go
from processor.web.portal.standing import BLUE, GREEN, GREY, RED, YELLOW, Colour
from processor.web.portal.within import shown_of

PAGE = 24
MOST_MINUTES = 10_080
TICKS = ("push_at_once", "replace", "bring_new")


def photos(asked: Asked) -> Response:
    """Show both sides."""
    found = report.connection(asked.kit, asked.connection_id, asked.account_id)
    gallery = read.gallery(asked.kit, asked.connection_id, asked.account_id)
    here = read.here(
        asked.kit,
        asked.connection_id,
        asked.account_id,
        after=asked.query.get("after") or None,
        limit=PAGE,
    )
    there = read.there(
        asked.kit,
        asked.connection_id,
        asked.account_id,
        only_there=True,
        after=asked.query.get("there_after") or None,
        limit=PAGE,
    )
    return shown_of(
        asked,
        found,
        "photos_sides" if asked.is_partial else "photos",
        title="Photos",
        gallery=gallery,
        here_page=here,
        there_page=there,
        colours={one.row.id: _colour(one) for one in here.photos},
        shown_size=shown_size,
        is_busy=gallery.is_looking or bool(gallery.counts[MemberState.WAITING]),
        again=_again(asked),
    )


def _again(asked: Asked) -> str:
    """Return what the address needs to show the same part of both sides again."""
    places = {name: asked.query[name] for name in ("after", "there_after") if name in asked.query}
    return f"?{urlencode(places)}" if places else ""


def _colour(one: PhotoReport) -> Colour:
    if one.row.state == MemberState.FAILING:
        return RED
    if one.row.state == MemberState.WAITING:
        return YELLOW if one.row.reason else BLUE
    return GREEN if one.row.state == MemberState.IN_SYNC else GREY


def send(asked: Asked) -> Response:
    """Send one photo to Mailchimp, or all that are not there."""
    one = asked.text("photo")
    if one:
        ask.push(asked.kit, one, asked.account_id)
        return go(asked, _here(asked), "photo_sent")
    count = ask.push_all(asked.kit, asked.connection_id, asked.account_id)
    return go(asked, _here(asked), "photo_sent" if count else "photos_all_there")


def bring(asked: Asked) -> Response:
    """Bring one of Mailchimp's pictures here, or all of them."""
    one = asked.text("file")
    if one:
        number = [_number(one)]
        ask.pull(asked.kit, asked.connection_id, asked.account_id, file_ids=number)
    else:
        ask.pull(asked.kit, asked.connection_id, asked.account_id)
    return go(asked, _here(asked), "photo_brought")


def look(asked: Asked) -> Response:
    """Look at what Mailchimp has."""
    ask.look(asked.kit, asked.connection_id, asked.account_id)
    return go(asked, _here(asked), "photos_looking")


def rules(asked: Asked) -> Response:
    """Save the rules. A box that is not ticked is not sent, so what is not there is off."""
    minutes = asked.text("look_minutes")
    if minutes and not (minutes.isascii() and minutes.isdigit() and 1 <= int(minutes[:6]) <= MOST_MINUTES):
        raise Invalid("Write how many minutes lie between two looks, up to a week: 10,080.", "look_minutes")
    changed: dict[str, Any] = {name: asked.text(name) == "1" for name in TICKS}
    changed |= {"folder": asked.text("folder"), "look_minutes": int(minutes) if minutes else None}
    ask.change_rules(asked.kit, asked.connection_id, asked.account_id, changed)
    return go(asked, _here(asked), "saved")


def kept(asked: Asked) -> Response:
    """Give one photo that is kept here."""
    row = read.photo(asked.kit, asked.path["photo"], asked.account_id).row
    if row.connection_id != asked.connection_id:
        raise NotFound("There is no such photo.")
    return picture(read.content(asked.kit, row), row)


def thumbnail(asked: Asked) -> Response:
    """Give the small picture of one of Mailchimp's: we ask for it, not the browser."""
    number = _number(asked.path["file"])
    data = read.thumbnail(asked.kit, asked.connection_id, asked.account_id, number)
    found = look_at(data)
    if found is None:
        raise NotFound("There is no such picture.")
    headers = {"Content-Security-Policy": STRICT, "Cache-Control": "private, max-age=86400"}
    return Response(data, headers=headers, media_type=found.media_type)


def _here(asked: Asked) -> str:
    return f"{asked.here}/photos"


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise NotFound("There is no such picture.")
    return int(text)
