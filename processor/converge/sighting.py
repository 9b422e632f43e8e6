"""What goes into converging, and what comes out of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum

from processor.domain.contact import Consent, Contact, Member
from processor.domain.plan import Plan
from processor.domain.way import OnItsWay
from processor.store.members import MemberRow


@dataclass(frozen=True, slots=True)
class Sighting:
    """One look at one member: what was there, or that nothing was there.

    `row_id` names the member's row where the asker knows it; else the member is found by its ids and
    address. `address` is what was asked for. `sure` says that it was read just now, after
    everything stored was read: it may replace a view of the same second.
    """

    address: str | None
    member: Member | None
    row_id: int | None = None
    sure: bool = False
    way: OnItsWay | None = None
    """What was just sent to the member, where this is the answer to it."""
    seen: tuple[str | None] | None = None
    """For "nothing was there", and for what was recalled: what the row's newest view was when it was asked.
    Where another was seen since, the answer is too old to be believed."""
    recalled: bool = False
    """Whether nobody looked just now: this is the last view, of a member who is known not to have changed
    since. Such a view is good enough for fields, not for anybody's consent."""


class Verdict(StrEnum):
    """What came of a sighting."""

    CHANGED = "changed"
    """Something was written here, or must go up."""
    AGREED = "agreed"
    """Both sides are as they should be: an echo, or news that is known."""
    STALE = "stale"
    """Older than what was seen already."""
    AGAIN = "again"
    """Of the same second as what was seen, and different: only another look can tell which is newer."""
    OTHER = "other"
    """Another member than the one known at that address: that one must be looked up first."""
    UNKNOWN = "unknown"
    """Not there, and never was, here or there."""
    TAKEN = "taken"
    """The address belongs to another contact's member."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something was written: goes into the changes feed. `kind` is webhook, sweep, push or sync."""

    kind: str
    event_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one sighting: the member's row as it is now, and what must still go up. The contact's
    consent is the one towards this audience (`domain/word`)."""

    sighting: Sighting
    verdict: Verdict
    row: MemberRow | None = None
    plan: Plan | None = None
    contact: Contact | None = None
    was: Consent | None = None
    """The contact's consent towards this audience before; None where there was no contact."""


def digest(member: Member) -> str:
    """Return a hash of everything that a view says, its time aside."""
    view: dict[str, object] = {
        "id": member.id,
        "email": member.email,
        "status": member.status.value,
        "merge_fields": dict(member.merge_fields),
        "interests": dict(member.interests),
        "tags": sorted(member.tags),
        "language": member.language,
    }
    if member.permissions:
        view["permissions"] = {one: said.enabled for one, said in member.permissions.items()}
    if member.sms_phone or member.sms_status:
        view["sms"] = [member.sms_phone, member.sms_status]
    return hashlib.sha256(_ENCODER.encode(view).encode()).hexdigest()[:32]


_ENCODER = json.JSONEncoder(sort_keys=True, default=str)  # one for all: `json.dumps` would make it anew
