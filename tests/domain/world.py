"""A tiny pure model of both sides, to carry plans out on: a platform with one contact, and an audience
that takes, refuses and remembers as Mailchimp does (facts.md 4.2 to 4.4)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from processor.domain.contact import (
    Base,
    Consent,
    Contact,
    Member,
    MemberStatus,
    email_key,
    subscriber_hash,
)
from processor.domain.edit import carry_out
from processor.domain.mapping import write
from processor.domain.plan import MemberChange, Plan
from processor.domain.policy import FieldKind, Policy
from processor.domain.reconcile import parted, reconcile
from tests.domain.builders import NOON

S = MemberStatus
DEFAULT_COUNTRY = "US"


class Sent(Enum):
    """How much of what goes up arrives: tags have a call of their own (facts.md 4.2), and a process may
    be killed, or Mailchimp be away, at any line."""

    ALL = "all"
    NO_TAGS = "no tags"
    NOTHING = "nothing"


@dataclass
class Audience:
    """Members by their stable id. `refused` holds Mailchimp's refusals of the calls so far."""

    policy: Policy
    members: dict[int, Member] = field(default_factory=dict)
    left_by_themselves: set[int] = field(default_factory=set)
    forgotten: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    subscribed_by_us: int = 0
    last_id: int = 0

    def by_email(self, email: str) -> int | None:
        """The id of the member with this address."""
        return next((i for i, m in self.members.items() if email_key(m.email) == email_key(email)), None)

    def add(self, email: str, status: MemberStatus, now: datetime) -> int:
        """A new member with empty fields."""
        self.last_id += 1
        blank = {rule.target: "" for rule in self.policy.fields if rule.kind is FieldKind.MERGE}
        unticked = {rule.target: False for rule in self.policy.fields if rule.kind is FieldKind.INTEREST}
        self.members[self.last_id] = Member(
            id=subscriber_hash(email),
            email=email,
            status=status,
            merge_fields=blank,
            interests=unticked,
            language="en",
            last_changed=now.replace(microsecond=0),
        )
        return self.last_id

    def touch(self, who: int, now: datetime, **changes: Any) -> None:
        """Change a member; what changes nothing leaves `last_changed` alone (facts.md 4.6)."""
        before = self.members[who]
        after = replace(before, **changes)
        if after != before:
            self.members[who] = replace(
                after, id=subscriber_hash(after.email), last_changed=now.replace(microsecond=0)
            )

    def take(self, who: int | None, contact: Contact, change: MemberChange, now: datetime) -> int | None:
        """Carry out one change as Mailchimp would, or refuse it; returns the member's id."""
        if change.create is not None:
            return self._create(contact, change, now)
        if who is None or who not in self.members:
            self.refused.append("gone")
            return who
        refusal = self._refusal(who, change)
        if refusal:
            self.refused.append(refusal)
            return who
        if change.archive:
            self.touch(who, now, status=S.ARCHIVED)
            return who
        if change.status is not None:
            self.subscribed_by_us += change.status is S.SUBSCRIBED
            self.touch(who, now, status=change.status)
        self.touch(who, now, email=change.email or self.members[who].email)
        self._write(who, change, now)
        return who

    def _create(self, contact: Contact, change: MemberChange, now: datetime) -> int | None:
        assert contact.email is not None
        assert change.create is not None
        known = self.by_email(contact.email)
        if known is not None:
            self.refused.append("member_exists")
            return known
        if email_key(contact.email) in self.forgotten:
            self.refused.append("email_forgotten")
            return None
        self.subscribed_by_us += change.create is S.SUBSCRIBED
        who = self.add(contact.email, change.create, now)
        self._write(who, change, now)
        return who

    def _refusal(self, who: int, change: MemberChange) -> str | None:
        there = self.members[who]
        if change.archive and there.status in {S.ARCHIVED, S.CLEANED, S.PENDING}:
            return "not_archivable"
        is_out = there.status is S.CLEANED or who in self.left_by_themselves
        if change.status is S.SUBSCRIBED and is_out:
            return "consent_unsubscribed"
        if change.email and there.status is not S.SUBSCRIBED:
            return "email_locked"
        if change.email and self.by_email(change.email) not in {None, who}:
            return "email_taken"
        return None

    def _write(self, who: int, change: MemberChange, now: datetime) -> None:
        there, sent = self.members[who], write(change.fields, self.policy)
        merge_fields = {**there.merge_fields, **sent.merge_fields}
        for rule in self.policy.fields:
            address = merge_fields.get(rule.target)
            if rule.type == "address" and isinstance(address, dict):
                merge_fields[rule.target] = {**address, "country": address.get("country", DEFAULT_COUNTRY)}
        self.touch(
            who,
            now,
            merge_fields=merge_fields,
            interests={**there.interests, **sent.interests},
            language=sent.language or there.language,
            tags=(there.tags | change.tags_added) - change.tags_removed,
        )


