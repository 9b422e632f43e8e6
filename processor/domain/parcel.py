"""What a push sent up for one contact, with what was there before: for the contact's history. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from processor.domain.contact import Base, Consent, Contact, Member, MemberStatus
from processor.domain.mapping import read
from processor.domain.permission import Act, word_of
from processor.domain.plan import MemberChange
from processor.domain.policy import Policy
from processor.domain.way import OnItsWay

Before = Mapping[str, Any]
NOTHING: Mapping[str, Act] = {}


@dataclass(frozen=True, slots=True)
class Parcel:
    """`what` maps each name to `{"before": …, "after": …}` like a change of the feed; `consent` is what a
    status that is in it was sent on. `version` is the
    contact's, None where it is not known any more."""

    what: Mapping[str, Any]
    consent: Consent = field(default_factory=Consent)
    address: str | None = field(default=None, repr=False)
    version: int | None = None
    acts: Mapping[str, Act] = field(default_factory=dict)
    """On what marketing permissions that are in it were sent, by their ids."""


def parcel(
    up: MemberChange,
    theirs: Member | None,
    contact: Contact | None,
    policy: Policy,
    asked: Mapping[str, Act] = NOTHING,
) -> Parcel:
    """Return what is sent by this change. `asked` has the acts behind its marketing permissions."""
    what = _what(read(theirs, policy) if theirs else {}, up.fields)
    tags = theirs.tags if theirs else frozenset[str]()
    if up.tags_added or up.tags_removed:
        what["tags"] = _pair(sorted(tags), sorted((tags | up.tags_added) - up.tags_removed))
    if up.create and contact is not None:
        what["email"] = _pair(None, contact.email)
    elif up.email:
        what["email"] = _pair(theirs.email if theirs else None, up.email)
    status = MemberStatus.ARCHIVED if up.archive else up.create or up.status
    if status is not None:
        what["status"] = _pair(theirs.status.value if theirs else None, status.value)
    for permission_id, enabled in up.permissions.items():
        what[f"permissions.{permission_id}"] = _pair(word_of(not enabled), word_of(enabled))
    if contact is None:
        return Parcel(what, address=theirs.email if theirs else None)
    acts = {one: asked[one] for one in up.permissions if one in asked}
    return Parcel(what, contact.consent, contact.email, contact.version, acts)


def carried(way: OnItsWay, base: Base | None) -> Parcel:
    """Return what a batch carried to a member, of whom `base` was agreed before."""
    what = _what(base.fields if base else {}, way.fields)
    tags = base.tags if base else frozenset[str]()
    if way.tags_added or way.tags_removed:
        what["tags"] = _pair(sorted(tags), sorted((tags | way.tags_added) - way.tags_removed))
    return Parcel(what)


def _what(before: Before, after: Mapping[str, Any]) -> dict[str, Any]:
    return {f"fields.{name}": _pair(before.get(name), value) for name, value in after.items()}


def _pair(before: Any, after: Any) -> dict[str, Any]:
    return {"before": before, "after": after}
