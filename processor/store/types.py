"""Column types that are the same thing on PostgreSQL and on SQLite."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, Text, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

REPLACEMENT = "\ufffd"


def clean(text: str) -> str:
    """Return the text without what no text column takes: NUL and lone surrogates become U+FFFD."""
    if "\0" in text:
        text = text.replace("\0", REPLACEMENT)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def as_json(value: Any) -> str:
    """Return JSON with sorted keys that both databases take; sets become sorted lists, times ISO 8601.

    Raises TypeError or ValueError for what JSON cannot hold (NaN and infinities included).
    """
    text = _ENCODER.encode(value)
    if "\\u0000" in text or "\\ud" in text:  # a rare case: JSONB refuses both NUL and half a character
        text = _ENCODER.encode(_cleaned(json.loads(text)))
    return text


def _plain(value: object) -> object:
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"JSON cannot hold a {type(value).__name__}")


# One for all: `json.dumps` would make it anew for each of the many values of a batch.
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_plain, allow_nan=False)


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, dict):
        return {clean(key): _cleaned(item) for key, item in value.items()}
    return value


def as_sqlite_moment(moment: datetime) -> str:
    """Return the text in which SQLite keeps a moment: UTC, of one width, so that it sorts as time does."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone may not be stored")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


class Moment(TypeDecorator[datetime]):
    """An aware UTC datetime. Raises ValueError when a naive one is stored."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the column type: `timestamptz`, or text on SQLite, which has no type for time."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Text())
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Return what the driver takes."""
        if value is None:
            return None
        if dialect.name == "sqlite":
            return as_sqlite_moment(value)
        if value.tzinfo is None:
            raise ValueError("a time without a zone may not be stored")
        return value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return it in UTC, whatever zone the session has."""
        if value is None:
            return None
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.astimezone(UTC)


class Words(TypeDecorator[str]):
    """Text that others wrote: what a text column refuses is replaced, never an error."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Return it cleaned."""
        return None if value is None else clean(value)


Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
"""JSON by way of `as_json`, which `engine` hands to the dialects. None is SQL's NULL."""

RowId = BigInteger().with_variant(Integer(), "sqlite")
"""A number that counts up by itself: SQLite does that for its own INTEGER only."""
