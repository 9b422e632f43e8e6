"""The kinds of value that the API takes, each refused with a sentence that says what to send instead."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, WithJsonSchema
from pydantic_core import PydanticCustomError

from processor.domain.values import ADDRESS_PARTS, NUMBER_LIMIT

ID_LENGTH = 200
ID_RULE = f"An id has 1 to {ID_LENGTH} characters, and no control character among them."
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
TEXT_LENGTH = 10_000
ADDRESS_LENGTH = 320
"""64 for the name, 255 for the domain (RFC 5321), and the @ between."""
SOURCE_LENGTH = 500
TAG_LENGTH = 100
URL_LENGTH = 2000
STATEMENT_LENGTH = 2000
MOST_TAGS = 200
MOST_FIELDS = 200
FIELD_NAME_LENGTH = 100
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


class Asked(BaseModel):
    """What a caller sends: nothing is converted, and a name that is not known is refused."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class AskedInAddress(BaseModel):
    """What a caller asks for behind the question mark: text, read as what it stands for."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """What is answered. Every name is always there."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)


def wrong(message: str, **context: Any) -> PydanticCustomError:
    """Return the error for a value; `message` may use the names of `context` in braces."""
    # PydanticCustomError wants a literal, so that messages are translatable; ours are not translated.
    return PydanticCustomError("wrong", message, context)


def whole(text: str) -> str:
    """Return the text. Raises for what no database holds: NUL, and half a character."""
    if "\0" in text:
        raise wrong("Leave the NUL character (\\u0000) out.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise wrong("It holds half a character (a lone surrogate).") from None
    return text


def is_id(text: str) -> bool:
    """Whether this can be an id: 1 to 200 characters, none of them a control character. A router may drop
    a line break at the end of an address, and the write would go to somebody else."""
    return 0 < len(text) <= ID_LENGTH and not _CONTROLS.search(text)


def _id(text: str) -> str:
    if not text.strip() or not is_id(text):
        raise wrong(ID_RULE)
    return whole(text)


def _at_most(length: int, *, empty: bool = True) -> AfterValidator:
    def check(text: str) -> str:
        if not empty and not text.strip():
            raise wrong("It may not be empty.")
        if len(text) > length:
            raise wrong(
                "It has {size} characters; at most {length} are taken.", size=len(text), length=length
            )
        return whole(text)

    return AfterValidator(check)


def _text_schema(length: int, *, least: int = 0) -> WithJsonSchema:
    schema: dict[str, Any] = {"type": "string", "maxLength": length}
    return WithJsonSchema({**schema, "minLength": least} if least else schema)


Id = Annotated[str, AfterValidator(_id), _text_schema(ID_LENGTH, least=1)]
Address = Annotated[str, _at_most(ADDRESS_LENGTH), _text_schema(ADDRESS_LENGTH)]
Source = Annotated[str, _at_most(SOURCE_LENGTH), _text_schema(SOURCE_LENGTH)]
Url = Annotated[str, _at_most(URL_LENGTH, empty=False), _text_schema(URL_LENGTH, least=1)]
Tag = Annotated[str, _at_most(TAG_LENGTH, empty=False), _text_schema(TAG_LENGTH, least=1)]
FieldName = Annotated[str, _at_most(FIELD_NAME_LENGTH, empty=False), _text_schema(FIELD_NAME_LENGTH, least=1)]
Statement = Annotated[str, _at_most(STATEMENT_LENGTH, empty=False), _text_schema(STATEMENT_LENGTH, least=1)]
Word = Annotated[str, _at_most(ID_LENGTH, empty=False), _text_schema(ID_LENGTH, least=1)]
"""A name that is looked up: a type, a code, a connection's id."""


def _moment(value: Any) -> datetime:
    if not isinstance(value, str):
        raise wrong("Write a time as text with its offset, such as 2026-11-22T12:00:00Z.")
    try:
        moment = datetime.fromisoformat(value)
        in_utc = moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        raise wrong("This is no time; write it as 2026-11-22T12:00:00Z.") from None
    if in_utc is None:
        raise wrong("Say the time's offset, such as Z in 2026-11-22T12:00:00Z.")
    if in_utc < EARLIEST:
        raise wrong("Times before 1970 are not taken.")
    return in_utc


Moment = Annotated[
    datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})
]
"""An aware time in UTC."""


def _field_value(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _field_text(value)
    if isinstance(value, int | float):
        return _field_number(value)
    if isinstance(value, Mapping):
        return {part: _address_part(part, text) for part, text in value.items()}
    raise wrong("A field holds one value: text, a number, true, false, null, or an address.")


def _field_text(text: str) -> str:
    if len(text) > TEXT_LENGTH:
        raise wrong(
            "The text has {size} characters; at most {length} are taken.", size=len(text), length=TEXT_LENGTH
        )
    return whole(text)


def _field_number(number: int | float) -> int | float:
    if not math.isfinite(number) or abs(number) > NUMBER_LIMIT:
        raise wrong("A number this large is not exact in JSON; send it as text.")
    return number


def _address_part(part: Any, text: Any) -> str | None:
    if part not in ADDRESS_PARTS:
        raise wrong(
            "An object is an address, with the parts {parts}; nothing else is taken.",
            parts=", ".join(ADDRESS_PARTS),
        )
    if text is not None and not isinstance(text, str):
        raise wrong("Each part of an address is text.")
    return text if text is None else _field_text(text)


FieldValue = Annotated[
    Any,
    BeforeValidator(_field_value),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "maxLength": TEXT_LENGTH},
                {"type": "number", "minimum": -NUMBER_LIMIT, "maximum": NUMBER_LIMIT},
                {"type": "boolean"},
                {"type": "null"},
                {
                    "type": "object",
                    "description": "An address.",
                    "properties": {part: {"type": ["string", "null"]} for part in ADDRESS_PARTS},
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
