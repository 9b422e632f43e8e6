"""Merge fields: their types, and which values Mailchimp takes for each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sandbox import problem

TYPES = (
    "text",
    "number",
    "address",
    "phone",
    "date",
    "url",
    "imageurl",
    "radio",
    "dropdown",
    "birthday",
    "zip",
)
DATE_FORMATS = {"MM/DD/YYYY": "%m/%d/%Y", "DD/MM/YYYY": "%d/%m/%Y"}
TEXT_BYTES = 255
_ADDRESS_KEYS = ("addr1", "addr2", "city", "state", "zip", "country")


@dataclass(slots=True)
class MergeField:
    """One field of an audience. `options` holds what its type needs, for example `{"choices": [...]}`."""

    merge_id: int
    tag: str
    name: str
    type: str
    required: bool = False
    default_value: str = ""
    public: bool = False
    display_order: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    help_text: str = ""


def default_options(kind: str, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The options of a new field: Mailchimp's defaults for its type, then what was given."""
    base: dict[str, dict[str, Any]] = {
        "text": {"size": 25},
        "address": {"default_country": 164},
        "phone": {"phone_format": "none"},
        "date": {"date_format": "MM/DD/YYYY"},
        "birthday": {"date_format": "MM/DD"},
        "radio": {"choices": []},
        "dropdown": {"choices": []},
    }
    return {**base.get(kind, {}), **(given or {})}


class Unfit(ValueError):
    """A value does not fit its field; the text is Mailchimp's message."""


def checked(
    fields: Mapping[int, MergeField],
    sent: Mapping[str, Any],
    held: Mapping[int, Any],
    *,
    demand_required: bool,
) -> dict[int, Any]:
    """The member's merge values after `sent` is laid over `held`, by merge_id, empty ones left out.

    Keys that the audience does not have are ignored in silence and "" clears (both recorded). Raises Problem
    with one error per field.
    """
    result = dict(held)
    errors: problem.FieldErrors = []
    for known in fields.values():
        try:
            if known.tag in sent:
                _put(result, known, sent[known.tag])
            if demand_required and known.required and known.merge_id not in result:
                raise Unfit("Please enter a value")
        except Unfit as unfit:
            errors.append({"field": known.tag, "message": str(unfit)})
    if errors:
        raise problem.invalid("Your merge fields were invalid.", errors)
    return result


def _put(result: dict[int, Any], known: MergeField, value: Any) -> None:
    if value is None or value == "":
        result.pop(known.merge_id, None)
    else:
        result[known.merge_id] = _CHECKS[known.type](known, value)


def _text(_: MergeField, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Unfit("Please enter a value")
    if len(str(value).encode()) > TEXT_BYTES:
        raise Unfit(f"Please enter no more than {TEXT_BYTES} characters")
    return str(value)


def _number(_: MergeField, value: Any) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    try:
        number = float(str(value))
    except ValueError:
        raise Unfit("Please enter a number") from None
    return int(number) if number.is_integer() else number


def _address(_: MergeField, value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(value.get(key) for key in ("addr1", "city", "state", "zip")):
        raise Unfit("Please enter a complete address")
    return {key: str(value.get(key) or ("US" if key == "country" else "")) for key in _ADDRESS_KEYS}


def _phone(known: MergeField, value: Any) -> str:
    text = _text(known, value)
    if known.options.get("phone_format") == "US" and not re.fullmatch(
        r"\(?\d{3}\)?[-. ]?\d{3}[-. ]?\d{4}", text
    ):
        raise Unfit("Please enter a phone number in the format ###-###-####")
    return text


def _date(known: MergeField, value: Any) -> str:
    for form in ("%Y-%m-%d", DATE_FORMATS.get(known.options.get("date_format", ""), "%m/%d/%Y")):
        try:
            return date.isoformat(datetime.strptime(str(value)[:10], form).date())  # noqa: DTZ007
        except ValueError:
            continue
    raise Unfit("Please enter a valid date")


def _url(known: MergeField, value: Any) -> str:
    text = _text(known, value)
    if not re.fullmatch(r"https?://[^\s/]+\.[^\s]+", text):
        raise Unfit("Please enter a complete URL")
    return text


def _choice(known: MergeField, value: Any) -> str:
    if str(value) not in known.options.get("choices", []):
        raise Unfit("Please choose one of the options")
    return str(value)


def _birthday(_: MergeField, value: Any) -> str:
    try:
        # A leap year, so that 02/29 is a birthday.
        return datetime.strptime(f"2000/{value}", "%Y/%m/%d").strftime("%m/%d")  # noqa: DTZ007
    except ValueError:
        raise Unfit("Please enter a valid birthday (MM/DD)") from None


def _zip(_: MergeField, value: Any) -> str:
    if not re.fullmatch(r"\d{5}(-\d{4})?", str(value)):
        raise Unfit("Please enter a zip code (5 digits)")
    return str(value)


_CHECKS: dict[str, Callable[[MergeField, Any], Any]] = {
    "text": _text,
    "number": _number,
    "address": _address,
    "phone": _phone,
    "date": _date,
    "url": _url,
    "imageurl": _url,
    "radio": _choice,
    "dropdown": _choice,
    "birthday": _birthday,
    "zip": _zip,
}
