"""Numbers and times as people read them, for the templates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from markupsafe import Markup

from processor.report.standing import duration


def number(count: int) -> str:
    """Return `1,234`."""
    return f"{count:,}"


def count(how_many: int, noun: str, plural: str | None = None) -> str:
    """Return `1 contact`, `1,234 contacts`; `plural` where it is not the noun with an s."""
    return f"{how_many:,} {noun if how_many == 1 else plural or noun + 's'}"


def ago(moment: datetime, now: datetime) -> Markup:
    """Return how long ago it was, with the time itself for whoever points at it."""
    length = duration(now - moment)
    said = "just now" if (now - moment).total_seconds() < 10 else f"{length} ago"
    exact = moment.strftime("%Y-%m-%d %H:%M UTC")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(moment.isoformat(), exact, said)


def shown(value: Any) -> str:
    """Return a field's value as a person reads it; an empty text for none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(str(part) for part in value.values() if part)
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(str(part) for part in value)
    return str(value)


FILTERS: Mapping[str, Callable[..., Any]] = {
    "number": number,
    "count": count,
    "ago": ago,
    "shown": shown,
    "length_of": duration,
}
