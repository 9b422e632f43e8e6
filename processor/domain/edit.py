"""What the platform's own write does to its contact: what is named is set, null clears, the rest stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from processor.domain.contact import Consent, ConsentStatus, Contact, email_key
from processor.domain.plan import ContactChange
from processor.errors import Invalid

PLATFORM_SOURCE = "platform"
CLOCK_TOLERANCE = timedelta(minutes=5)
LEFT = frozenset({ConsentStatus.UNSUBSCRIBED, ConsentStatus.CLEANED})


class Unset:
    """The type of UNSET."""


UNSET = Unset()
"""Not named in the write, so kept."""


@dataclass(frozen=True, slots=True)
class ContactPatch:
    """One write of the platform. `version`, where given, is the newest one the writer had seen."""

    email: str | Unset | None = UNSET
    fields: Mapping[str, Any] = field(default_factory=dict)
    tags: frozenset[str] | Unset = UNSET
    consent: Consent | Unset = UNSET
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """What a write did. `what` maps each changed name to (before, after). `created` says that it was not
    there before, `stale` that the writer had not seen the newest version and nothing was written. `notes`
    are sentences for the writer about what was deliberately not done."""

    contact: Contact
    what: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    created: bool = False
    stale: bool = False
    notes: tuple[str, ...] = ()


def edit(current: Contact, patch: ContactPatch, now: datetime, *, is_new: bool = False) -> Edit:
    """Return the contact after the write, with `version` one higher where anything changed.

    A contact that does not exist is passed as an empty one with `is_new`; its version is 0, or that of the
    deleted one whose id it takes. Raises Invalid when the
    write would subscribe somebody who left without saying when and where they came back.
    """
    if patch.version is not None and patch.version < current.version:
        return Edit(current, stale=True, notes=("The contact has changed since that version.",))
    notes: list[str] = []
    email = _email(current.email, patch.email)
    fields = _fields(current.fields, patch.fields)
    tags = current.tags if isinstance(patch.tags, Unset) else patch.tags
    before = _about_address(current, email)
    consent = _consent(before, patch.consent, now, notes)
    what = changes(current, email=email, fields=fields, tags=tags, consent=consent)
    if not what and not is_new:
        return Edit(current, notes=tuple(notes))
    contact = replace(
        current,
        email=email,
        fields=fields,
        tags=tags,
        consent=consent,
        version=current.version + 1,
        updated_at=now,
    )
    return Edit(contact, what, created=is_new, notes=tuple(notes))


def changes(
    current: Contact,
    *,
    email: str | None,
    fields: Mapping[str, Any],
    tags: frozenset[str],
    consent: Consent,
) -> dict[str, tuple[Any, Any]]:
    """Return what differs from the current contact, as name -> (before, after) in JSON-ready values."""
    what: dict[str, tuple[Any, Any]] = {}
    if email != current.email:
        what["email"] = (current.email, email)
    for name in sorted({*current.fields, *fields}):
        before, after = current.fields.get(name), fields.get(name)
        if before != after:
            what[f"fields.{name}"] = (before, after)
    if tags != current.tags:
        what["tags"] = (sorted(current.tags), sorted(tags))
    if consent != current.consent:
        what["consent"] = (consent_json(current.consent), consent_json(consent))
    return what


def consent_json(consent: Consent) -> dict[str, Any]:
    """Return a consent as the API shows it."""
    return {
        "status": consent.status.value,
        "at": consent.at.isoformat() if consent.at else None,
        "source": consent.source,
    }


def contact_json(contact: Contact) -> dict[str, Any]:
    """Return a contact as the API and the changes feed show it."""
    return {
        "id": contact.id,
        "email": contact.email,
        "fields": dict(contact.fields),
        "tags": sorted(contact.tags),
        "consent": consent_json(contact.consent),
        "version": contact.version,
    }


def what_json(what: Mapping[str, tuple[Any, Any]]) -> dict[str, Any]:
    """Return what an edit changed as the changes feed shows it."""
    return {name: {"before": before, "after": after} for name, (before, after) in what.items()}


def _email(current: str | None, new: str | Unset | None) -> str | None:
    if isinstance(new, Unset):
        return current
    email = (new or "").strip() or None
    name, _, domain = (email or "").rpartition("@")
    if email is not None and not (name and domain and not any(c.isspace() or c == "\0" for c in email)):
        raise Invalid(f'"{email}" is not an e-mail address: it needs a name, an @ and a domain.', "email")
    if email and current and email_key(email) == email_key(current):
        return current  # another spelling of the same address is not a change
    return email


def _about_address(current: Contact, email: str | None) -> Consent:
    """A bounce is about an address: a contact with a new one is not known to bounce. Whether they may
    be written to there is not known either."""
    moved = email is not None and current.email is not None and email_key(email) != email_key(current.email)
    if moved and current.consent.status is ConsentStatus.CLEANED:
        return Consent(ConsentStatus.NONE)
    return current.consent


def _fields(current: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**current, **new}
    return {name: value for name, value in merged.items() if value is not None or name in current}


def _consent(current: Consent, new: Consent | Unset, now: datetime, notes: list[str]) -> Consent:
    if isinstance(new, Unset):
        return current
    at = new.at
    if at is not None and at > now + CLOCK_TOLERANCE:
        # Nothing later could outdo it, and it would be a new act at every repetition.
        raise Invalid("`consent.at` lies in the future. Send the time at which they said it.", "consent")
    if new.status is current.status and (at is None or at == current.at):
        return current
    if new.status in LEFT:
        return _leaving(current, new, now, notes)
    if current.status in LEFT:
        return _coming_back(current, new, notes)
    return new


def _leaving(current: Consent, new: Consent, now: datetime, notes: list[str]) -> Consent:
    older = new.at is not None and current.at is not None and new.at < current.at
    # The time of what Mailchimp's record says is that of the last change, not of a consent.
    from_there = (current.source or "").startswith("mailchimp:")
    if older and current.status is ConsentStatus.SUBSCRIBED and current.has_evidence and not from_there:
        notes.append("consent was kept: the contact subscribed again after that time.")
        return current
    at, source = new.at or now, new.source or PLATFORM_SOURCE
    if current.status not in LEFT:
        return Consent(new.status, at, source)
    return _left_twice(current, Consent(new.status, at, source), notes)


def _left_twice(current: Consent, new: Consent, notes: list[str]) -> Consent:
    """The stricter of two ways of having left: an opt-out is a person's and goes along to a new address,
    which a bounce does not; and only a yes that is later than both of them leads back."""
    latest = max((at for at in (current.at, new.at) if at is not None), default=None)
    if new.status is ConsentStatus.CLEANED and current.status is ConsentStatus.UNSUBSCRIBED:
        notes.append("consent was kept: the contact had unsubscribed, which counts for more than a bounce.")
        return replace(current, at=latest)
    if new.status is current.status and latest == current.at:
        notes.append("consent was kept: the contact had left after that time.")
        return current
    return replace(new, at=latest)


def _coming_back(current: Consent, new: Consent, notes: list[str]) -> Consent:
    if new.status is not ConsentStatus.SUBSCRIBED:
        notes.append("consent was kept: the contact has left, which only a new consent of theirs undoes.")
        return current
    if not new.has_evidence:
        raise Invalid(
            "This contact has left. To subscribe them again, say when (`at`) and where (`source`) they did.",
            "consent",
        )
    assert new.at is not None
    if current.at is not None and new.at <= current.at:
        notes.append("consent was kept: the contact left after that time.")
        return current
    return new


def carry_out(current: Contact, change: ContactChange, now: datetime) -> Edit:
    """Return the contact after what reconciling decided to write here. Safe to repeat: a change that is
    there already changes nothing."""
    fields = {**current.fields, **change.fields}
    tags = (current.tags | change.tags_added) - change.tags_removed
    email = change.email or current.email
    consent = change.consent or current.consent
    what = changes(current, email=email, fields=fields, tags=tags, consent=consent)
    if not what and not change.create:
        return Edit(current)
    contact = replace(
        current,
        email=email,
        fields=fields,
        tags=tags,
        consent=consent,
        version=current.version + 1,
        updated_at=now,
    )
    return Edit(contact, what)
