"""The checks of a pre-flight, each with its remedy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from processor.domain.mapping import AudienceField, AudienceInterest
from processor.domain.policy import FieldKind, FieldRule, Policy
from processor.kit import Kit
from processor.mailchimp.audiences import Audience, MailchimpAccount
from processor.mailchimp.hooks import Webhook
from processor.preflight.finding import Finding, Foreseen, told
from processor.preflight.reach import reach
from processor.preflight.young import foreseen, young
from processor.store import connections, hooks
from processor.store.connections import ConnectionRow

HOOK_PATH = "/webhooks/mailchimp/"
LOW_ROLES = frozenset({"viewer", "author"})
"""Mailchimp asks for a manager or an admin (facts.md 9); a role that we do not know may do it."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What Mailchimp says of the account and the audience."""

    account: MailchimpAccount
    audience: Audience
    fields: Sequence[AudienceField]
    interests: Sequence[AudienceInterest]
    webhooks: Sequence[Webhook]


def findings(kit: Kit, connection: ConnectionRow, *, found: Foreseen | None = None) -> list[Finding]:
    """Return what stands in the way of a sync of this connection, and what its customer should know; what
    blocks comes first, and nothing blocks when none is `blocking`.

    `found` is what a preview foresaw; without it that of a young preview, if there is one. Four calls to
    Mailchimp and one to our own address. Safe to repeat: nothing is changed. Raises MailchimpError,
    StoreDown.
    """
    if connection.audience_id is None:
        return [told("audience_missing", blocking=True)]
    found = found or foreseen(young(kit, connection))
    seen = _look(kit, connection, connection.audience_id)
    every = [
        *_role(seen.account.role or connection.role),
        *_others(kit, connection, seen.audience.name),
        *reach(kit.settings.public, connection.api_base),
        *_unmapped(connection.policy, seen, found),
        *_outdated(connection.policy, seen),
        *_audience(seen.audience),
        *_plan(seen.account, found),
        *_webhooks(kit, connection, seen),
    ]
    return sorted(every, key=lambda one: not one.blocking)


def _look(kit: Kit, connection: ConnectionRow, audience_id: str) -> _Seen:
    mailchimp = kit.mailchimp(connection)
    has_interests = any(rule.kind is FieldKind.INTEREST for rule in connection.policy.fields)
    return _Seen(
        mailchimp.account(),
        mailchimp.audience(audience_id),
        mailchimp.audience_fields(audience_id),
        mailchimp.audience_interests(audience_id) if has_interests else (),
        mailchimp.webhooks(audience_id),
    )


def _role(role: str) -> Iterator[Finding]:
    if role.lower() in LOW_ROLES:
        more = f"Its role is “{role}”; managers, admins and owners may."
        yield told("role_too_low", blocking=True, more=more)


def _others(kit: Kit, connection: ConnectionRow, audience: str) -> Iterator[Finding]:
    with kit.store.read() as c:
        rows = connections.at_audience(c, connection.mailchimp_account, connection.audience_id or "")
    others = [row for row in rows if row.id != connection.id]
    if any(row.account_id == connection.account_id for row in others):
        yield told("audience_twice", blocking=True, audience=audience)
    if any(row.account_id != connection.account_id for row in others):
        yield told("audience_shared", blocking=False, audience=audience)


def _unmapped(policy: Policy, seen: _Seen, found: Foreseen | None) -> Iterator[Finding]:
    """Required fields that nothing is mapped to. Only who is added needs them (facts.md 4.8)."""
    mapped = {rule.target for rule in policy.fields if rule.kind is FieldKind.MERGE}
    for item in seen.fields:
        if not item.required or item.tag in mapped or item.tag.upper() == "EMAIL":
            continue
        name, audience = item.name or item.tag, seen.audience.name
        if item.default_value:
            yield told(
                "field_default", blocking=False, field=name, audience=audience, value=item.default_value
            )
        else:
            blocking = found is None or found.adding > 0
            yield told("field_unmapped", blocking=blocking, field=name, audience=audience)


def _outdated(policy: Policy, seen: _Seen) -> Iterator[Finding]:
    """Mapped fields that are not in Mailchimp any more as they were when they were mapped."""
    by_tag = {item.tag: item for item in seen.fields}
    interests = {item.id for item in seen.interests}
    audience = seen.audience.name
    for rule in policy.fields:
        if rule.kind is FieldKind.LANGUAGE:
            continue
        item = by_tag.get(rule.target) if rule.kind is FieldKind.MERGE else None
        if item is not None:
            changed = _changed(rule, item)
            if changed:
                yield told(
                    "field_changed", blocking=False, field=rule.field, audience=audience, detail=changed
                )
        elif rule.target not in interests:
            yield told("field_gone", blocking=False, field=rule.field, audience=audience, value=rule.target)


def _changed(rule: FieldRule, item: AudienceField) -> str | None:
    if rule.type != item.type:
        return f"it was of the type {rule.type}, and is {item.type}"
    if set(rule.choices) != set(item.choices):
        return f"its choices are now: {', '.join(item.choices) or 'none'}"
    if rule.date_format != item.date_format:
        return f"its dates are now written {item.date_format}"
    return None


def _audience(audience: Audience) -> Iterator[Finding]:
    if audience.marketing_permissions:
        yield told("gdpr_fields", blocking=False, audience=audience.name)


def _plan(account: MailchimpAccount, found: Foreseen | None) -> Iterator[Finding]:
    if found is None or not found.billed:
        return
    noun = "contact" if found.billed == 1 else "contacts"
    more = f"This sync adds {found.billed:,} {noun}; subscribed now: {account.total_subscribers:,}."
    if "free" in account.plan.lower():
        more += " The account has Mailchimp's free plan."
    yield told("plan_grows", blocking=False, more=more)


def _webhooks(kit: Kit, connection: ConnectionRow, seen: _Seen) -> Iterator[Finding]:
    prefix = kit.settings.public + HOOK_PATH
    tokens = [hook.url.removeprefix(prefix) for hook in seen.webhooks if hook.url.startswith(prefix)]
    with kit.store.read() as c:
        rows = [hooks.find(c, hooks.hash_of(token)) for token in tokens]
    if sum(row is not None and row.connection_id == connection.id for row in rows) > 1:
        yield told("webhooks_several", blocking=False, audience=seen.audience.name)
