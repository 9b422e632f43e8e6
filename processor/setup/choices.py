"""What a customer chooses at set-up, and the policy that it makes."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from processor.domain.field_changes import KnownFields, follow, key_of
from processor.domain.mapping import default_rules
from processor.domain.policy import ConsentStatement, FieldRule, Policy, Winner, WithoutConsent
from processor.errors import Invalid
from processor.setup.audience import AudienceMap

NAME_LENGTH = 100
BY_LENGTH = 200
STATEMENT_LENGTH = 2000


@dataclass(frozen=True, slots=True)
class FieldChoice:
    """One platform field and where it goes: a merge tag, an interest's id, or `language`. `winner` None takes
    the connection's own."""

    field: str
    target: str
    winner: Winner | None = None


@dataclass(frozen=True, slots=True)
class Choices:
    """What was chosen. Whatever is None stays as it is, and at first is as `Policy` has it; `fields` None
    maps every field of the audience under a name that a developer would guess.

    `statement_text` are the words that somebody puts their name to when contacts who are subscribed on the
    platform are to be added on the customer's word that they agreed.
    """

    audience_id: str
    fields: Sequence[FieldChoice] | None = None
    winner: Winner | None = None
    without_consent: WithoutConsent | None = None
    statement_text: str | None = None
    import_members: bool | None = None
    archive_deleted: bool | None = None
    unsubscribe_archived: bool | None = None
    sync_tags: bool | None = None
    brake_share: float | None = None


_NEVER = datetime.min.replace(tzinfo=UTC)
"""For news of fields that nobody reads."""
PLAIN = ("winner", "import_members", "archive_deleted", "unsubscribe_archived", "sync_tags", "brake_share")


def policy_of(
    choices: Choices, before: Policy, audience: AudienceMap, *, is_new: bool, by: str, now: datetime
) -> Policy:
    """Return the policy that these choices make of the one before. `is_new` says that the one before was for
    another audience, or for none. Pure. Raises Invalid, which names the choice."""
    plain = {name: value for name in PLAIN if (value := getattr(choices, name)) is not None}
    if not 0 <= plain.get("brake_share", before.brake_share) <= 1:
        raise Invalid("The share at which we stop and ask is between 0 and 1.", "brake_share")
    without = choices.without_consent or before.without_consent
    return before.model_copy(
        update={
            **plain,
            **_map(choices.fields, before, audience, is_new=is_new),
            "without_consent": without,
            "statement": _statement(choices, without, before, by, now),
            "double_opt_in": audience.audience.double_opt_in,
        }
    )


def _map(
    chosen: Sequence[FieldChoice] | None, before: Policy, audience: AudienceMap, *, is_new: bool
) -> dict[str, Any]:
    """Return what of the policy is about fields, with everything about the audience's own as Mailchimp has it
    now. Where nothing is chosen, the rules follow them; a map that is chosen leaves out the fields that are
    not in it, and rules whose field was removed."""
    if chosen is None and not is_new:
        followed, _ = follow(before, KnownFields(), audience.fields, _NEVER, audience.interest_ids)
        return {"fields": followed.fields, "gone": followed.gone}
    if chosen is None:
        return {"fields": default_rules(audience.fields, audience.interests), "gone": (), "left": ()}
    rules = _rules(chosen, audience)
    mapped = {rule.target for rule in rules}
    left = [key_of(item) for item in audience.fields if item.tag not in mapped]
    left += [item.id for item in audience.interests if item.id not in mapped]
    known = {} if is_new else {rule.field: rule for rule in (*before.fields, *before.gone)}
    version = before.map_version + any(_is_other(rule, known.get(rule.field)) for rule in rules)
    made = [
        rule.model_copy(update={"made": version if _is_other(rule, was) else was.made if was else 0})
        for rule in rules
        for was in [known.get(rule.field)]
    ]
    return {"fields": tuple(made), "gone": (), "left": tuple(sorted(left)), "map_version": version}


def _is_other(rule: FieldRule, was: FieldRule | None) -> bool:
    """Whether the platform's field goes to another field than before: nothing is agreed of that one yet."""
    if was is None:
        return True
    if None not in {rule.merge_id, was.merge_id}:
        return rule.merge_id != was.merge_id
    return (rule.kind, rule.target) != (was.kind, was.target)


def _rules(chosen: Sequence[FieldChoice], audience: AudienceMap) -> tuple[FieldRule, ...]:
    _must_be_single([choice.field for choice in chosen], "The platform's field “{}” is named twice.")
    _must_be_single([choice.target for choice in chosen], "Two fields are to go into “{}”.")
    return tuple(_rule(choice, audience.targets, audience.audience.name) for choice in chosen)


def _rule(choice: FieldChoice, targets: Mapping[str, FieldRule], audience_name: str) -> FieldRule:
    name = choice.field
    if not name.strip() or len(name) > NAME_LENGTH or any(_is_control(letter) for letter in name):
        raise Invalid(
            f"A field's name has 1 to {NAME_LENGTH} characters, and no control character among them.",
            "fields",
        )
    if choice.target.upper() == "EMAIL":
        raise Invalid("The e-mail address is kept in step by itself; leave EMAIL out.", "fields")
    known = targets.get(choice.target)
    if known is None:
        raise Invalid(
            f"“{audience_name}” has no field “{choice.target}”, so “{name}” cannot go there. "
            "Choose one of the audience's fields, or leave this one out.",
            "fields",
        )
    return known.model_copy(update={"field": name, "winner": choice.winner})


def _must_be_single(names: Sequence[str], message: str) -> None:
    for n, name in enumerate(names):
        if name in names[:n]:
            raise Invalid(message.format(name) + " Name each of them once.", "fields")


def _is_control(letter: str) -> bool:
    return unicodedata.category(letter) in {"Cc", "Cs"}


def _statement(
    choices: Choices, without: WithoutConsent, before: Policy, by: str, now: datetime
) -> ConsentStatement | None:
    """Return the customer's word. One that is there stays until it is given anew or taken back."""
    if without is not WithoutConsent.STATED:
        return None
    text = (choices.statement_text or "").strip()
    if not text and before.without_consent is WithoutConsent.STATED and before.statement is not None:
        return before.statement
    if not text or len(text) > STATEMENT_LENGTH:
        raise Invalid(
            "Contacts without a recorded consent are only added on your word that they agreed: give the "
            f"statement, in up to {STATEMENT_LENGTH:,} characters.",
            "statement_text",
        )
    if not by.strip() or len(by) > BY_LENGTH:
        raise Invalid(
            f"Say who gives the statement, in up to {BY_LENGTH} characters: it is kept as evidence.", "by"
        )
    if before.statement is not None and (before.statement.text, before.statement.by) == (text, by.strip()):
        return before.statement
    return ConsentStatement(at=now, by=by.strip(), text=text)
