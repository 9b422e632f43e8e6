"""What Mailchimp's webhooks send: is it theirs, and what does it mean. No I/O.

Source: facts.md 1.2 to 1.6.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from processor.domain.event import Event, EventType
from processor.errors import BothwaysError, NotUnderstood
from processor.mailchimp import forms
from processor.mailchimp.scrub import scrub

SIGNATURE_HEADER = "X-Mailchimp-Signature"
FORGOTTEN_DOMAIN = "forgotten.mailchimp.com"
"""Where the addresses of contacts who were deleted for good point to (facts.md 1.10)."""

_TYPES = {kind.value: kind for kind in EventType}
_MAX_HEADER_LENGTH = 2048
_STAMP = re.compile(r"[0-9]{1,12}")
_UNNESTED = (str, int, float, type(None))


class SignatureFault(StrEnum):
    """What is wrong with a signature."""

    MISSING = "missing"
    MALFORMED = "malformed"
    STALE = "stale"
    WRONG = "wrong"


class BadSignature(BothwaysError):
    """A delivery that must be signed is not signed by Mailchimp, or not now. `reason` says which."""

    code = "bad_signature"

    def __init__(self, reason: SignatureFault) -> None:
        self.reason = reason
        super().__init__(f"signature {reason}")


def verify(
    secrets: Sequence[str], header: str | None, body: bytes, now: datetime, tolerance_seconds: float = 300
) -> None:
    """Return when one of the secrets signed these raw bytes within the tolerance; raise BadSignature if not.

    The header is `t={unix seconds},v1={hex}` with HMAC-SHA256 over `"{t}." + body`; several `v1` and
    several secrets are accepted, for rotation (facts.md 1.6). Empty secrets are passed over: whoever
    signs with an empty key is nobody. Raises nothing else, whatever the header holds.
    """
    if header is None or not header.strip():
        raise BadSignature(SignatureFault.MISSING)
    stamp, given = _signature_parts(header)
    if abs(now.timestamp() - int(stamp)) > tolerance_seconds:
        raise BadSignature(SignatureFault.STALE)
    message = stamp.encode() + b"." + body
    right = False
    for secret in filter(None, secrets):
        wanted = hmac.new(secret.encode("utf-8", "replace"), message, "sha256").hexdigest().encode()
        for candidate in given:
            # Bytes, not text: compare_digest raises on text that is not ASCII. No early way out either.
            right |= hmac.compare_digest(wanted, candidate)
    if not right:
        raise BadSignature(SignatureFault.WRONG)


def sign(secret: str, body: bytes, at: datetime) -> str:
    """Return the header's value that Mailchimp would send for this body at this time."""
    stamp = str(int(at.timestamp()))
    return f"t={stamp},v1={hmac.new(secret.encode(), stamp.encode() + b'.' + body, 'sha256').hexdigest()}"


def _signature_parts(header: str) -> tuple[str, list[bytes]]:
    parts = [part.strip().partition("=") for part in header[:_MAX_HEADER_LENGTH].split(",")]
    stamps = [value for name, _, value in parts if name == "t"]
    given = [value.strip().lower().encode("utf-8", "replace") for name, _, value in parts if name == "v1"]
    if len(stamps) != 1 or not _STAMP.fullmatch(stamps[0]) or not given:
        raise BadSignature(SignatureFault.MALFORMED)
    return stamps[0], given


def parse(body: bytes, content_type: str) -> Event:
    """Return what the delivery means. Raises NotUnderstood, and nothing else, when it cannot be read.

    A `type` that we do not know gives EventType.UNKNOWN with the word in `raw_type`. Only `type` must be
    there: SMS contacts have no address, `cleaned` has no id (facts.md 1.3). Safe to repeat.
    """
    said = _json(body) if "json" in content_type.lower() else forms.nest(body)
    raw_type = _text(said.get("type"))
    if not raw_type:
        raise NotUnderstood("The delivery does not say its type.")
    data = said.get("data", {})
    if data == "":
        data = {}
    if not isinstance(data, Mapping):
        raise NotUnderstood("The delivery's data is not a map.")
    kind = _TYPES.get(raw_type, EventType.UNKNOWN)
    return Event(
        type=kind,
        raw_type=raw_type,
        fired_at=_moment(_text(said.get("fired_at"))),
        list_id=_text(data.get("list_id")),
        email=_address(kind, data),
        old_email=_text(data.get("old_email")),
        unique_email_id=_unique_email_id(kind, data),
        action=_text(data.get("action")),
        reason=_text(data.get("reason")),
        batch_id=_text(data.get("id")) if kind is EventType.BATCH_COMPLETED else None,
        data=data,
    )


def is_forgotten(event: Event) -> bool:
    """Whether the event is about a contact who was deleted for good: its address is Mailchimp's stand-in."""
    return any(
        address.lower().rpartition("@")[2] == FORGOTTEN_DOMAIN
        for address in (event.email, event.old_email)
        if address
    )


def _address(kind: EventType, data: Mapping[str, Any]) -> str | None:
    if kind is EventType.UPEMAIL:
        return _text(data.get("new_email"))
    merges = data.get("merges")
    from_merges = merges.get("EMAIL") if isinstance(merges, Mapping) else None
    return _text(data.get("email")) or _text(from_merges)


def _unique_email_id(kind: EventType, data: Mapping[str, Any]) -> str | None:
    """`data[id]` is the `unique_email_id`, not the subscriber hash (facts.md 1.5); a campaign's or a
    batch's `data[id]` is its own."""
    if kind is EventType.UPEMAIL:
        return _text(data.get("new_id"))
    if kind in {EventType.SUBSCRIBE, EventType.UNSUBSCRIBE, EventType.PROFILE}:
        return _text(data.get("id"))
    return None


def _text(value: Any) -> str | None:
    """The value without the space around it; None for empty, and for anything but a text."""
    return value.strip() or None if isinstance(value, str) else None


def _moment(text: str | None) -> datetime | None:
    """`fired_at` has no zone and is taken as UTC (facts.md 1.2). None when it cannot be read: it is
    only shown, nothing is ordered by it."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _json(body: bytes) -> dict[str, Any]:
    """Some articles say that deliveries may be JSON (facts.md 1.2); read with the form's limits, and with
    the form's values: numbers as their text."""
    try:
        said = json.loads(body, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise NotUnderstood("The delivery says it is JSON, and is not.") from error
    if not isinstance(said, dict):
        raise NotUnderstood("The delivery's JSON is not a map.")
    budget = [forms.MAX_KEYS]
    return {_json_key(key): _json_value(value, 1, budget) for key, value in said.items()}


def _json_key(key: str) -> str:
    if len(key) > forms.MAX_KEY_LENGTH:
        raise NotUnderstood(f"A field name is longer than {forms.MAX_KEY_LENGTH} characters.")
    return scrub(key)


def _json_value(value: Any, depth: int, budget: list[int]) -> Any:
    budget[0] -= 1
    if budget[0] < 0:
        raise NotUnderstood(f"The delivery has more than {forms.MAX_KEYS} fields.")
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, _UNNESTED):
        return value
    if depth >= forms.MAX_DEPTH:
        raise NotUnderstood(f"A field is nested deeper than {forms.MAX_DEPTH} levels.")
    if isinstance(value, dict):
        return {_json_key(key): _json_value(inner, depth + 1, budget) for key, inner in value.items()}
    return [_json_value(inner, depth + 1, budget) for inner in value]
