"""A contact over time: carrying a change out again, or taking it back. Pure.

A contact is what the feed shows (`domain.edit.contact_json`); a change is what the feed says of it: each
changed name with `{"before": …, "after": …}`. A field that is None and one that is not there are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FIELD = "fields."
MARKS = frozenset({"deleted", "erased"})
"""Names of changes that are about the whole contact."""

EMPTY: Mapping[str, Any] = {
    "id": None,
    "email": None,
    "fields": {},
    "tags": [],
    "consent": {"status": "none", "at": None, "source": None},
    "version": 0,
}


def redo(contact: Mapping[str, Any] | None, what: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the contact after a change, None for one that is not there any more. The version goes up by
    one."""
    if any((what.get(mark) or {}).get("after") for mark in MARKS):
        return None
    base = contact if contact is not None else EMPTY
    return _with(base, what, "after", int(base["version"]) + 1)


def undo(contact: Mapping[str, Any], what: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the contact before a change, None where the change made it."""
    before = _with(contact, what, "before", int(contact["version"]) - 1)
    return None if before["version"] <= 0 or _says_nothing(before) else before


def _with(contact: Mapping[str, Any], what: Mapping[str, Any], when: str, version: int) -> dict[str, Any]:
    now = {**contact, "fields": dict(contact["fields"]), "version": version}
    for name, pair in what.items():
        if name.startswith(FIELD):
            now["fields"][name.removeprefix(FIELD)] = pair[when]
        elif name in EMPTY:  # what one audience's record says is not the contact's own
            now[name] = pair[when]
    now["fields"] = {name: value for name, value in now["fields"].items() if value is not None}
    return now


def _says_nothing(contact: Mapping[str, Any]) -> bool:
    return not (contact["email"] or contact["fields"] or contact["tags"]) and (
        (contact["consent"] or {}).get("status", "none") == "none"
    )