@dataclass(repr=False)
class World:
    """One contact, one audience, and what the processor remembers of both."""

    policy: Policy
    contact: Contact | None = None
    base: Base | None = None
    who: int | None = None
    now: datetime = NOON
    seen: list[Member | None] = field(default_factory=list)
    plans: list[tuple[Base | None, Contact | None, Member | None, Plan]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.audience = Audience(self.policy)

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """How Hypothesis shows a story that broke a promise: step by step."""
        printer.text(repr(self))

    def __repr__(self) -> str:
        lines = [f"World({self.policy!r})"]
        for base, ours, theirs, plan in self.plans:
            lines += [f"  base   {base}", f"  ours   {ours}", f"  theirs {theirs}", f"  -> {plan}", ""]
        lines.append(f"  now: {self.contact}, {self.base}, {self.audience.members}, {self.audience.refused}")
        return "\n".join(lines)

    def tick(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def theirs(self) -> Member | None:
        """The member as a full read finds it: by the link, else by the contact's address."""
        if self.who not in self.audience.members:
            email = self.contact.email if self.contact else None
            found = self.audience.by_email(email) if email else None
            self.who = found if found is not None else self.who
        there = self.audience.members.get(self.who) if self.who is not None else None
        self.seen.append(there)
        return there

    def step(self, theirs: Member | None, sent: Sent = Sent.ALL) -> Plan:
        """Reconcile with this view of the member and carry the plan out, as far as `sent` says."""
        plan = reconcile(self.base, self.contact, theirs, self.policy)
        self.plans.append((self.base, self.contact, theirs, plan))
        if self.contact is None and plan.down.create:
            self.contact = Contact("shop", "c1", None)
        if self.contact is not None:
            self.contact = carry_out(self.contact, plan.down, self.now).contact
        self.base = plan.base
        if plan.relink:
            self.base, self.who = parted(plan.base, theirs.status if theirs else None), None
        elif sent is not Sent.NOTHING and not plan.up.is_empty:
            nobody = Contact("shop", "c1", None)
            up = plan.up
            if sent is Sent.NO_TAGS:
                up = replace(up, tags_added=frozenset(), tags_removed=frozenset())
            self.who = self.audience.take(self.who, self.contact or nobody, up, self.now)
        return plan

    def settle(self, rounds: int = 6) -> Plan:
        """Full observations until there is nothing left to do, or nothing but what is refused."""
        for _ in range(rounds):
            self.tick(1)
            before = len(self.audience.refused)
            plan = self.step(self.theirs())
            if plan.is_empty:
                return plan
            if self.audience.refused[before:] and self.audience.refused[-1] != "member_exists":
                return plan
        raise AssertionError(f"it does not settle: {plan}")

    # What people do.

    def edit(self, **changes: Any) -> None:
        """The platform changes its contact."""
        if self.contact is not None:
            self.contact = replace(self.contact, **changes, updated_at=self.now)

    def say(self, consent: Consent) -> None:
        """The platform records a consent."""
        self.edit(consent=consent)

    def act_there(self, **changes: Any) -> None:
        """The marketer, or the person through Mailchimp's pages, changes the member."""
        if self.who in self.audience.members:
            assert self.who is not None
            if changes.get("status") in {S.UNSUBSCRIBED, S.CLEANED}:
                self.audience.left_by_themselves.add(self.who)
            if changes.get("status") is S.SUBSCRIBED:
                self.audience.left_by_themselves.discard(self.who)
            self.audience.touch(self.who, self.now, **changes)

    def delete_there(self) -> None:
        """Deleted for good: Mailchimp remembers only that it may not come back."""
        if self.who in self.audience.members:
            assert self.who is not None
            self.audience.forgotten.add(email_key(self.audience.members.pop(self.who).email))

    def sign_up_there(self, email: str) -> None:
        """The person signs up with the audience's form."""
        known = self.audience.by_email(email)
        if known is None:
            self.audience.forgotten.discard(email_key(email))
            self.audience.add(email, S.SUBSCRIBED, self.now)
        else:
            self.audience.left_by_themselves.discard(known)
            self.audience.touch(known, self.now, status=S.SUBSCRIBED)
