"""The cookie that holds a portal session, and the token that ties our forms to it."""

from __future__ import annotations

import hashlib
import hmac

from starlette.requests import Request
from starlette.responses import Response

from processor.config import Settings
from processor.visit import SESSION_TTL, Visit

NAME = "bothways-portal"
_FORM = b"a form of this session"


def name(settings: Settings) -> str:
    """Return the cookie's name. A `__Host-` one can be set by this very host only, and over https alone."""
    return f"__Host-{NAME}" if is_https(settings) else NAME


def token_of(request: Request, settings: Settings) -> str:
    """Return the session's token that the browser brings, or an empty text."""
    return request.cookies.get(name(settings), "")


def remember(answer: Response, settings: Settings, visit: Visit) -> None:
    """Let the browser keep the session."""
    _set(answer, settings, visit.token, int(SESSION_TTL.total_seconds()))


def forget(answer: Response, settings: Settings) -> None:
    """Let the browser forget the session."""
    _set(answer, settings, "", 0)


def form_token(session: str) -> str:
    """Return what every form of a session carries; without the session nobody can make it up."""
    return hmac.new(session.encode("utf-8", "surrogatepass"), _FORM, hashlib.sha256).hexdigest()


def is_form_of(session: str, sent: str) -> bool:
    """Whether a form that brings `sent` is one of this session's."""
    return hmac.compare_digest(form_token(session).encode(), sent.encode("utf-8", "surrogatepass"))


def is_https(settings: Settings) -> bool:
    """Whether browsers reach this installation over https."""
    return settings.public.startswith("https://")


def _set(answer: Response, settings: Settings, value: str, max_age_seconds: int) -> None:
    """Write the header by hand: `http.cookies` of Python 3.11 does not know `Partitioned`.

    In another site's frame a browser sends a cookie only with `SameSite=None`, and keeps it, where it keeps
    any, in a jar of its own for that site: that is what `Partitioned` asks for.
    """
    is_framed = bool(settings.frames) and is_https(settings)
    parts = [
        f"{name(settings)}={value}",
        "Path=/",
        f"Max-Age={max_age_seconds}",
        "HttpOnly",
        *(["Secure"] if is_https(settings) else []),
        *(["SameSite=None", "Partitioned"] if is_framed else ["SameSite=Lax"]),
    ]
    answer.headers.append("Set-Cookie", "; ".join(parts))
