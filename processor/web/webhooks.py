"""`/webhooks/mailchimp/{token}`: where Mailchimp calls. Nothing is parsed here: authenticated bytes are kept.

A plain ASGI endpoint, because it is the hot path: Starlette's Request and Response cost it a quarter of its
throughput. Every answer but 200 is in the table `STATUSES`. The sender tries again after anything but 200
and 410, for 75 minutes (facts.md 1.7), so 410 is only for hooks that were removed on purpose.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum

from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from processor import spans
from processor.domain.event import Delivery
from processor.doorkeeper import Doorkeeper, KnownHook
from processor.errors import BothwaysError, StoreDown
from processor.log import say
from processor.mailchimp.webhook import SIGNATURE_HEADER, BadSignature, verify
from processor.receive import Overloaded, Receiver, ShuttingDown
from processor.web.access import ID
from processor.web.deadlines import TOO_SLOW
from processor.web.problem import RETRY_SECONDS, Problem

logger = logging.getLogger(__name__)

START = "/webhooks/mailchimp/"
PATH = START + "{token}"
MAX_AMPERSANDS = 2_000
"""A form with more fields is refused while that is cheap. The worker's parser has the strict limit; this one
only keeps a body that is made of separators from taking its time."""

FORM = "application/x-www-form-urlencoded"
TYPES = frozenset({FORM, "application/json"})
"""Mailchimp sends forms; a few articles claim JSON (facts.md 1.2), which is kept as it is too."""

_SIGNATURE = SIGNATURE_HEADER.lower().encode()


class Refusal(StrEnum):
    """Why a call was not answered 200: what the counters and the log say."""

    UNKNOWN_TOKEN = "unknown_token"  # noqa: S105
    GONE = "gone"
    SIGNATURE_MISSING = "signature_missing"
    SIGNATURE_MALFORMED = "signature_malformed"
    SIGNATURE_STALE = "signature_stale"
    SIGNATURE_WRONG = "signature_wrong"
    TOO_LARGE = "too_large"
    TOO_MANY_FIELDS = "too_many_fields"
    TOO_SLOW = "too_slow"
    WRONG_TYPE = "wrong_type"
    SENDER_LEFT = "sender_left"
    STORE_DOWN = "store_down"
    OVERLOADED = "overloaded"
    SHUTTING_DOWN = "shutting_down"
    UNREADABLE_SECRET = "unreadable_secret"  # noqa: S105


STATUSES: Mapping[Refusal, int] = {
    Refusal.UNKNOWN_TOKEN: 404,  # never 410: a misrouted environment must not switch webhooks off
    Refusal.GONE: 410,
    Refusal.SIGNATURE_MISSING: 404,
    Refusal.SIGNATURE_MALFORMED: 404,
    Refusal.SIGNATURE_STALE: 404,
    Refusal.SIGNATURE_WRONG: 404,
    Refusal.TOO_LARGE: 413,
    Refusal.TOO_MANY_FIELDS: 413,
    Refusal.TOO_SLOW: 408,  # the server has sent it
    Refusal.WRONG_TYPE: 415,
    Refusal.SENDER_LEFT: 400,  # nobody reads it
    Refusal.STORE_DOWN: 503,
    Refusal.OVERLOADED: 503,
    Refusal.SHUTTING_DOWN: 503,
    Refusal.UNREADABLE_SECRET: 503,
}
_CLOSING = frozenset({Refusal.TOO_LARGE, Refusal.TOO_SLOW, Refusal.SENDER_LEFT, Refusal.SHUTTING_DOWN})
"""After these the connection is closed: the rest of a body would be read for nothing."""
_TOLD = frozenset(Refusal) - {Refusal.UNKNOWN_TOKEN, Refusal.GONE, Refusal.STORE_DOWN, Refusal.OVERLOADED}
"""Logged with their connection. The others may come by the thousand; the counters and access lines tell."""

_NOT_KEPT: Mapping[type[BothwaysError], Refusal] = {
    StoreDown: Refusal.STORE_DOWN,
    Overloaded: Refusal.OVERLOADED,
    ShuttingDown: Refusal.SHUTTING_DOWN,
}

_OK_HEADERS = [(b"content-type", b"text/plain"), (b"content-length", b"3")]
_OK_BODY = {"type": "http.response.body", "body": b"ok\n"}


class _Refused(Exception):
    def __init__(self, why: Refusal) -> None:
        self.why = why
        super().__init__(why)


class Webhooks:
    """The endpoint. Answers 200 after the delivery is committed, and at once to Mailchimp's validator."""

    def __init__(
        self,
        receiver: Receiver,
        doorkeeper: Doorkeeper,
        now: Callable[[], datetime],
        *,
        max_body_bytes: int,
    ) -> None:
        self._receiver = receiver
        self._doorkeeper = doorkeeper
        self._now = now
        self._max_body_bytes = max_body_bytes

    def route(self) -> Route:
        """Return the route to this endpoint."""
        return Route(PATH, self, methods=["GET", "HEAD", "POST"], name="webhook")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        hook = None
        try:
            hook = await self._hook(scope["path_params"]["token"])
            if scope["method"] == "POST":
                await self._take(hook, scope, receive)
        except _Refused as refused:
            self._note(refused.why, hook, scope)
            await _refusal(refused.why)(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": _OK_HEADERS})
        await send(_OK_BODY)

    async def _hook(self, token: str) -> KnownHook:
        try:
            hook = await self._doorkeeper.find(token)
        except StoreDown:
            raise _Refused(Refusal.STORE_DOWN) from None
        except BothwaysError as error:
            say(logger, logging.ERROR, "the secret of a hook cannot be opened", code=error.code)
            raise _Refused(Refusal.UNREADABLE_SECRET) from None
        if hook is None:
            raise _Refused(Refusal.UNKNOWN_TOKEN)
        if hook.is_gone:
            raise _Refused(Refusal.GONE)
        return hook

    async def _take(self, hook: KnownHook, scope: Scope, receive: Receive) -> None:
        content_type, signature, length = _told(scope)
        if length > self._max_body_bytes:
            raise _Refused(Refusal.TOO_LARGE)
        body = await self._body(scope, receive)
        if not body:  # some say that the validator's check is an empty POST (facts.md 1.1)
            return
        now = self._now()
        if hook.secrets:
            _check_signature(hook, signature, body, now)
        _check_form(content_type, body)
        delivery = Delivery(hook.connection_id, body, content_type, now, signed=bool(hook.secrets))
        began = time.perf_counter()
        try:
            await self._receiver.take(delivery)
        except (StoreDown, Overloaded, ShuttingDown) as error:
            raise _Refused(_NOT_KEPT[type(error)]) from None
        if spans.is_on():
            seconds = time.perf_counter() - began
            spans.delivered(delivery.key, seconds, {"connection": hook.connection_id, "bytes": len(body)})

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """Return the body. `deadlines` watches the time it takes."""
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Refused(Refusal.TOO_SLOW if TOO_SLOW in scope else Refusal.SENDER_LEFT)
            piece: bytes = message.get("body", b"")
            body = body + piece if body else piece
            if len(body) > self._max_body_bytes:  # chunked: there was no length to refuse by
                raise _Refused(Refusal.TOO_LARGE)
            if not message.get("more_body"):
                return body

    def _note(self, why: Refusal, hook: KnownHook | None, scope: Scope) -> None:
        self._receiver.tally.refused[why] += 1
        if hook is not None and why in _TOLD:
            facts = {"reason": why, "connection": hook.connection_id, "request": scope.get(ID)}
            say(logger, logging.WARNING, "call refused", **facts)


def _told(scope: Scope) -> tuple[str, str | None, int]:
    """Return what the head says: content type, signature, length of the body (0 when it says none)."""
    content_type, signature, length = "", None, 0
    for name, value in scope["headers"]:
        if name == b"content-type":
            content_type = value.decode("latin-1")
        elif name == _SIGNATURE:
            signature = value.decode("latin-1")
        elif name == b"content-length":
            length = int(value)  # the server has refused anything but digits
    return content_type, signature, length


def _check_signature(hook: KnownHook, header: str | None, body: bytes, now: datetime) -> None:
    try:
        verify(hook.secrets, header, body, now)
    except BadSignature as error:
        raise _Refused(Refusal(f"signature_{error.reason}")) from None


def _check_form(content_type: str, body: bytes) -> None:
    essence = content_type.partition(";")[0].strip().lower()
    if essence not in TYPES:
        raise _Refused(Refusal.WRONG_TYPE)
    if essence == FORM and body.count(b"&") > MAX_AMPERSANDS:
        raise _Refused(Refusal.TOO_MANY_FIELDS)


def _refusal(why: Refusal) -> Problem:
    status = STATUSES[why]
    headers = {"Retry-After": str(RETRY_SECONDS)} if status == 503 else {}
    if why in _CLOSING:
        headers["Connection"] = "close"
    return Problem(status, headers=headers)
