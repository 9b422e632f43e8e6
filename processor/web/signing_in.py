"""The cookie that ties Mailchimp's answer to the browser that went there."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from processor.config import Settings
from processor.connect import STATE_TTL, Begun

NAME = "bothways-connect"


def name(settings: Settings) -> str:
    """Return the cookie's name. A `__Host-` one can be set by this very host only, and over https alone."""
    return f"__Host-{NAME}" if _is_https(settings) else NAME


def remember(answer: Response, settings: Settings, begun: Begun) -> None:
    """Let the browser keep its half of the state."""
    answer.set_cookie(
        name(settings),
        begun.browser,
        max_age=int(STATE_TTL.total_seconds()),
        secure=_is_https(settings),
        httponly=True,
        samesite="lax",
    )


def brought(request: Request, settings: Settings) -> str:
    """Return what the browser brings back, or an empty text."""
    return request.cookies.get(name(settings), "")


def forget(answer: Response, settings: Settings) -> None:
    """Let the browser forget it."""
    answer.delete_cookie(name(settings), secure=_is_https(settings), httponly=True, samesite="lax")


def _is_https(settings: Settings) -> bool:
    return settings.public.startswith("https://")
