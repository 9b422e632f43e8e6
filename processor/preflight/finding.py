"""One thing that is known before a sync writes anything: whether it stands in the way, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from processor.domain.catalogue import words


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found. `code` is the catalogue's; a `blocking` one must be mended before a sync may start.
    `field` is the field that it is about, where it is about one."""

    code: str
    blocking: bool
    title: str
    happened: str
    todo: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a preview found that a finding depends on: how many people it would add to the audience, and how
    many of them count towards Mailchimp's plan."""

    adding: int
    billed: int


def told(
    code: str, *, blocking: bool, field: str | None = None, more: str | None = None, **facts: Any
) -> Finding:
    """Return a finding in the catalogue's words; `more` is a sentence that follows what happened."""
    said = words(code, field=field, **facts)
    happened = f"{said.happened} {more}" if more else said.happened
    return Finding(code, blocking, said.title, happened, said.todo, field)


def finding_json(found: Finding) -> dict[str, Any]:
    """Return a finding as a run keeps it."""
    return asdict(found)


def finding_of(stored: Mapping[str, Any]) -> Finding:
    """Return what `finding_json` wrote."""
    return Finding(**stored)
