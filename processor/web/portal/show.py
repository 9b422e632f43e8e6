"""Answers of the portal: whole pages, parts of them, and the way on after a form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import RedirectResponse, Response

from processor.config import Settings
from processor.web.pages import login_origins, page, policy
from processor.web.portal.asked import PORTAL, Asked

SAID: Mapping[str, str] = {
    "paused": "Paused. Whatever changes meanwhile is kept.",
    "resumed": "Going on.",
    "cancelled": "The first sync was stopped. What it had done so far stays.",
    "retried": "Being tried again now.",
    "left_out": "Left out. Nothing more is sent for them, except that they unsubscribed.",
    "taken_back": "Taken back in. Both sides are being compared now.",
    "nothing": "Nobody was failing any more, so there was nothing to try again.",
    "saved": "Saved.",
    "photo_sent": "Being sent to Mailchimp.",
    "photos_all_there": "Everything is in Mailchimp already, or on its way.",
    "photo_brought": "Being brought here.",
    "photos_looking": "We are asking Mailchimp what it has.",
    "known": "Noted: you will not be reminded of it.",
    "muted": "Noted: you will be reminded in 30 days, if it is still there.",
    "mailed": "A test is on its way. It should arrive within a minute.",
    "unmailed": "No test was sent: there is no mail server, or no address.",
    "used": "The other value is used now, on both sides as soon as it has arrived.",
    "reconnected": "Mailchimp accepts our access again. Everything goes on where it stopped.",
}
"""What a page says after a form, by the word in its address: an address can make it say nothing else."""
CSV_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def headers(settings: Settings, *, to_login: bool = False) -> dict[str, str]:
    """Return the policy of a portal page; `to_login` where a form of it begins the sign-in at Mailchimp."""
    there = login_origins(settings.mailchimp_login_url) if to_login else []
    return {
        "Content-Security-Policy": policy(scripts=True, forms_go_to=there, frames=settings.frames),
        # What one visitor sees is nobody else's, and a language or a frame makes no other page of it.
        "Cache-Control": "no-store",
    }


def shown(
    asked: Asked, template: str, status: int = 200, *, to_login: bool = False, **values: Any
) -> Response:
    """Return a page of the portal: `portal/<template>.html`."""
    return page(
        f"portal/{template}.html",
        status,
        headers=headers(asked.kit.settings, to_login=to_login),
        asked=asked,
        now=asked.now,
        said=SAID.get(asked.query.get("said", "")),
        **values,
    )


def go(asked: Asked, path: str, said: str | None = None) -> Response:
    """Send the browser on, after a form."""
    where = f"{path}{'&' if '?' in path else '?'}said={said}" if said else path
    if asked.is_partial:
        return Response(headers={"HX-Redirect": where, "Cache-Control": "no-store"})
    return RedirectResponse(where, 303, {"Cache-Control": "no-store"})


def reload(path: str) -> Response:
    """Let htmx load a whole page, which is another than the one whose part it asked for."""
    return Response(headers={"HX-Redirect": path, "Cache-Control": "no-store"})


def home_of(connection_id: str) -> str:
    """Return the address of a connection's first page."""
    return f"{PORTAL}/connections/{connection_id}"
