"""The cookie that holds an operator's session."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from processor.config import Settings
from processor.sign_in import SESSION_TTL
from processor.web.portal.cookie import is_https

NAME = "bothways-ops"


def name(settings: Settings) -> str:
    """Return the cookie's name. A `__Host-` one can be set by this very host only, and over https alone."""
    return f"__Host-{NAME}" if is_https(settings) else NAME


def token_of(request: Request, settings: Settings) -> str:
    """Return the session's token that the browser brings, or an empty text."""
    return request.cookies.get(name(settings), "")


def remember(answer: Response, settings: Settings, token: str) -> None:
    """Let the browser keep the session."""
    _set(answer, settings, token, int(SESSION_TTL.total_seconds()))


def forget(answer: Response, settings: Settings) -> None:
    """Let the browser forget the session."""
    _set(answer, settings, "", 0)


def _set(answer: Response, settings: Settings, value: str, max_age_seconds: int) -> None:
    # Strict would not be sent along with a link from a chat or a pager, which is how operators come.
    answer.set_cookie(
        name(settings),
        value,
        max_age=max_age_seconds,
        httponly=True,
        secure=is_https(settings),
        samesite="lax",
    )
