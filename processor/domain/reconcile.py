"""The three-way merge of one contact with one member. Pure, so it may be done again at any time."""

from __future__ import annotations

from dataclasses import replace

from processor.domain import consent
from processor.domain.consent import ConsentOutcome
from processor.domain.contact import Base, Contact, Member, MemberStatus, email_key
from processor.domain.mapping import read
from processor.domain.merge import (
    Merged,
    MergedEmail,
    MergedTags,
    fields_to_create,
    known_tags,
    merge_email,
    merge_fields,
    merge_tags,
)
from processor.domain.plan import (
    ContactChange,
    Exclusion,
    FieldProblem,
    MemberChange,
    MemberState,
    Plan,
)
from processor.domain.policy import Policy
from processor.domain.values import is_empty

WRITABLE = frozenset(
    {
        MemberStatus.SUBSCRIBED,
        MemberStatus.TRANSACTIONAL,
        MemberStatus.PENDING,
        MemberStatus.UNSUBSCRIBED,
    }
)
"""Statuses in which a member's fields and tags are kept up to date. Nobody writes to the others."""


def reconcile(base: Base | None, ours: Contact | None, theirs: Member | None, policy: Policy) -> Plan:
    """Return what to write to the contact, what to send to Mailchimp, and what both then agree on.

    `base` None is a first meeting; `ours` None: the platform has no such contact (or deleted it);
    `theirs` None: the audience was read and has no such member. What goes up stays at its old value in
    `Plan.base` until this is called again with Mailchimp's answer as `theirs`. Never raises; safe to
    repeat: carrying out a plan and reconciling again gives an empty plan.
    """
    if theirs is not None and theirs.status is MemberStatus.DELETED:
        theirs = None
    outcome = consent.decide(base, ours.consent if ours else None, theirs, policy)
    if ours is None:
        return _without_contact(base, theirs, policy, outcome)
    if not (ours.email or "").strip():
        return _without_address(base, theirs, outcome)
    if theirs is None:
        return _without_member(base, ours, policy, outcome)
    return _both(base, ours, theirs, policy, outcome)


def _both(base: Base | None, ours: Contact, theirs: Member, policy: Policy, outcome: ConsentOutcome) -> Plan:
    email = merge_email(base, ours, theirs, policy)
    # Whoever was archived does not come back by way of a new address either.
    moves = email.up is not None and outcome.exclusion is not Exclusion.ARCHIVED
    if moves and not _may_move(theirs, outcome):
        return _elsewhere(base, theirs, email, outcome)
    fields = merge_fields(base, ours, theirs, policy)
    tags = merge_tags(base, ours, theirs) if policy.sync_tags else _tags_left(base)
    up = MemberChange(status=outcome.status, email=email.up if moves else None)
    # A member who is asked to come back is written to in the same breath, or a second plan would follow.
    if theirs.status in WRITABLE or outcome.status:
        up = replace(up, fields=fields.up, tags_added=tags.added_there, tags_removed=tags.removed_there)
    down = ContactChange(
        email=email.down,
        fields=fields.down,
        tags_added=tags.added_here,
        tags_removed=tags.removed_here,
        consent=outcome.consent,
    )
    agreed = Base(email.base, outcome.agreed_status, fields.base, tags.base, outcome.agreed_at)
    return _plan(down, up, agreed, outcome.exclusion, fields, email)


def _plan(
    down: ContactChange,
    up: MemberChange,
    base: Base | None,
    exclusion: Exclusion | None,
    fields: Merged,
    email: MergedEmail,
) -> Plan:
    problems = tuple(fields.problems)
    state, reason = _state(up, exclusion, problems)
    conflicts = (email.conflict,) if email.conflict else ()
    return Plan(down, up, base, state, reason, (*conflicts, *fields.conflicts), problems)


def _state(
    up: MemberChange, exclusion: Exclusion | None, problems: tuple[FieldProblem, ...] = ()
) -> tuple[MemberState, str | None]:
    if exclusion is not None:
        return MemberState.EXCLUDED, exclusion.value
    if problems:
        return MemberState.FAILING, problems[0].code
    return (MemberState.IN_SYNC if up.is_empty else MemberState.WAITING), None


def _tags_left(base: Base | None) -> MergedTags:
    return MergedTags(base=base.tags if base else frozenset())


def _may_move(theirs: Member, outcome: ConsentOutcome) -> bool:
    """Mailchimp changes the address of subscribed members only (facts.md 4.3); whoever leaves, leaves
    first."""
    return theirs.status is MemberStatus.SUBSCRIBED and outcome.status is None


