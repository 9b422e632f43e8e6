"""One Mailchimp account: who logs in, what the plan allows, and what the account holds."""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox.state.audience import Audience
from sandbox.state.batch import Batches
from sandbox.state.gallery import Gallery

# From the least to the most that a login may do.
ROLES = ("viewer", "author", "manager", "admin", "owner")
SIMULTANEOUS_REQUESTS = 10


@dataclass(slots=True)
class Grant:
    """An access token or an API key. `app` names the OAuth client; it is empty for a key."""

    secret: str
    account_id: str
    app: str = ""
    revoked: bool = False
    issued_seconds: int = 0


@dataclass
class Account:
    """One Mailchimp account. `plan_limit` is the number of contacts its plan allows; 0 means any."""

    id: str
    name: str
    user_id: int
    login_id: int
    email: str
    dc: str = "us1"
    role: str = "owner"
    plan_limit: int = 0
    max_audiences: int = 5
    disabled: bool = False
    created_seconds: int = 0
    audiences: dict[str, Audience] = field(default_factory=dict)
    batches: Batches = field(default_factory=Batches)
    gallery: Gallery = field(default_factory=Gallery)
    # What is running now, and the most there ever was: not part of what is kept on disk.
    in_flight: int = 0
    most_in_flight: int = 0

    def contacts(self) -> int:
        """How many contacts the plan counts: all but the archived and the cleaned."""
        total = 0
        for audience in self.audiences.values():
            members = audience.members
            total += len(members) - members.count("archived") - members.count("cleaned")
        return total

    def full(self) -> bool:
        """True where the plan allows no further contact."""
        return self.plan_limit > 0 and self.contacts() >= self.plan_limit

    def may(self, role: str) -> bool:
        """True where the login's role is `role` or higher."""
        return ROLES.index(self.role) >= ROLES.index(role)
