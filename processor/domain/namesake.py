"""Contacts with one address are one person: what follows from one of them having left. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from processor.domain.contact import Consent, ConsentStatus, Contact
from processor.domain.edit import LEFT, Edit, consent_json

MAILED = frozenset({ConsentStatus.SUBSCRIBED, ConsentStatus.PENDING})


def later(one: Consent, other: Consent | None) -> Consent:
    """Return the later of two; one without a time is later than any."""
    if other is None or one.at is None or (other.at is not None and one.at >= other.at):
        return one
    return other


def is_later(yes: Consent, no: Consent) -> bool:
    """Whether a yes is provably later than a no."""
    return bool(yes.has_evidence and yes.at and no.at and yes.at > no.at)


def has_left_too(consent: Consent, no: Consent) -> bool:
    """Whether the no of somebody with the same address counts for whoever holds this consent: it is not older
    than their yes, or later than their own no."""
    if consent.status in MAILED:
        return not is_later(consent, no)
    is_person = no.status is ConsentStatus.UNSUBSCRIBED
    return is_person and consent.status in LEFT and later(no, consent) is no and no.at != consent.at


def taken_off(contact: Contact, no: Consent, now: datetime) -> Edit:
    """Return the contact with the no of somebody who has its address."""
    what = {"consent": (consent_json(contact.consent), consent_json(no))}
    return Edit(replace(contact, consent=no, version=contact.version + 1, updated_at=now), what)
