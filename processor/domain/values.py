"""Values made comparable: one form per Mailchimp field type, in which equal means the same."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from processor.domain.policy import FieldKind, FieldRule

TEXT_LIMIT_BYTES = 255
"""What a text field holds, counted in UTF-8 (facts.md 4.8)."""

NUMBER_LIMIT = 2**53
"""Beyond this a JSON number may come back as a different one, and would be sent for ever."""

ADDRESS_PARTS = ("addr1", "addr2", "city", "state", "zip", "country")
ADDRESS_NEEDS = ("addr1", "city", "state", "zip")


@dataclass(frozen=True, slots=True)
class Comparable:
    """A value in comparable form, None when it is empty. `problem` says why Mailchimp would not take it;
    `value` is then the nearest form, good for comparing only."""

    value: Any
    problem: str | None = None


def comparable_value(rule: FieldRule, value: Any) -> Comparable:
    """Return a value in the form in which both sides are compared. Never raises.

    text: str without spaces at the ends · number: int where whole, else float · date: `YYYY-MM-DD` ·
    birthday: `MM/DD` · address: all of `ADDRESS_PARTS` as str · interest: bool · everything else: str.
    Empty ("", None, an address without any part) is None, and False for an interest. A bool becomes
    "true" or "false" in a text, and 1 or 0 in a number.
    """
    if rule.kind is FieldKind.INTEREST:
        return _interest(value)
    if isinstance(value, str):
        value = scrub(value).strip()
    if value is None or value == "":
        return Comparable(None)
    if rule.kind is FieldKind.LANGUAGE:
        return _plain(rule, value)
    return _BY_TYPE.get(rule.type, _plain)(rule, value)


def scrub(text: str) -> str:
    """Return the text without what no database and no JSON can hold: NUL and lone surrogates."""
    if text.isascii() and "\0" not in text:  # nearly all, and a burst asks hundreds of thousands of times
        return text
    return text.replace("\0", "").encode("utf-8", "ignore").decode()


def is_empty(value: Any) -> bool:
    """Whether a comparable value says nothing: None, or an interest that is not ticked."""
    return value is None or value is False


def is_cut(ours: Any, theirs: Any) -> bool:
    """Whether the other side holds just the beginning of a long text: it was cut off there, which is no edit
    of anybody's that would shorten ours."""
    if not (isinstance(ours, str) and isinstance(theirs, str)) or ours == theirs:
        return False
    return ours.startswith(theirs) and len(theirs.encode()) >= TEXT_LIMIT_BYTES - 4


def with_country_of(value: Any, other: Any) -> Any:
    """Return an address with the other side's country where it names none itself: Mailchimp fills in the
    audience's default country (`default_country` of the merge field), and unknown is not empty."""
    if not (isinstance(value, Mapping) and isinstance(other, Mapping)) or value.get("country"):
        return value
    return {**value, "country": other.get("country", "")}


def _as_text(value: Any) -> str | None:
    if isinstance(value, str):
        return scrub(value).strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        number = _as_number(value)
        return _described(value) if number is None else str(number)
    if isinstance(value, date):
        return value.isoformat()
    return None


def _described(value: Any) -> str:
    try:
        return scrub(str(value))
    except (ValueError, RecursionError):  # more digits, or more levels, than Python prints
        return ""


def _plain(_rule: FieldRule, value: Any) -> Comparable:
    text = _as_text(value)
    if text is None:
        return Comparable(_described(value), "it is not a single value")
    return Comparable(text or None)


_MOST_BYTES = 4
"""A character's in UTF-8."""


def _text(rule: FieldRule, value: Any) -> Comparable:
    plain = _plain(rule, value)
    if len(plain.value or "") * _MOST_BYTES <= TEXT_LIMIT_BYTES:
        return plain
    size = len((plain.value or "").encode())
    if plain.problem is None and size > TEXT_LIMIT_BYTES:
        return Comparable(plain.value, f"it is {size} bytes long, and Mailchimp takes {TEXT_LIMIT_BYTES}")
    return plain


_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")


