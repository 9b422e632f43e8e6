"""Which events a page is about: the filter in its address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from starlette.datastructures import FormData, QueryParams

from processor.domain.contact import email_key
from processor.domain.event import EventStatus
from processor.errors import Invalid
from processor.store.inbox import EventFilter, event_id

NAMES = ("status", "type", "code", "connection", "since", "until", "who", "ids")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
LONGEST = 10_000
MOST_IDS = 1_000


@dataclass(frozen=True, slots=True)
class Chosen:
    """The filter, and the texts that said it: for the form, and for the next address."""

    wanted: EventFilter
    said: Mapping[str, str]

    @property
    def query(self) -> str:
        """The same as the end of an address."""
        return urlencode({name: text for name, text in self.said.items() if text})

    @property
    def is_any(self) -> bool:
        """Whether nothing in particular is chosen."""
        return not any(self.said.values())


def chosen(values: QueryParams | FormData, now: datetime) -> Chosen:
    """Return the filter that an address or a form says. Raises Invalid for what cannot be read."""
    said = {name: str(values.get(name, "")).strip() for name in NAMES}
    if any(len(text) > LONGEST or "\0" in text for text in said.values()):
        raise Invalid("That is not a filter of ours.")
    ids = said["ids"].replace(",", " ").split()
    if len(ids) > MOST_IDS:
        raise Invalid(f"At most {MOST_IDS:,} events can be named.")
    wanted = EventFilter(
        ids=tuple(event_id(name) for name in ids) or None,
        statuses=frozenset({_status(said["status"])}) if said["status"] else None,
        types=frozenset({said["type"]}) if said["type"] else None,
        codes=frozenset({said["code"]}) if said["code"] else None,
        since=_moment(said["since"], now),
        until=_moment(said["until"], now),
        connection_id=said["connection"] or None,
        subject=email_key(said["who"]) or None,
    )
    return Chosen(wanted, said)


def _status(text: str) -> EventStatus:
    try:
        return EventStatus(text)
    except ValueError:
        raise Invalid("There is no such status of an event.") from None


def _moment(text: str, now: datetime) -> datetime | None:
    """An age such as 90s, 15m, 2h, 7d, or a time (UTC where no zone is named)."""
    if not text:
        return None
    try:
        if text[:-1].isascii() and text[:-1].isdigit() and text[-1] in UNITS:
            return now - timedelta(**{UNITS[text[-1]]: int(text[:-1])})
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid("Write a time as 2026-05-01T12:00, or an age such as 2h.") from None
