"""Answers of the ops pages: whole pages, parts of them, and the way on after a form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import RedirectResponse, Response

from processor.config import Settings
from processor.web.ops.asked import OPS, Asked
from processor.web.pages import page, policy
from processor.web.portal.trouble import Trouble

NO_STORE = {"Cache-Control": "no-store"}
NAV = (("", "Overview"), ("/connections", "Connections"), ("/events", "Events"), ("/replays", "Replays"))
SAID: Mapping[str, str] = {
    "paused": "Paused. Whatever changes meanwhile is kept.",
    "resumed": "Going on.",
    "sweeping": "A worker goes round the audience now.",
    "retried": "Being tried again now.",
    "nothing": "Nobody was failing any more, so there was nothing to try again.",
    "cancelled": "Nothing more is sent. What was sent is carried out.",
}
"""What a page says after a form, by the word in its address: an address can make it say nothing else."""


def headers() -> dict[str, str]:
    """Return the policy of an ops page: our own scripts, and nobody's frame."""
    return {"Content-Security-Policy": policy(scripts=True), **NO_STORE}


def shown(asked: Asked, template: str, status: int = 200, **values: Any) -> Response:
    """Return an ops page: `ops/<template>.html`."""
    return page(
        f"ops/{template}.html",
        status,
        headers=headers(),
        asked=asked,
        now=asked.now,
        nav=NAV,
        ops=OPS,
        said=SAID.get(asked.query.get("said", "")),
        **values,
    )


def go(asked: Asked, path: str, said: str | None = None) -> Response:
    """Send the browser on, after a form."""
    where = f"{path}?said={said}" if said else path
    if asked.is_partial:
        return Response(headers={"HX-Redirect": where, **NO_STORE})
    return RedirectResponse(where, 303, NO_STORE)


def reload(path: str) -> Response:
    """Let htmx load a whole page, which is another than the one whose part it asked for."""
    return Response(headers={"HX-Redirect": path, **NO_STORE})


def in_words(said: Trouble) -> Response:
    """Return the page that says what went wrong."""
    way_on = (OPS, "Back to the overview") if said.way_on else None
    return page(
        "portal/trouble.html",
        said.status,
        headers=headers(),
        title=said.title,
        failed=said,
        way_on=way_on,
        is_new_tab=False,
    )


def closed(settings: Settings) -> Response:
    """Say how these pages are opened."""
    todo = (
        "Open them through the proxy that signs you in."
        if settings.ops_proxy_header
        else "Set OPS_PASSWORD (bothways ops-password makes a hash), or OPS_PROXY_HEADER, and start again."
    )
    return in_words(
        Trouble(403, "These pages are closed", "Nobody has said who may see them here.", todo, way_on=None)
    )
