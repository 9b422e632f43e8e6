"""Makes rows of what converging would do: one for each person, with every value before and after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from processor.converge import Outcome, Verdict
from processor.domain.actions import actions_of
from processor.domain.contact import Contact, Member
from processor.domain.mapping import AudienceField, read
from processor.domain.plan import ContactChange, MemberChange, MemberState, Plan
from processor.domain.policy import FieldKind, Policy
from processor.domain.reconcile import parted, reconcile
from processor.preview.row import MAILCHIMP, PLATFORM, Difference, PreviewRow, Trouble

SHOWN = 300
"""Characters of a value that a row shows."""


@dataclass(frozen=True, slots=True)
class Required:
    """A merge field that nobody is added without: its name in Mailchimp, and the platform's field that fills
    it, if any."""

    name: str
    field: str | None


def required(fields: Iterable[AudienceField], policy: Policy) -> tuple[Required, ...]:
    """Return which platform fields fill the audience's required ones. One with a default is not counted:
    Mailchimp may use that."""
    mapped = {rule.target: rule.field for rule in policy.fields if rule.kind is FieldKind.MERGE}
    return tuple(
        Required(item.name or item.tag, mapped.get(item.tag))
        for item in fields
        if item.required and not item.default_value and item.tag.upper() != "EMAIL"
    )


class People:
    """Turns plans into rows, by the policy of one connection."""

    def __init__(self, policy: Policy, needed: Sequence[Required]) -> None:
        self._policy = policy
        self._needed = needed

    def of_member(self, outcome: Outcome, before: Contact | None) -> PreviewRow:
        """Return the row of a member who was read. `before` is the contact as the platform holds it now."""
        member = outcome.sighting.member
        assert member is not None
        plan, contact = outcome.plan, outcome.contact
        if outcome.verdict is Verdict.OTHER:  # somebody new where we knew another: known to neither side
            plan, before = reconcile(None, None, member, self._policy), None
        if plan is None:
            return PreviewRow(member.email, before.id if before else None, _where(before, member))
        if plan.relink and contact is not None:
            return self._parted(plan, contact, before, member)
        held = _held(outcome)
        return self._row(plan, before, member, held)

    def of_contact(self, contact: Contact, plan: Plan, trouble: Trouble | None = None) -> PreviewRow:
        """Return the row of a contact whom no member was found for. With a `trouble` it is not sent."""
        return self._row(plan, contact, None, trouble)

    def _parted(self, plan: Plan, contact: Contact, before: Contact | None, member: Member) -> PreviewRow:
        """The contact leaves this member, and its new address becomes a member of its own."""
        fresh = reconcile(parted(plan.base, member.status), contact, None, self._policy)
        both = Plan(plan.down, fresh.up, fresh.base, fresh.state, fresh.reason, problems=fresh.problems)
        return replace(self._row(both, before, member, None), address=contact.email or member.email)

    def _row(
        self, plan: Plan, before: Contact | None, member: Member | None, held: Trouble | None
    ) -> PreviewRow:
        excluded = plan.reason if plan.state is MemberState.EXCLUDED else None
        # Of somebody who is left out nothing is sent, whatever their values are.
        problems = () if excluded else plan.problems
        troubles = [Trouble(p.code, p.field, _shown(p.value), p.message) for p in problems]
        troubles += self._lacking(plan)
        up = plan.up
        if held is not None or any(trouble.code == "field_required" for trouble in troubles):
            up = MemberChange()
        done = Plan(plan.down, up, plan.base, plan.state, plan.reason)
        troubles += [held] if held is not None else []
        changes = [*self._there(up, member), *_here(plan.down, before)]
        address = (member.email if member else None) or (before.email if before else None) or ""
        return PreviewRow(
            address=address,
            contact_id=before.id if before else None,
            where=_where(before, member),
            actions=actions_of(done),
            changes=tuple(changes),
            left_alone=excluded if held is None else None,
            troubles=tuple(troubles),
        )

    def _lacking(self, plan: Plan) -> list[Trouble]:
        """Required fields that a new member would not have: Mailchimp takes nobody without them."""
        if plan.up.create is None:
            return []
        lacking = [n for n in self._needed if n.field is None or plan.up.fields.get(n.field) is None]
        return [Trouble("field_required", n.field or n.name) for n in lacking]

    def _there(self, up: MemberChange, member: Member | None) -> Iterable[Difference]:
        member = None if up.create else member  # who is added is new, whoever they part from
        had: Mapping[str, Any] = read(member, self._policy) if member else {}
        if up.email:
            yield Difference(MAILCHIMP, "email", member.email if member else None, up.email)
        for name, value in up.fields.items():
            yield Difference(MAILCHIMP, name, _shown(had.get(name)), _shown(value))
        if up.tags_added or up.tags_removed:
            tags = member.tags if member else frozenset()
            yield _tags(MAILCHIMP, tags, (tags | up.tags_added) - up.tags_removed)
        status = up.create or up.status
        if status is not None or up.archive:
            after = status.value if status is not None else "archived"
            yield Difference(MAILCHIMP, "consent", member.status.value if member else None, after)


def _here(down: ContactChange, before: Contact | None) -> Iterable[Difference]:
    fields = before.fields if before else {}
    if down.email:
        yield Difference(PLATFORM, "email", before.email if before else None, down.email)
    for name, value in down.fields.items():
        yield Difference(PLATFORM, name, _shown(fields.get(name)), _shown(value))
    if down.tags_added or down.tags_removed:
        tags = before.tags if before else frozenset()
        yield _tags(PLATFORM, tags, (tags | down.tags_added) - down.tags_removed)
    if down.consent is not None:
        status = before.consent.status.value if before else None
        yield Difference(PLATFORM, "consent", status, down.consent.status.value)


def _tags(side: str, before: frozenset[str], after: frozenset[str]) -> Difference:
    return Difference(side, "tags", sorted(before), sorted(after))


def _held(outcome: Outcome) -> Trouble | None:
    """A contact whom Mailchimp refused before, for a cause that only a change of it mends, is not sent."""
    row = outcome.row
    if row is None or outcome.plan is None or outcome.plan.up.is_empty:
        return None
    if row.state is not MemberState.FAILING or row.due_at is not None:
        return None
    return Trouble(row.reason or "refused", None, None, row.detail or "")


def _where(before: Contact | None, member: Member | None) -> tuple[str, ...]:
    sides = ((MAILCHIMP, member), (PLATFORM, before))
    return tuple(side for side, known in sides if known is not None)


def _shown(value: Any) -> Any:
    """Return the value as a row keeps it: a long text in part, and nothing that JSON does not hold."""
    if isinstance(value, str) and len(value) > SHOWN:
        return value[: SHOWN - 1] + "…"
    if isinstance(value, Mapping):
        return {str(part): _shown(text) for part, text in value.items()}
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)[:SHOWN]
