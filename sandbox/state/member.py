"""One member of an audience."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

Status = Literal["subscribed", "unsubscribed", "cleaned", "pending", "transactional", "archived"]
STATUSES: tuple[Status, ...] = (
    "subscribed",
    "unsubscribed",
    "cleaned",
    "pending",
    "transactional",
    "archived",
)

# Who made an opt-out decides whether the API may undo it: "" and "admin" may be undone, the others may not.
OptOut = Literal["", "admin", "contact", "complaint", "bounce"]
COMPLIANCE: frozenset[OptOut] = frozenset({"contact", "complaint", "bounce"})

SMS_ONLY = "sms:"
"""How the key of a contact without an address begins, in place of one."""

NOTHING: Mapping[Any, Any] = MappingProxyType({})
NOBODY: frozenset[str] = frozenset()


@dataclass(slots=True, eq=False)
class Member:
    """A member. Its collections are replaced, never changed in place: a million share one empty one.

    `email`, `status` and `last_changed_seconds` are indexed: change them through `Members` only.
    """

    serial: int
    email: str
    status: Status
    last_changed_seconds: int
    merges: Mapping[int, Any] = field(default_factory=lambda: NOTHING)
    """By merge_id; empty values are left out."""
    tags: Mapping[int, int] = field(default_factory=lambda: NOTHING)
    """Tag id to the second it was added."""
    interests: frozenset[str] = NOBODY
    permissions: frozenset[str] = NOBODY
    opt_out: OptOut = ""
    unsubscribe_reason: str = ""
    email_type: str = "html"
    language: str = ""
    vip: bool = False
    location: tuple[float, float] | None = None
    ip_signup: str = ""
    signup_seconds: int = 0
    ip_opt: str = ""
    opt_seconds: int = 0
    source: str = "API - Generic"
    sms_phone: str = ""
    sms_status: str = ""
    sms_seconds: int = 0

    @property
    def shown_email(self) -> str:
        """The address that the API shows: none for a contact whom only SMS reaches."""
        return "" if self.email.startswith(SMS_ONLY) else self.email