def _elsewhere(base: Base | None, theirs: Member, email: MergedEmail, outcome: ConsentOutcome) -> Plan:
    """The contact has an address that this member cannot be moved to."""
    agreed = _agreed(base or Base(email=email.base, status=None), outcome)
    if outcome.status is MemberStatus.UNSUBSCRIBED:
        # An opt-out is sent always, and before the contact parts from the member whom it is about.
        up = MemberChange(status=outcome.status)
        return Plan(ContactChange(), up, agreed, MemberState.WAITING)
    conflicts = (email.conflict,) if email.conflict else ()
    if theirs.status is MemberStatus.PENDING and base is not None and base.consent_at is not None:
        # A yes that came with the new address is not spent on being asked at the old one.
        agreed = replace(agreed, consent_at=base.consent_at)
    # What bounced was the old address, not the person.
    bounced = theirs.status is MemberStatus.CLEANED
    down = ContactChange(consent=None if bounced else outcome.consent)
    return Plan(down, MemberChange(), agreed, MemberState.WAITING, None, conflicts, relink=True)


def _agreed(base: Base, outcome: ConsentOutcome) -> Base:
    """The base with what was agreed about consent. Of a member who is not there any more only the
    opt-out is remembered: fields and tags of a new one are met for the first time."""
    base = replace(base, status=outcome.agreed_status, consent_at=outcome.agreed_at)
    if base.status is MemberStatus.DELETED:
        return replace(base, fields={}, tags=frozenset())
    return base


def parted(base: Base | None, seen: MemberStatus | None) -> Base | None:
    """Return the base with which a contact starts at its new address (`Plan.relink`), None for a fresh start.

    `base` is the one agreed with the member whom it parts from, `seen` that member's status when last seen.
    Whoever had left or had not confirmed there takes that along: only a new act leads on, and only to being
    asked by Mailchimp.
    """
    known = base.status if base else None
    status = next((s for s in (seen, known) if s in consent.UNCONFIRMED), None)
    if status is None:
        return None
    return Base(email=None, status=status, consent_at=base.consent_at if base else None, parted=True)


def _without_address(base: Base | None, theirs: Member | None, outcome: ConsentOutcome) -> Plan:
    """Nothing is sent for a contact without an address, except that the person left; what they said to
    Mailchimp is still written down."""
    agreed = _agreed(base, outcome) if base else None
    down = ContactChange(consent=outcome.consent)
    if theirs is not None and outcome.status is MemberStatus.UNSUBSCRIBED:
        return Plan(down, MemberChange(status=outcome.status), agreed, MemberState.WAITING)
    return Plan(down, MemberChange(), agreed, MemberState.EXCLUDED, Exclusion.NO_ADDRESS.value)


def _without_member(base: Base | None, ours: Contact, policy: Policy, outcome: ConsentOutcome) -> Plan:
    down = ContactChange(consent=outcome.consent)
    agreed = _agreed(base, outcome) if base else None
    if _was_elsewhere(base, ours):
        # Who is gone was at another address. Who is at this one nobody has asked yet.
        return Plan(down, MemberChange(), agreed, MemberState.WAITING, relink=True)
    if outcome.create is None:
        state, reason = _state(MemberChange(), outcome.exclusion)
        return Plan(down, MemberChange(), agreed, state, reason)
    fields, problems = fields_to_create(ours, policy)
    up = MemberChange(
        create=outcome.create,
        fields=fields,
        tags_added=known_tags(ours.tags) if policy.sync_tags else frozenset(),
    )
    state, reason = _state(up, None, problems)
    return Plan(down, up, agreed, state, reason, problems=problems)


def _was_elsewhere(base: Base | None, ours: Contact) -> bool:
    """Whether the member who is not there any more had another address than the contact has now."""
    if base is None or base.status is None or base.parted or not base.email:
        return False
    return email_key(base.email) != email_key(ours.email or "")


def _without_contact(
    base: Base | None, theirs: Member | None, policy: Policy, outcome: ConsentOutcome
) -> Plan:
    if outcome.create_here and theirs is not None:
        return _import(theirs, policy, outcome)
    up = MemberChange(archive=outcome.archive)
    agreed = _agreed(base, outcome) if base else None
    state, reason = _state(up, outcome.exclusion)
    return Plan(ContactChange(), up, agreed, state, reason)


def _import(theirs: Member, policy: Policy, outcome: ConsentOutcome) -> Plan:
    if not theirs.email.strip():
        return Plan(ContactChange(), MemberChange(), None, MemberState.EXCLUDED, Exclusion.SMS_ONLY.value)
    fields = read(theirs, policy)
    tags = theirs.tags if policy.sync_tags else frozenset[str]()
    down = ContactChange(
        create=True,
        email=theirs.email,
        fields={name: value for name, value in fields.items() if not is_empty(value)},
        tags_added=tags,
        consent=outcome.consent,
    )
    agreed = Base(theirs.email, outcome.agreed_status, fields, tags, outcome.agreed_at)
    state, reason = _state(MemberChange(), outcome.exclusion)
    return Plan(down, MemberChange(), agreed, state, reason)