def _as_number(value: Any) -> int | float | None:
    if isinstance(value, str):
        if not _NUMBER.fullmatch(value):
            return None
        value = float(value) if re.search(r"[.eE]", value) else int(value) if len(value) < 20 else math.inf
    elif not isinstance(value, int | float | Decimal):
        return None
    if isinstance(value, Decimal) and not value.is_finite():
        return None
    if abs(value) > NUMBER_LIMIT or not math.isfinite(value):
        return None
    return int(value) if value == int(value) else float(value)


def _number(rule: FieldRule, value: Any) -> Comparable:
    number = _as_number(value)
    if number is None:
        return Comparable(_plain(rule, value).value, "it is not a number that Mailchimp can hold")
    return Comparable(number)


_DAY_FORMATS = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%d.%m.%Y")


def _as_day(value: Any, date_format: str | None) -> date | None:
    """Read a day as it is written, never moved between time zones."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if not isinstance(value, str):
        return None
    day_first = (date_format or "").upper().startswith("DD")
    head = re.sub(r"[T ][0-9]{2}:.*$", "", value, count=1, flags=re.DOTALL)
    for form in (*_DAY_FORMATS, "%d/%m/%Y" if day_first else "%m/%d/%Y"):
        try:
            # A day of the calendar has no zone.
            return datetime.strptime(head, form).date()  # noqa: DTZ007
        except ValueError:
            continue
    return None


def _date(rule: FieldRule, value: Any) -> Comparable:
    day = _as_day(value, rule.date_format)
    if day is None:
        return Comparable(_plain(rule, value).value, "it is not a date; write it as YYYY-MM-DD")
    return Comparable(day.isoformat())


def _birthday(rule: FieldRule, value: Any) -> Comparable:
    day = _as_day(value, None)
    if day is None and isinstance(value, str):
        short = re.fullmatch(r"(?:--)?([0-9]{1,2})[-/]([0-9]{1,2})", value)
        # A leap year, so that the 29th of February is a birthday.
        day = _as_day(f"2000-{short[1]}-{short[2]}", None) if short else None
    if day is None:
        return Comparable(_plain(rule, value).value, "it is not a birthday; write it as MM/DD")
    return Comparable(f"{day.month:02d}/{day.day:02d}")


def _choice(rule: FieldRule, value: Any) -> Comparable:
    plain = _plain(rule, value)
    if plain.problem or not rule.choices:
        return plain
    for choice in rule.choices:
        if plain.value is not None and choice.strip().casefold() == plain.value.casefold():
            return Comparable(choice)
    return Comparable(plain.value, f"it is none of the choices: {', '.join(rule.choices)}")


def _address(rule: FieldRule, value: Any) -> Comparable:
    if not isinstance(value, Mapping):
        return Comparable(_plain(rule, value).value, "it is not an address with street, city, state and zip")
    texts = {part: "" if value.get(part) is None else _as_text(value[part]) for part in ADDRESS_PARTS}
    address = {part: text or "" for part, text in texts.items()}
    if None in texts.values():
        return Comparable(address, "one of its parts is not a single value")
    address["country"] = address["country"].upper()
    if not any(address[part] for part in ADDRESS_PARTS if part != "country"):
        return Comparable(None)
    missing = [part for part in ADDRESS_NEEDS if not address[part]]
    if missing:
        return Comparable(address, f"the address lacks {', '.join(missing)}")
    if address["country"] and not re.fullmatch("[A-Z]{2}", address["country"]):
        return Comparable(address, "its country is not a two-letter code, such as US or DE")
    return Comparable(address)


_YES = frozenset({"true", "yes", "on", "1"})
_NO = frozenset({"", "false", "no", "off", "0"})


def _interest(value: Any) -> Comparable:
    text = "" if value is None else (_as_text(value) or "").casefold()
    if text in _YES:
        return Comparable(True)
    if text in _NO and not isinstance(value, Mapping | list | tuple):
        return Comparable(False)
    return Comparable(False, "it is neither true nor false")


_BY_TYPE: Mapping[str, Callable[[FieldRule, Any], Comparable]] = {
    "text": _text,
    "number": _number,
    "date": _date,
    "birthday": _birthday,
    "address": _address,
    "radio": _choice,
    "dropdown": _choice,
    "phone": _plain,
    "url": _plain,
    "imageurl": _plain,
    "zip": _plain,
}
