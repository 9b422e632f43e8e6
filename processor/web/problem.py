"""Errors as answers: `application/problem+json` (RFC 9457), by one table.

No answer holds a stack trace, a path, or words of an error that was not written for the caller.
"""

from __future__ import annotations

import http
import json
import logging
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

from processor.errors import (
    BothwaysError,
    ConfigError,
    Conflict,
    Expired,
    Gone,
    IllegalTransition,
    Invalid,
    MailchimpError,
    MemberExists,
    NotFound,
    NotUnderstood,
    Passing,
    Reconnect,
    StorageDown,
    StoreDown,
    Unfit,
    Unposted,
    Unreached,
)
from processor.log import say
from processor.receive import Overloaded, ShuttingDown
from processor.web.headers import ALWAYS

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5

STATUSES: Mapping[type[BothwaysError], int] = {
    Invalid: 422,
    NotUnderstood: 422,
    Unposted: 422,
    Unreached: 422,
    NotFound: 404,
    Expired: 410,
    Conflict: 409,
    IllegalTransition: 409,
    Unfit: 422,
    StoreDown: 503,
    StorageDown: 503,
    Overloaded: 503,
    ShuttingDown: 503,
    Reconnect: 409,
    Gone: 409,
    MemberExists: 409,
    Passing: 503,
    MailchimpError: 502,
    ConfigError: 500,
    BothwaysError: 500,
}
"""The status for each error; the nearest class counts. A test holds that every leaf is here."""

_WORDS: Mapping[int, str] = {
    404: "There is nothing here.",
    405: "This address does not take that method; the Allow header names those that it takes.",
    413: "The body is larger than what is accepted.",
    500: "Our mistake. The operator finds it in the log under this request's X-Request-Id.",
}
_OUR_WORDS = (Invalid, Unreached, NotUnderstood, NotFound, Expired, Conflict, IllegalTransition)
"""Errors whose text is written for the caller. That of the others may name hosts, tables or contacts."""
_STORE_DOWN = "The database does not answer; nothing was written. Try again."
_SAID: Mapping[type[BothwaysError], str] = {
    StoreDown: _STORE_DOWN,
    StorageDown: "The place where photos are kept does not answer, or is full. Try again.",
    Overloaded: "Too much at once. Try again.",
    ShuttingDown: "This process is stopping. Try again.",
    Reconnect: "Mailchimp no longer accepts our access: the connection has to be made again.",
    Gone: "Mailchimp no longer has what this needs.",
    Passing: "Mailchimp does not answer now. Try again.",
}


class Problem(Response):
    """A problem as an answer. `more` are further members; `code` is the catalogue's."""

    media_type = MEDIA_TYPE

    def __init__(
        self,
        status: int,
        detail: str | None = None,
        *,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        facts = {
            "type": f"urn:bothways:problem:{code}" if code else "about:blank",
            "title": http.HTTPStatus(status).phrase,
            "status": status,
            "detail": detail or _WORDS.get(status, http.HTTPStatus(status).description),
        }
        if code:
            facts["code"] = code
        super().__init__(json.dumps({**facts, **more}).encode(), status, headers)
        self.raw_headers += ALWAYS  # a webhook's 404 must be like any other, and passes no middleware for it


def status_of(error: BothwaysError) -> int:
    """Return the status that this error is answered with."""
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def of(error: BothwaysError) -> Problem:
    """Return the answer for one of our errors."""
    status = status_of(error)
    more = {"field": error.field} if isinstance(error, Invalid) and error.field else {}
    return Problem(status, _detail(error), code=error.code, headers=_headers(error, status), **more)


def _detail(error: BothwaysError) -> str | None:
    if isinstance(error, _OUR_WORDS) and str(error):
        return str(error)
    return next((_SAID[kind] for kind in type(error).__mro__ if kind in _SAID), None)


def _headers(error: BothwaysError, status: int) -> dict[str, str]:
    headers = {"Retry-After": str(RETRY_SECONDS)} if status == 503 else {}
    if isinstance(error, ShuttingDown):
        headers["Connection"] = "close"
    return headers


async def _on_http_error(request: Request, error: Exception) -> Response:  # noqa: ARG001
    assert isinstance(error, HTTPException)
    # Starlette's default detail is the bare phrase; one that a route gave is meant for the caller.
    bare = error.detail == http.HTTPStatus(error.status_code).phrase
    return Problem(error.status_code, None if bare else error.detail, headers=error.headers)


async def _on_our_error(request: Request, error: Exception) -> Response:  # noqa: ARG001
    assert isinstance(error, BothwaysError)
    answer = of(error)
    if answer.status_code >= 500:
        say(logger, logging.WARNING, "request failed", code=error.code, error=type(error).__name__)
    return answer


async def _on_bug(request: Request, error: Exception) -> Response:  # noqa: ARG001
    # Starlette raises it again after the answer; the server logs it with its trace and ends the connection.
    return Problem(500, code="internal", headers={"Connection": "close"})


HANDLERS: Mapping[Any, ExceptionHandler] = {
    HTTPException: _on_http_error,
    BothwaysError: _on_our_error,
    Exception: _on_bug,
}
