"""What set-up shows of one audience: its fields, the platform's, and one real person on both sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from processor.domain.contact import Contact, Member
from processor.domain.field_changes import KnownFields, follow, key_of
from processor.domain.mapping import default_rules
from processor.domain.plan import MemberState
from processor.domain.policy import FieldKind, FieldRule, Policy
from processor.kit import Kit
from processor.mailchimp.client import Mailchimp
from processor.setup.audience import LANGUAGE, AudienceMap, read_map, ready
from processor.setup.drafted import Draft, FieldDraft, Person, PlatformField
from processor.setup.offers import offer, taken_by
from processor.store import Connection, contacts, members
from processor.store.connections import ConnectionRow

SAMPLE = 1000
"""Contacts over which the platform's fields are counted."""
TRIES = 3
"""People looked up in Mailchimp, until one is found who is on both sides."""


def draft(kit: Kit, connection_id: str, audience_id: str) -> Draft:
    """Return what there is to choose for this audience. Asks Mailchimp at most ten times and a call for each
    of the audience's groups; writes nothing. Safe to repeat.

    Raises NotFound, Reconnect where access was lost, Gone for an audience that is not there, MailchimpError,
    StoreDown.
    """
    row = ready(kit, connection_id)
    mailchimp = kit.mailchimp(row)
    audience = read_map(mailchimp, audience_id)
    with kit.store.read() as c:
        sample = contacts.page(c, row.account_id, None, SAMPLE)
        linked = _linked(c, row, audience_id)
        taken = taken_by(c, row)
    person, member = _somebody(mailchimp, audience_id, linked, sample)
    is_its_own = row.audience_id == audience_id
    policy = row.policy if is_its_own else Policy()
    if is_its_own:
        policy, _ = follow(policy, KnownFields(), audience.fields, kit.now(), audience.interest_ids)
    fields = _fields(audience, policy)
    return Draft(
        audience=offer(audience.audience, taken),
        fields=[_shown(field, audience, person, member) for field in fields],
        platform_fields=_in_use(sample),
        looked_at=len(sample),
        person=_person(person, member, audience),
        gone=list(policy.gone),
        policy=policy if is_its_own else row.policy,
    )


def _fields(audience: AudienceMap, policy: Policy) -> list[FieldDraft]:
    rules, left = policy.fields, _left(audience, policy)
    defaults = {rule.target: rule.field for rule in default_rules(audience.fields, audience.interests)}
    mapped = {rule.target: rule.field for rule in rules}
    names = {field.tag: field.name for field in audience.fields}
    names |= {interest.id: interest.name for interest in audience.interests}
    names[LANGUAGE] = "Language"
    found = [
        FieldDraft(
            target=target,
            kind=rule.kind,
            name=names.get(target) or target,
            type=rule.type if rule.kind is FieldKind.MERGE else rule.kind.value,
            required=rule.required,
            choices=rule.choices,
            default=defaults.get(target),
            mapped=mapped.get(target),
            is_new=bool(rules) and target in defaults and target not in mapped and target not in left,
        )
        for target, rule in audience.targets.items()
    ]
    order = {target: n for n, target in enumerate(defaults)}
    return sorted(found, key=lambda field: order.get(field.target, len(order)))


def _left(audience: AudienceMap, policy: Policy) -> set[str]:
    """The targets that somebody has seen and left out."""
    keys = {item.tag: key_of(item) for item in audience.fields}
    return {target for target in audience.targets if keys.get(target, target) in policy.left}


def _in_use(sample: Sequence[Contact]) -> list[PlatformField]:
    """Count the platform's fields; one is shown with a value that is not empty, where there is one."""
    counts: Counter[str] = Counter()
    examples: dict[str, Any] = {}
    for contact in sample:
        for name, value in contact.fields.items():
            counts[name] += 1
            if _says_nothing(examples.get(name)):
                examples[name] = value
    return [PlatformField(name, number, examples[name]) for name, number in counts.most_common()]


def _how_much_is_known(contact: Contact) -> int:
    return sum(not _says_nothing(value) for value in contact.fields.values())


def _says_nothing(value: Any) -> bool:
    return value is None or value is False or value == ""


def _linked(c: Connection, row: ConnectionRow, audience_id: str) -> list[Contact]:
    """A few contacts who are known to be in this audience."""
    if row.audience_id != audience_id:
        return []
    rows = members.find(c, row.id, limit=TRIES, states={MemberState.IN_SYNC})
    found = contacts.get_many(c, row.account_id, [r.contact_id for r in rows if r.contact_id])
    return list(found.values())


def _somebody(
    mailchimp: Mailchimp, audience_id: str, linked: Sequence[Contact], sample: Sequence[Contact]
) -> tuple[Contact | None, Member | None]:
    """Return somebody who is on both sides, else the platform's contact of whom it knows the most."""
    by_fields = sorted(
        sample, key=lambda contact: -sum(not _says_nothing(v) for v in contact.fields.values())
    )
    there = [contact for contact in (*linked, *by_fields) if contact.email]
    for contact in there[:TRIES]:
        member = mailchimp.member(audience_id, contact.email or "")
        if member is not None:
            return contact, member
    return (there[0] if there else None), None


def _shown(
    field: FieldDraft, audience: AudienceMap, person: Contact | None, member: Member | None
) -> FieldDraft:
    name = field.mapped or field.default
    ours = person.fields.get(name) if person is not None and name is not None else None
    theirs = _theirs(audience.targets[field.target], member) if member is not None else None
    return replace(field, ours=ours, theirs=theirs)


def _person(person: Contact | None, member: Member | None, audience: AudienceMap) -> Person | None:
    if person is None or person.email is None:
        return None
    theirs: Mapping[str, Any] | None = None
    if member is not None:
        theirs = {target: _theirs(rule, member) for target, rule in audience.targets.items()}
    return Person(
        contact_id=person.id,
        email=person.email,
        ours=dict(person.fields),
        theirs=theirs,
        status=member.status.value if member else None,
    )


def _theirs(rule: FieldRule, member: Member) -> Any:
    if rule.kind is FieldKind.INTEREST:
        return member.interests.get(rule.target)
    if rule.kind is FieldKind.LANGUAGE:
        return member.language
    return member.merge_fields.get(rule.target)
