"""What somebody wrote in Mailchimp and our own write took the place of, before it was ever seen. Pure.

Mailchimp takes a change without asking what it is a change of. An edit between our look at a member and our
write of the same field is gone when the member is read the next time; only its webhook still names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from processor.domain.contact import Member
from processor.domain.event import Event, EventType
from processor.domain.mapping import read
from processor.domain.policy import FieldKind, Policy
from processor.domain.values import comparable_value

STEP = timedelta(seconds=1)
"""A letter's time is cut to the second."""
APART = timedelta(minutes=1)
"""How far Mailchimp's clock and ours may be apart."""


@dataclass(frozen=True, slots=True)
class Told:
    """One line of a contact's history about one field: when, its values before and after, whether we sent it
    to Mailchimp and it was taken, and, for one that came from Mailchimp, when the member was changed there by
    Mailchimp's clock."""

    at: datetime
    values: tuple[Any, ...]
    sent: Any = None
    heard_at: datetime | None = None


def differing(event: Event, theirs: Member | None, policy: Policy) -> dict[str, tuple[Any, Any]]:
    """Return the mapped fields in which a profile's letter differs from the member as last seen, under the
    platform's names: what the letter says, and what is there. Fields that either leaves empty are left out,
    and so is everything where the letter has no time."""
    merges = event.data.get("merges")
    if event.type is not EventType.PROFILE or event.fired_at is None or theirs is None:
        return {}
    if not isinstance(merges, Mapping):
        return {}
    there = read(theirs, policy)
    found = {}
    for rule in policy.fields:
        if rule.kind is not FieldKind.MERGE or rule.target not in merges:
            continue
        said, now = comparable_value(rule, merges[rule.target]), there.get(rule.field)
        if said.problem is None and None not in {_key(said.value), _key(now)} and said.value != now:
            found[rule.field] = (said.value, now)
    return found


def _key(value: Any) -> Any:
    return True if isinstance(value, Mapping) else value


def is_overtaken(said: Any, now: Any, fired_at: datetime, history: Iterable[Told]) -> bool:
    """Whether what the letter says was there, was seen by nobody, and gave way to what we sent.

    False where the history knows the value since, where a later one of Mailchimp's own was seen, and where
    what is there now is not what we sent after the letter was written.
    """
    since = [line for line in history if line.at >= fired_at - APART]
    if any(said in line.values for line in since):
        return False
    if any(line.heard_at is not None and line.heard_at >= fired_at + STEP for line in since):
        return False
    return any(line.sent is not None and line.sent == now and line.at >= fired_at for line in since)
