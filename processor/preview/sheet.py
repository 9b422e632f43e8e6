"""A preview's whole list as a table for spreadsheets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from processor import cells
from processor.domain import exclusions
from processor.domain.actions import HERE, WORDS
from processor.domain.catalogue import words
from processor.errors import Conflict, NotFound
from processor.kit import Kit
from processor.preview.report import rows
from processor.preview.row import MAILCHIMP, PLATFORM, Difference, PreviewRow, Trouble
from processor.store import runs
from processor.store.runs import RunKind, RunState

HEAD = (
    "E-mail address",
    "Contact id",
    "Known where",
    "In Mailchimp",
    "On the platform",
    "Changes in Mailchimp",
    "Changes on the platform",
    "Why left alone",
    "What Mailchimp would not take",
)
_WHERE = {MAILCHIMP: "Mailchimp", PLATFORM: "Platform"}
_NAMES = {"email": "e-mail address", "tags": "tags", "consent": "consent"}


def as_csv(kit: Kit, run_id: str) -> Iterator[str]:
    """Return the whole list of a finished preview as CSV, in pieces of some hundred lines.

    Safe to repeat. Raises NotFound for a run that is no preview or whose list is not kept any more,
    Conflict for one that is not done, StoreDown.
    """
    with kit.store.read() as c:
        run = runs.get(c, run_id)
        kept = run is not None and runs.page_after(c, run_id, -2) is not None
    if run is None or run.kind is not RunKind.PREVIEW:
        raise NotFound(f"There is no preview “{run_id}”.")
    if run.state is not RunState.DONE:
        raise Conflict("There is no list: this preview is not done.")
    if not kept:
        raise NotFound("The list of this preview is not kept any more. Only the newest one's is.")
    return cells.as_csv(HEAD, (_cells(person) for person in rows(kit, run_id)))


def newest_csv(kit: Kit, connection_id: str) -> Iterator[str]:
    """Return the whole list of the connection's newest finished preview, as `as_csv` does. Raises NotFound
    where there is none."""
    with kit.store.read() as c:
        run = runs.latest(c, connection_id, RunKind.PREVIEW, {RunState.DONE})
    if run is None:
        raise NotFound("There is no finished preview yet. Ask for one first.")
    return as_csv(kit, run.id)


def _cells(person: PreviewRow) -> Sequence[str]:
    there = [WORDS[action].title for action in person.actions if action not in HERE]
    here = [WORDS[action].title for action in person.actions if action in HERE]
    left = exclusions.words(person.left_alone).title if person.left_alone else ""
    return (
        person.address,
        person.contact_id or "",
        " and ".join(_WHERE[side] for side in person.where),
        "; ".join(there),
        "; ".join(here),
        "; ".join(_changed(d) for d in person.changes if d.side == MAILCHIMP),
        "; ".join(_changed(d) for d in person.changes if d.side == PLATFORM),
        left,
        "; ".join(_trouble(person, trouble) for trouble in person.troubles),
    )


def _changed(difference: Difference) -> str:
    name = _NAMES.get(difference.field, difference.field)
    return f"{name}: {plain(difference.before)} → {plain(difference.after)}"


def _trouble(person: PreviewRow, trouble: Trouble) -> str:
    said = words(
        trouble.code,
        name=person.address,
        email=person.address,
        field=trouble.field,
        value=trouble.value,
        detail=trouble.message,
    )
    return f"{said.title}: {said.happened}"


def plain(value: Any) -> str:
    """Return a value as a person reads it: `(empty)`, a list with commas, an address in one line."""
    if value in (None, "", []):
        return "(empty)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(str(part) for part in value.values() if part) or "(empty)"
    return value if isinstance(value, str) else json.dumps(value)
