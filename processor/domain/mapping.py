"""Between a member's fields and the platform's: names, kinds and comparable values."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from processor.domain.contact import Base, Member
from processor.domain.plan import FieldProblem
from processor.domain.policy import FieldKind, FieldRule, Policy
from processor.domain.values import Comparable, comparable_value


@dataclass(frozen=True, slots=True)
class MemberFields:
    """A member's fields in the form that Mailchimp takes. `language` is not sent where it is None."""

    merge_fields: Mapping[str, Any]
    interests: Mapping[str, bool]
    language: str | None = None


@dataclass(frozen=True, slots=True)
class AudienceField:
    """A merge field as the audience has it (facts.md 4.8)."""

    tag: str
    name: str
    type: str = "text"
    required: bool = False
    choices: tuple[str, ...] = ()
    date_format: str | None = None
    default_value: str = ""
    merge_id: int | None = None
    """The field's number, which it keeps whatever its tag is."""


@dataclass(frozen=True, slots=True)
class AudienceInterest:
    """One interest of one of the audience's groups."""

    id: str
    name: str


def read(member: Member, policy: Policy) -> dict[str, Any]:
    """Return a member's mapped fields in comparable values under the platform's names; `""` is None.

    A merge field or interest that the member does not have at all is left out: Mailchimp answers with all
    fields of the audience, so it is unknown (removed from the audience, or not asked for), not empty.
    """
    return {
        rule.field: comparable_value(rule, value).value
        for rule in policy.fields
        if (value := _raw(member, rule)) is not None
    }


def _raw(member: Member, rule: FieldRule) -> Any:
    if rule.kind is FieldKind.INTEREST:
        return member.interests.get(rule.target)
    if rule.kind is FieldKind.LANGUAGE:
        return member.language or None
    return member.merge_fields.get(rule.target)


def under_this_map(base: Base | None, policy: Policy) -> Base | None:
    """Return the base without what was agreed of other fields than the ones that are mapped now: of those
    nothing is agreed yet, and an empty one is no reason to empty a full one."""
    if base is None or base.map_version >= policy.map_version:
        return base
    other = {rule.field for rule in policy.fields if rule.made > base.map_version}
    kept = {name: value for name, value in base.fields.items() if name not in other}
    return replace(base, fields=kept, map_version=policy.map_version)


def look(fields: Mapping[str, Any], policy: Policy) -> dict[str, Comparable]:
    """Return each mapped field that the platform names, in comparable form or with its problem.

    An empty language is left out: Mailchimp always has one, and it cannot be cleared.
    """
    seen = {
        rule.field: (rule, comparable_value(rule, fields[rule.field]))
        for rule in policy.fields
        if rule.field in fields
    }
    return {
        name: value
        for name, (rule, value) in seen.items()
        if rule.kind is not FieldKind.LANGUAGE or value.value is not None
    }


def comparable(fields: Mapping[str, Any], policy: Policy) -> tuple[dict[str, Any], tuple[FieldProblem, ...]]:
    """Return the platform's fields in comparable values, and those that Mailchimp would not take.

    A field that the platform does not name is unknown and stays absent. One with a problem is left out of
    the values: it is neither compared nor sent, and never cut to fit.
    """
    seen = look(fields, policy)
    values = {name: item.value for name, item in seen.items() if item.problem is None}
    problems = tuple(problem_of(name, fields[name], item) for name, item in seen.items() if item.problem)
    return values, problems


def problem_of(name: str, value: Any, seen: Comparable) -> FieldProblem:
    """Return the problem of a value as it is shown to people."""
    return FieldProblem(field=name, value=value, code="field_value", message=seen.problem or "")


def write(fields: Mapping[str, Any], policy: Policy) -> MemberFields:
    """Return comparable values in the form that Mailchimp takes: `""` clears a merge field, False unticks
    an interest. Names that are not mapped are left out."""
    merge_fields: dict[str, Any] = {}
    interests: dict[str, bool] = {}
    language: str | None = None
    for rule in policy.fields:
        if rule.field not in fields:
            continue
        value = fields[rule.field]
        if rule.kind is FieldKind.INTEREST:
            interests[rule.target] = bool(value)
        elif rule.kind is FieldKind.LANGUAGE:
            language = value or None
        else:
            merge_fields[rule.target] = _written(value)
    return MemberFields(merge_fields, interests, language)


def _written(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        # Without a country Mailchimp takes the audience's default; an empty one is not a country.
        return {part: text for part, text in value.items() if text or part != "country"}
    return value


_WELL_KNOWN: Mapping[str, str] = {
    "FNAME": "first_name",
    "LNAME": "last_name",
    "ADDRESS": "address",
    "PHONE": "phone",
    "BIRTHDAY": "birthday",
}


def default_rules(
    merge_fields: Iterable[AudienceField], interests: Iterable[AudienceInterest] = ()
) -> tuple[FieldRule, ...]:
    """Return a rule for every field of an audience, with names that a developer would guess:
    FNAME is `first_name`, MMERGE7 is `mmerge7`, the interest "Weekly tips" is `interest_weekly_tips`.

    Names are unique (`_2`, `_3` behind later ones); a well-known tag keeps its name whatever the order.
    """
    tags = sorted(merge_fields, key=lambda item: item.tag.upper() not in _WELL_KNOWN)
    taken: set[str] = set()
    rules = [
        FieldRule(
            field=_unique(_WELL_KNOWN.get(item.tag.upper(), item.tag.lower()), taken),
            target=item.tag,
            type=item.type,
            required=item.required,
            choices=item.choices,
            date_format=item.date_format,
            merge_id=item.merge_id,
        )
        for item in tags
        if item.tag.upper() != "EMAIL"
    ]
    rules += [
        FieldRule(
            field=_unique(f"interest_{_slug(item.name) or item.id}", taken),
            target=item.id,
            kind=FieldKind.INTEREST,
        )
        for item in interests
    ]
    return tuple(rules)


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")


def _unique(name: str, taken: set[str]) -> str:
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    taken.add(candidate)
    return candidate
