"""Every failure in words: what happened, who can act, whether it is tried again, and the next step.

Portal, CLI, API, e-mails and docs read this; the table itself is `domain.failures`, and Mailchimp's
refusals are told apart in `domain.refusals`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from processor.domain.failures import ENTRIES, Entry, Retry, Who
from processor.domain.refusals import recognise

__all__ = ["ENTRIES", "OUTAGES", "Entry", "Retry", "Who", "Words", "entry", "recognise", "words"]

OUTAGES = frozenset({"rate_limited", "mailchimp_down", "network"})
"""Why something was put off that says nothing about the contact."""

UNKNOWN_CODE = "internal"
"""What a code that nobody wrote down counts as: our own mistake."""

SHOWN_CHARACTERS = 120
"""How much of a value is shown: enough to recognise it."""

_FALLBACKS: Mapping[str, str] = {
    "name": "this contact",
    "email": "this address",
    "field": "one of the fields",
    "value": "the value",
    "audience": "your audience",
    "changes": "your changes are",
    "reference": "not recorded",
    "instance": "none was given",
    "detail": "no reason was given",
    "limit": "what Mailchimp allows",
    "size": "larger",
    "ours": "one value",
    "theirs": "another",
    "winner": "one side",
    "other": "the other contact",
}


@dataclass(frozen=True, slots=True)
class Words:
    """A failure as people read it. `button` is None where there is nothing to press."""

    title: str
    happened: str
    todo: str
    button: str | None


def entry(code: str) -> Entry:
    """Return the entry of a code; that of `internal` for a code that nobody wrote down."""
    return ENTRIES.get(code) or ENTRIES[UNKNOWN_CODE]


def words(code: str, **facts: Any) -> Words:
    """Return a failure in words, with the facts that are known filled in.

    Facts are name, email, field, value, audience, count (of changes waiting), reference, detail, instance,
    limit, size, ours, theirs, winner and other. One that is missing, None or "" is spoken around.
    """
    found = entry(code)
    known = _Facts({key: _shown(value) for key, value in facts.items() if value not in (None, "")})
    if isinstance(facts.get("count"), int):
        known["changes"] = "1 change is" if facts["count"] == 1 else f"{facts['count']:,} changes are"
    return Words(
        title=_fill(found.title, known),
        happened=_fill(found.happened, known),
        todo=_fill(found.todo, known),
        button=found.button,
    )


class _Facts(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return _FALLBACKS[key]


def _fill(template: str, facts: _Facts) -> str:
    text = template.format_map(facts)
    begins_with_fallback = template.startswith("{") and template[1 : template.index("}")] not in facts
    return text[:1].upper() + text[1:] if begins_with_fallback else text


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
