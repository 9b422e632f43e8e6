"""A member's row, and how it is written as columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from processor.domain.contact import Base, MemberStatus
from processor.domain.plan import MemberState
from processor.store.tables import members


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One contact in one audience; every column. `id` is 0 for one that is not written yet.

    `contact_id` is the platform's id, None for a member whom the platform does not know. `seen_at` is
    `last_changed` of the newest view of Mailchimp's side, `seen_digest` tells views of the same second
    apart, `status` is Mailchimp's status in that view. `pushed_version` is the contact's version that was
    last sent.
    """

    connection_id: str
    id: int = 0
    contact_id: str | None = None
    member_id: str | None = None
    mailchimp_contact_id: str | None = None
    email_key: str | None = None
    base: Base | None = None
    seen_at: datetime | None = None
    seen_digest: str | None = None
    status: MemberStatus | None = None
    state: MemberState = MemberState.WAITING
    reason: str | None = None
    detail: str | None = None
    instance: str | None = None
    pushed_version: int | None = None
    due_at: datetime | None = None
    urgent: bool = False
    again: bool = False
    attempts: int = 0
    crashes: int = 0
    claim: str | None = None
    claimed_by: str | None = None
    updated_at: datetime | None = None


COLUMNS = [members.c[field.name] for field in fields(MemberRow)]

DATA = (
    "contact_id",
    "member_id",
    "mailchimp_contact_id",
    "email_key",
    "base",
    "seen_at",
    "seen_digest",
    "status",
    "state",
    "reason",
    "detail",
    "instance",
    "pushed_version",
)
"""What a row says; the rest is about who looks at it and when."""

QUEUE = ("due_at", "urgent", "attempts", "crashes")


def new_member(connection_id: str, **values: Any) -> MemberRow:
    """Return a row for `insert_many`; names and defaults are those of `MemberRow`."""
    return MemberRow(connection_id=connection_id, **values)


def columns(row: MemberRow, names: tuple[str, ...]) -> dict[str, Any]:
    """Return these columns of the row as the database takes them."""
    values = {name: getattr(row, name) for name in names}
    if "urgent" in values:
        values["urgent"] = row.urgent and row.due_at is not None  # what is done leaves no hurry behind
    if "base" in values:
        values["base"] = base_as_json(row.base)
    return values


def member(row: Row[*tuple[Any, ...]]) -> MemberRow:
    """Return the row of a question that asked for COLUMNS."""
    values = dict(row._mapping)
    values["base"] = base_from_json(values["base"])
    values["state"] = MemberState(values["state"])
    values["status"] = None if values["status"] is None else MemberStatus(values["status"])
    return MemberRow(**values)


def base_as_json(base: Base | None) -> dict[str, Any] | None:
    """Return the base as it is stored."""
    if base is None:
        return None
    return {
        "email": base.email,
        "status": base.status,
        "fields": dict(base.fields),
        "tags": sorted(base.tags),
        "consent_at": base.consent_at,
    }


def base_from_json(stored: Mapping[str, Any] | None) -> Base | None:
    """Return what `base_as_json` wrote."""
    if stored is None:
        return None
    return Base(
        email=stored["email"],
        status=None if stored["status"] is None else MemberStatus(stored["status"]),
        fields=stored["fields"],
        tags=frozenset(stored["tags"]),
        consent_at=None if stored["consent_at"] is None else datetime.fromisoformat(stored["consent_at"]),
    )
