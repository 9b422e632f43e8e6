"""What the marketer changed of an audience's fields since they were mapped, and what follows. Pure.

A merge field keeps its number (`merge_id`) when its tag is changed, so a rule follows it. One that was
deleted takes its rule out of the map: what was agreed stays on the platform, and nobody fails of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from processor.domain.mapping import AudienceField
from processor.domain.policy import FieldKind, FieldRule, Policy

MOST_TOLD = 30
_ADDRESS = "EMAIL"
_NO_FIELDS = frozenset({_ADDRESS, "GROUPINGS", "INTERESTS"})
"""What a webhook names beside merge fields (facts.md 1.3)."""


class FieldChange(StrEnum):
    """What happened to a field in Mailchimp."""

    NEW = "new"
    RENAMED = "renamed"
    REMOVED = "removed"
    RESTORED = "restored"
    TYPE = "type"
    CHOICES = "choices"
    REQUIRED = "required"
    OPTIONAL = "optional"


@dataclass(frozen=True, slots=True)
class FieldNews:
    """One change. `field` is the platform's name, the field's own in Mailchimp where it is not mapped."""

    at: datetime
    what: FieldChange
    field: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class KnownFields:
    """The merge fields as last read, and the newest changes of them, oldest first. `strange` is in what
    webhooks were seen to differ from the fields that were just read, so that nobody looks for it again."""

    fields: tuple[AudienceField, ...] = ()
    told: tuple[FieldNews, ...] = ()
    strange: frozenset[str] = frozenset()


def follow(
    policy: Policy,
    known: KnownFields | None,
    found: Sequence[AudienceField],
    at: datetime,
    interests: Collection[str] | None = None,
) -> tuple[Policy, KnownFields]:
    """Return the policy with rules that follow these fields, and what is known then. `known` None is for
    fields that are read for the first time: what is not mapped was left out by whoever made the map.
    `interests` are the ids of all that the audience has, None where they were not read. Safe to repeat."""
    fields = tuple(item for item in found if item.tag.upper() != _ADDRESS)
    news: list[FieldNews] = []
    kept: list[FieldRule] = []
    gone: list[FieldRule] = []
    for rule in (*policy.fields, *policy.gone):
        was_gone = rule in policy.gone
        if rule.kind is not FieldKind.MERGE:
            is_there = _is_there(rule, interests, was_gone=was_gone)
            (kept if is_there else gone).append(rule)
            if is_there is was_gone:
                what = FieldChange.RESTORED if is_there else FieldChange.REMOVED
                news.append(FieldNews(at, what, rule.field, rule.target))
            continue
        item = _counterpart(rule, fields)
        if item is None:
            gone.append(rule)
            if not was_gone:
                news.append(FieldNews(at, FieldChange.REMOVED, rule.field, rule.target))
            continue
        news += [FieldNews(at, FieldChange.RESTORED, rule.field)] if was_gone else _news(rule, item, at)
        kept.append(as_it_is(rule, item))
    left = policy.left
    if known is None:
        left = tuple(sorted({*left, *(key_of(item) for item in _unmapped(kept, fields))}))
    else:
        before = {key_of(item) for item in known.fields}
        fresh = [item for item in _unmapped(kept, fields) if key_of(item) not in before]
        news += [FieldNews(at, FieldChange.NEW, item.name or item.tag, after=item.tag) for item in fresh]
    told = (*(known.told if known else ()), *news)[-MOST_TOLD:]
    strange = known.strange if known else frozenset()
    followed = policy.model_copy(update={"fields": tuple(kept), "gone": tuple(gone), "left": left})
    return followed, KnownFields(fields, told, strange)


def as_it_is(rule: FieldRule, item: AudienceField) -> FieldRule:
    """Return the rule with everything about its field as Mailchimp has it."""
    return rule.model_copy(
        update={
            "target": item.tag,
            "merge_id": item.merge_id,
            "type": item.type,
            "required": item.required,
            "choices": item.choices,
            "date_format": item.date_format,
        }
    )


def key_of(item: AudienceField) -> str:
    """What stays of a field whatever its tag is."""
    return str(item.merge_id) if item.merge_id is not None else item.tag


def unsynced(policy: Policy, known: KnownFields | None) -> list[AudienceField]:
    """Return the fields that are new in Mailchimp: neither mapped, nor left out by anybody yet."""
    if known is None:
        return []
    return [item for item in _unmapped(policy.fields, known.fields) if key_of(item) not in policy.left]


def differs(policy: Policy, known: KnownFields | None, merges: Mapping[str, Any]) -> frozenset[str]:
    """Return in what a webhook's fields differ from those that are known: tags that it has more, and, with a
    minus, mapped ones that it lacks."""
    if known is None:
        return frozenset()
    tags = {item.tag for item in known.fields}
    mapped = {rule.target for rule in policy.fields if rule.kind is FieldKind.MERGE}
    lacking = {f"-{tag}" for tag in mapped - merges.keys()}
    return frozenset((merges.keys() - tags - _NO_FIELDS) | lacking) - known.strange


def _is_there(rule: FieldRule, interests: Collection[str] | None, *, was_gone: bool) -> bool:
    """Whether the audience has what is no merge field. A language it always has; an interest keeps its id
    when it is renamed."""
    if rule.kind is not FieldKind.INTEREST:
        return True
    return not was_gone if interests is None else rule.target in interests


def _counterpart(rule: FieldRule, fields: Iterable[AudienceField]) -> AudienceField | None:
    if rule.merge_id is None:  # mapped before their numbers were kept
        return next((item for item in fields if item.tag == rule.target), None)
    return next((item for item in fields if item.merge_id == rule.merge_id), None)


def _unmapped(rules: Iterable[FieldRule], fields: Iterable[AudienceField]) -> list[AudienceField]:
    mapped = {rule.target for rule in rules if rule.kind is FieldKind.MERGE}
    return [item for item in fields if item.tag not in mapped]


def _news(rule: FieldRule, item: AudienceField, at: datetime) -> list[FieldNews]:
    found = []
    if rule.target != item.tag:
        found.append(FieldNews(at, FieldChange.RENAMED, rule.field, rule.target, item.tag))
    if rule.type != item.type:
        found.append(FieldNews(at, FieldChange.TYPE, rule.field, rule.type, item.type))
    if set(rule.choices) != set(item.choices):
        before, after = ", ".join(rule.choices), ", ".join(item.choices)
        found.append(FieldNews(at, FieldChange.CHOICES, rule.field, before, after))
    if rule.required != item.required:
        what = FieldChange.REQUIRED if item.required else FieldChange.OPTIONAL
        found.append(FieldNews(at, what, rule.field))
    return found


def as_stored(known: KnownFields) -> dict[str, Any]:
    """Return it as it is stored."""
    return {
        "fields": [asdict(item) for item in known.fields],
        "told": [{**asdict(one), "at": one.at.isoformat()} for one in known.told],
        "strange": sorted(known.strange),
    }


def from_stored(stored: Mapping[str, Any] | None) -> KnownFields | None:
    """Return what `as_stored` wrote; None for nothing."""
    if stored is None:
        return None
    return KnownFields(
        tuple(AudienceField(**{**item, "choices": tuple(item["choices"])}) for item in stored["fields"]),
        tuple(
            FieldNews(**{**one, "at": datetime.fromisoformat(one["at"]), "what": FieldChange(one["what"])})
            for one in stored["told"]
        ),
        frozenset(stored["strange"]),
    )


_SENTENCES: Mapping[FieldChange, str] = {
    FieldChange.NEW: "“{field}” is new in Mailchimp and not synced yet: map it or leave it out.",
    FieldChange.RENAMED: "The field of “{field}” is called {after} in Mailchimp now; it was {before}. "
    "It is kept in step as before.",
    FieldChange.REMOVED: "The field of “{field}” ({before}) was deleted in Mailchimp.",
    FieldChange.RESTORED: "The field of “{field}” is in Mailchimp again and kept in step.",
    FieldChange.TYPE: "The field of “{field}” is of the type {after} in Mailchimp now; it was {before}.",
    FieldChange.CHOICES: "The choices of “{field}” in Mailchimp are now: {after}.",
    FieldChange.REQUIRED: "Mailchimp requires “{field}” from now on.",
    FieldChange.OPTIONAL: "Mailchimp does not require “{field}” any more.",
}


def sentence(news: FieldNews) -> str:
    """Return a change in words."""
    return _SENTENCES[news.what].format(
        field=news.field, before=news.before or "none", after=news.after or "none"
    )


def with_strange(known: KnownFields, more: frozenset[str]) -> KnownFields:
    """Return it with what webhooks say differently also after the fields were read anew."""
    return replace(known, strange=known.strange | more)
