"""One person in a preview: what would happen to them, on which side, and why not more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from processor.domain.actions import Action

MAILCHIMP, PLATFORM = "mailchimp", "platform"


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that would change. `side` is where, "mailchimp" or "platform"; `field` is the platform's
    name of the field, or email, tags or consent."""

    side: str
    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that Mailchimp would not take: the catalogue's code, the field (None where it is about the
    whole contact), the value, and why."""

    code: str
    field: str | None
    value: Any = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """One person. `where` are the sides that know them now: "mailchimp", "platform" or both.

    Without `actions` nothing happens: because of `left_alone` (an Exclusion), of `troubles`, or because both
    sides are as they should be.
    """

    address: str
    contact_id: str | None
    where: tuple[str, ...]
    actions: tuple[Action, ...] = ()
    changes: tuple[Difference, ...] = ()
    left_alone: str | None = None
    troubles: tuple[Trouble, ...] = ()


def row_json(row: PreviewRow) -> dict[str, Any]:
    """Return the row as a page keeps it: what is empty is left out."""
    kept = {
        "address": row.address,
        "contact": row.contact_id,
        "where": list(row.where),
        "actions": [action.value for action in row.actions],
        "changes": [[d.side, d.field, d.before, d.after] for d in row.changes],
        "left": row.left_alone,
        "troubles": [[t.code, t.field, t.value, t.message] for t in row.troubles],
    }
    return {name: value for name, value in kept.items() if value}


def row_of(kept: Mapping[str, Any]) -> PreviewRow:
    """Return what `row_json` wrote."""
    return PreviewRow(
        address=kept.get("address", ""),
        contact_id=kept.get("contact"),
        where=tuple(kept.get("where", ())),
        actions=tuple(Action(action) for action in kept.get("actions", ())),
        changes=tuple(Difference(*difference) for difference in kept.get("changes", ())),
        left_alone=kept.get("left"),
        troubles=tuple(Trouble(*trouble) for trouble in kept.get("troubles", ())),
    )
