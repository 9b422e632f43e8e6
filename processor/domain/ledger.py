"""The ledger of consents: what each entry says, and who is behind a change of status. Pure.

Mailchimp tells who unsubscribed in two places (facts.md 1.3, 4.4): the webhook's `reason` tells a complaint
(`abuse`) from everything else (`manual`), and the member's `unsubscribe_reason` names an admin. What neither
tells is not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from processor.domain.contact import Consent, ConsentStatus
from processor.domain.policy import Policy, WithoutConsent

FROM_THERE = "mailchimp:"
_REASON = re.compile(r"\((.*)\)$", re.DOTALL)


class Side(StrEnum):
    """Where the status was written: on the platform's contact, or in Mailchimp, by us."""

    HERE = "here"
    THERE = "there"


class Who(StrEnum):
    """Who is behind a change of status, as far as is known."""

    PLATFORM = "platform"
    """The platform said so; `source` is its evidence."""
    STATEMENT = "statement"
    """The customer's recorded statement, at set-up, that those without evidence agreed."""
    CONTACT = "contact"
    """The person themselves, in Mailchimp."""
    ADMIN = "admin"
    """Somebody who may use the customer's Mailchimp account, or a program of theirs."""
    COMPLAINT = "complaint"
    """The person reported a message as spam."""
    BOUNCE = "bounce"
    ARCHIVE = "archive"
    """Somebody archived the member in Mailchimp."""
    DELETE = "delete"
    """Somebody deleted the member in Mailchimp."""
    MAILCHIMP = "mailchimp"
    """It happened in Mailchimp, which does not tell by whom."""


@dataclass(frozen=True, slots=True)
class ConsentEntry:
    """One line of the ledger; it is never changed.

    `at` is when it was said, as the evidence has it (None: not known), `recorded_at` when it was written
    down. `before` and `after` are statuses: the contact's on the side HERE, the member's on the side THERE;
    of a permission they are `given` and `withdrawn`. `source` is the evidence in the words of whoever gave
    it. `cause` names the event, call, sweep or push, and `by` the API key. `address` is the one that it was
    said about.
    """

    account_id: str
    contact_id: str
    side: Side
    before: str | None
    after: str
    who: Who
    recorded_at: datetime
    connection_id: str | None = None
    at: datetime | None = None
    source: str | None = None
    by: str | None = None
    address: str | None = field(default=None, repr=False)
    about: str | None = None
    """`permissions.<id>` for a marketing permission, `sms`; None for the status itself."""
    cause: Mapping[str, Any] = field(default_factory=dict)


def who_said(source: str | None) -> Who:
    """Return who is behind a consent with this source (`Consent.source`)."""
    if not (source or "").startswith(FROM_THERE):
        return Who.PLATFORM
    what = (source or "").removeprefix(FROM_THERE)
    reason = reason_in(source)
    if what.startswith("archived"):
        return Who.ARCHIVE
    if what.startswith("deleted"):
        return Who.DELETE
    if reason.casefold() == "abuse":
        return Who.COMPLAINT
    if what.startswith("cleaned"):
        return Who.BOUNCE
    return _who_unsubscribed(reason) if what.startswith("unsubscribed") else Who.MAILCHIMP


def _who_unsubscribed(reason: str) -> Who:
    # `manual` is the webhook's word for whoever it was but a complaint.
    if not reason or reason.casefold() in {"manual", "n/a"}:
        return Who.MAILCHIMP
    return Who.ADMIN if "by admin" in reason.casefold() else Who.CONTACT


def reason_in(source: str | None) -> str:
    """Return the reason that a source has in brackets, "" for none."""
    found = _REASON.search(source or "")
    return found.group(1).strip() if found else ""


def is_further_evidence(consent: Consent, reason: str | None) -> bool:
    """Whether a member's `unsubscribe_reason` says more of an opt-out than what is written down."""
    if not reason or consent.status is not ConsentStatus.UNSUBSCRIBED:
        return False
    known = reason_in(consent.source)
    return (consent.source or "").startswith(FROM_THERE) and known not in {reason, "abuse"}


def evidence_of(consent: Consent, policy: Policy) -> tuple[Who, datetime | None, str | None]:
    """Return on whose word a status goes up to Mailchimp: who, when, and in which words."""
    statement = policy.statement
    is_stated = policy.without_consent is WithoutConsent.STATED and statement is not None
    if consent.status is ConsentStatus.SUBSCRIBED and not consent.has_evidence and is_stated:
        assert statement is not None
        return Who.STATEMENT, statement.at, f"{statement.text} ({statement.by})"
    return who_said(consent.source), consent.at, consent.source
