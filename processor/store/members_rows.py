"""A member's row, and how it is written as columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from processor.domain.contact import Base, Consent, ConsentStatus, Member, MemberStatus, Permission
from processor.domain.permission import Act
from processor.domain.plan import MemberState
from processor.domain.way import OnItsWay
from processor.domain.word import Word
from processor.store.tables import members


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One contact in one audience; every column. `id` is 0 for one that is not written yet.

    `contact_id` is the platform's id, None for a member whom the platform does not know. `seen_at` is
    `last_changed` of the newest view of Mailchimp's side, `seen_digest` tells views of the same second
    apart, `theirs` is that view itself, `status` is Mailchimp's status in it. `way` is what a batch carries
    to it, `word` what the audience's record last said of the person. `field` is the platform's field that the
    `reason` is about. `pushed_version` is the contact's version that was last sent.
    `asked` is what was said of marketing permissions on the platform, and is not in Mailchimp yet.
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
    theirs: Member | None = None
    way: OnItsWay | None = None
    word: Word | None = None
    asked: Mapping[str, Act] = field(default_factory=dict)
    status: MemberStatus | None = None
    state: MemberState = MemberState.WAITING
    reason: str | None = None
    field: str | None = None
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

    @property
    def cause(self) -> tuple[MemberState, str, str | None] | None:
        """What it fails of, or is tried again for; None for one that nothing is wrong with."""
        if self.reason is None or self.state not in (MemberState.FAILING, MemberState.WAITING):
            return None
        return self.state, self.reason, self.field


COLUMNS = [members.c[field.name] for field in fields(MemberRow)]

DATA = (
    "contact_id",
    "member_id",
    "mailchimp_contact_id",
    "email_key",
    "base",
    "seen_at",
    "seen_digest",
    "theirs",
    "way",
    "word",
    "asked",
    "status",
    "state",
    "reason",
    "field",
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
    if "theirs" in values:
        values["theirs"] = member_as_json(row.theirs)
    if "way" in values:
        values["way"] = way_as_json(row.way)
    if "word" in values:
        values["word"] = word_as_json(row.word)
    if "asked" in values:
        values["asked"] = acts_as_json(row.asked)
    return values


def member(row: Row[*tuple[Any, ...]]) -> MemberRow:
    """Return the row of a question that asked for COLUMNS."""
    values = dict(row._mapping)
    values["base"] = base_from_json(values["base"])
    values["theirs"] = member_from_json(values["theirs"])
    values["way"] = way_from_json(values["way"])
    values["word"] = word_from_json(values["word"])
    values["asked"] = acts_from_json(values["asked"])
    values["state"] = MemberState(values["state"])
    values["status"] = None if values["status"] is None else MemberStatus(values["status"])
    return MemberRow(**values)


def base_as_json(base: Base | None) -> dict[str, Any] | None:
    """Return the base as it is stored."""
    if base is None:
        return None
    stored: dict[str, Any] = {
        "email": base.email,
        "status": base.status,
        "fields": dict(base.fields),
        "tags": sorted(base.tags),
        "consent_at": base.consent_at,
    }
    if base.map_version:
        stored |= {"map_version": base.map_version}
    return stored | {"parted": True} if base.parted else stored


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
        parted=stored.get("parted", False),
        map_version=stored.get("map_version", 0),
    )


def member_as_json(view: Member | None) -> dict[str, Any] | None:
    """Return a view of a member as it is stored: what is empty is left out."""
    if view is None:
        return None
    stored = {field.name: getattr(view, field.name) for field in fields(view)}
    kept = {name: value for name, value in stored.items() if value or name in _ALWAYS}
    if view.permissions:
        kept["permissions"] = {
            one: {"text": said.text, "enabled": said.enabled} for one, said in view.permissions.items()
        }
    return kept | {"tags": sorted(view.tags)}


_ALWAYS = frozenset({"id", "email", "status", "tags_complete"})


def member_from_json(stored: Mapping[str, Any] | None) -> Member | None:
    """Return what `member_as_json` wrote."""
    if stored is None:
        return None
    last_changed, sms_changed_at = stored.get("last_changed"), stored.get("sms_changed_at")
    return Member(
        **{
            **stored,
            "status": MemberStatus(stored["status"]),
            "tags": frozenset(stored["tags"]),
            "last_changed": datetime.fromisoformat(last_changed) if last_changed else None,
            "sms_changed_at": datetime.fromisoformat(sms_changed_at) if sms_changed_at else None,
            "permissions": {one: Permission(**said) for one, said in stored.get("permissions", {}).items()},
        }
    )


def way_as_json(way: OnItsWay | None) -> dict[str, Any] | None:
    """Return what is on its way as it is stored."""
    if way is None:
        return None
    return {
        "at": way.at.isoformat(),
        "fields": dict(way.fields),
        "tags_added": sorted(way.tags_added),
        "tags_removed": sorted(way.tags_removed),
        "claim": way.claim,
        "email": way.email,
        "created": way.created,
        "consent_at": way.consent_at,
    }


def way_from_json(stored: Mapping[str, Any] | None) -> OnItsWay | None:
    """Return what `way_as_json` wrote."""
    if stored is None:
        return None
    return OnItsWay(
        at=datetime.fromisoformat(stored["at"]),
        fields=stored["fields"],
        tags_added=frozenset(stored["tags_added"]),
        tags_removed=frozenset(stored["tags_removed"]),
        claim=stored["claim"],
        email=stored.get("email"),
        created=MemberStatus(created) if (created := stored.get("created")) else None,
        consent_at=datetime.fromisoformat(at) if (at := stored.get("consent_at")) else None,
    )


def word_as_json(word: Word | None) -> dict[str, Any] | None:
    """Return an audience's word as it is stored."""
    return None if word is None else {"heard": _consent(word.heard), "over": _consent(word.over)}


def word_from_json(stored: Mapping[str, Any] | None) -> Word | None:
    """Return what `word_as_json` wrote."""
    return None if stored is None else Word(_stored_consent(stored["heard"]), _stored_consent(stored["over"]))


def _consent(consent: Consent) -> dict[str, str | None]:
    at = consent.at.isoformat() if consent.at else None
    return {"status": consent.status.value, "at": at, "source": consent.source}


def _stored_consent(stored: Mapping[str, Any]) -> Consent:
    at = stored["at"]
    return Consent(
        ConsentStatus(stored["status"]), datetime.fromisoformat(at) if at else None, stored["source"]
    )


def acts_as_json(acts: Mapping[str, Act]) -> dict[str, Any] | None:
    """Return acts about permissions as they are stored; None for none."""
    stored = {
        one: {
            "enabled": act.enabled,
            "at": act.at.isoformat(),
            "source": act.source,
            "kept_at": act.kept_at.isoformat(),
            "is_guard": act.is_guard,
        }
        for one, act in acts.items()
    }
    return stored or None


def acts_from_json(stored: Mapping[str, Any] | None) -> dict[str, Act]:
    """Return what `acts_as_json` wrote."""
    return {
        one: Act(
            act["enabled"],
            datetime.fromisoformat(act["at"]),
            act["source"],
            datetime.fromisoformat(act["kept_at"]),
            act["is_guard"],
        )
        for one, act in (stored or {}).items()
    }
