"""A conflict as it stands now: whether the other value can still be used. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from processor.domain.contact import Contact, email_key
from processor.domain.mapping import look
from processor.domain.policy import Policy
from processor.domain.values import is_empty

EMAIL = "email"


class DisputeState(StrEnum):
    """How a conflict stands."""

    OPEN = "open"
    """The value that was kept is still there: the other one can be used."""
    USED = "used"
    """The other value is there now."""
    SUPERSEDED = "superseded"
    """The field has changed since, or is not kept in step any more, or the contact is gone: there is nothing
    left to choose."""


def state_now(
    field: str, kept: Any, other: Any, contact: Contact | None, policy: Policy, *, is_followed: bool = False
) -> DisputeState:
    """Return how a conflict about `field` stands, by the contact as it is now. `is_followed`: a later
    conflict is about the same field."""
    if contact is None:
        return DisputeState.SUPERSEDED
    now = _value(field, contact, policy)
    if _is_same(field, now, other):
        return DisputeState.USED
    is_mapped = field == EMAIL or not policy.fields or any(rule.field == field for rule in policy.fields)
    is_open = is_mapped and _is_same(field, now, kept) and not is_followed
    return DisputeState.OPEN if is_open else DisputeState.SUPERSEDED


def _value(field: str, contact: Contact, policy: Policy) -> Any:
    if field == EMAIL:
        return contact.email
    seen = look(contact.fields, policy).get(field)
    return contact.fields.get(field) if seen is None or seen.problem else seen.value


def _is_same(field: str, one: Any, two: Any) -> bool:
    if field == EMAIL:
        return email_key(one or "") == email_key(two or "")
    return bool(one == two or (is_empty(one) and is_empty(two)))
