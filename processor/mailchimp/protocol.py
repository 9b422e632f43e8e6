"""A call to Mailchimp as a value, and what its answer means. No I/O.

Source: facts.md 6.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from processor.domain.catalogue import recognise
from processor.errors import Gone, Invalid, MailchimpError, MemberExists, Passing, Reconnect
from processor.mailchimp.scrub import scrub_json

API_PATH = "/3.0"
PAGE_LIMIT = 1000
"""The most that Mailchimp gives in one page (facts.md 4.6)."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PASSING_STATUSES = frozenset({408, 425, 429})
_PASSING_CODES = frozenset({"rate_limited", "mailchimp_down", "network"})
_UNKEEPABLE = (b"\\u0000", b"\\ud", b"\\uD")


@dataclass(frozen=True, slots=True)
class Content:
    """A JSON body that is made while it is sent: its length in bytes, and a way to begin it."""

    length: int
    pieces: Callable[[], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Request:
    """One call. `template` is the path with names in place of ids, fit for metrics and logs; `is_slow`
    says that Mailchimp may think longer about it than about other calls. `content` is in place of `json`."""

    method: str
    template: str
    ids: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str | int] = field(default_factory=dict)
    json: Any = None
    is_slow: bool = False
    content: Content | None = None

    def __post_init__(self) -> None:
        """Refuse ids that would make another path. Raises Invalid."""
        for name, value in self.ids.items():
            if not _ID.fullmatch(value):
                raise Invalid(f"This is not an id of Mailchimp's: use the {name} that it gave.", field=name)

    @property
    def path(self) -> str:
        """The path below `/3.0`."""
        return self.template.format(**self.ids)


def decipher(status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any] | None:
    """Return what a good answer holds; None where it is empty (204).

    Raises the fitting MailchimpError for every other answer. JSON is never taken for granted, because
    limits and outages are answered by a CDN in HTML (facts.md 6.4).
    """
    said = json_object(body)
    if not 200 <= status < 300:
        raise refusal(status, said, request_id=_header(headers, "x-request-id"))
    if not body.strip():
        return None
    if said is None:  # somebody between us and Mailchimp answered
        raise Passing("mailchimp_down", status=status, instance=_header(headers, "x-request-id"))
    return said


def refusal(status: int, said: Mapping[str, Any] | None, *, request_id: str = "") -> MailchimpError:
    """Return the error that an answer beyond 2xx stands for. `said` is its JSON, None where it has none."""
    problem = said or {}
    title, detail = text(problem.get("title")), text(problem.get("detail"))
    field_errors = _field_errors(problem.get("errors"))
    code = recognise(status, title, detail, field_errors, said is not None)
    leaf: type[MailchimpError] = MailchimpError
    if _is_passing(status, has_json=said is not None):
        leaf = Passing
        code = code if code in _PASSING_CODES else "mailchimp_down"
    elif status == 401:
        leaf = Reconnect
    elif status == 404:
        leaf = Gone
    elif code == "member_exists":
        leaf = MemberExists
    return leaf(
        code,
        status=status,
        title=title,
        detail=detail,
        instance=text(problem.get("instance")) or request_id,
        field_errors=field_errors,
    )


def _is_passing(status: int, *, has_json: bool) -> bool:
    """A 403 or 404 without JSON comes from a CDN, and says nothing about rights or existence."""
    if status in _PASSING_STATUSES or status >= 500 or status < 400:
        return True
    return status in {403, 404} and not has_json


def json_object(body: bytes) -> dict[str, Any] | None:
    """Return the JSON object that the bytes hold, fit for a database; None when they hold none."""
    try:
        said = json.loads(body)
        if any(mark in body for mark in _UNKEEPABLE):
            said = scrub_json(said)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _field_errors(errors: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(errors, list):
        return ()
    return tuple((text(e.get("field")), text(e.get("message"))) for e in errors if isinstance(e, Mapping))


def _header(headers: Mapping[str, str], name: str) -> str:
    return next((value for key, value in headers.items() if key.lower() == name), "")


def text(value: Any) -> str:
    """Return a text as it is, and the empty text for anything else."""
    return value if isinstance(value, str) else ""


def number(value: Any) -> int:
    """Return a whole number as it is, and 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def maps(value: Any) -> list[dict[str, Any]]:
    """Return the maps in a list; an empty list for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def moment(value: Any) -> datetime | None:
    """Return Mailchimp's ISO 8601 time as aware UTC; None for `""` and for what cannot be read."""
    try:
        at = datetime.fromisoformat(text(value))
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def written_moment(at: datetime) -> str:
    """Return an aware time as Mailchimp was seen to take it, with its fraction (facts.md 4.6)."""
    precision = "milliseconds" if at.microsecond % 1000 == 0 else "microseconds"
    if at.microsecond == 0:
        precision = "seconds"
    return at.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")
