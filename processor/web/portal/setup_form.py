"""The set-up form: its values as they are stored, as somebody has filled them in, and as choices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from processor.domain.policy import Policy, Winner, WithoutConsent
from processor.errors import Invalid
from processor.setup import Choices, Draft, FieldChoice
from processor.web.portal.asked import Asked

STATEMENT = (
    "Everybody who is subscribed on our platform has agreed to get e-mails from us, "
    "and we can show when and how they agreed."
)
"""The words that a person puts their name to. They are kept as they were shown."""
VISITOR = "the portal"
"""Who chose, where nobody has to give their name."""
NAME_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Picked:
    """One row of the field map: the platform's field ("" for none); who wins ("" for the general rule)."""

    name: str = ""
    winner: str = ""


@dataclass(frozen=True, slots=True)
class Filled:
    """What the form holds. `picked` is by target; a target that is not in it is as the draft has it."""

    audience_id: str
    policy: Policy
    picked: Mapping[str, Picked] = field(default_factory=dict)
    is_stated: bool = False
    stated_by: str = ""
    brake_percent: str = ""
    extra: Picked = Picked()
    """A platform's field that is not in the list (`name`), and the target that it goes to (`winner`)."""


def stored(audience_id: str, policy: Policy) -> Filled:
    """Return the form as it is shown first."""
    statement = policy.statement
    return Filled(
        audience_id,
        policy,
        is_stated=statement is not None,
        stated_by=statement.by if statement else "",
        brake_percent=f"{policy.brake_share * 100:g}",
    )


def sent(asked: Asked, before: Policy) -> Filled:
    """Return the form as somebody has filled it in. Raises Invalid for what no form of ours holds."""
    try:
        policy = before.model_copy(
            update={
                "winner": Winner(asked.text("winner")),
                "without_consent": WithoutConsent(asked.text("without_consent")),
                "import_members": "import_members" in asked.form,
                "archive_deleted": "archive_deleted" in asked.form,
                "unsubscribe_archived": "unsubscribe_archived" in asked.form,
                "sync_tags": "sync_tags" in asked.form,
            }
        )
    except ValueError:
        raise Invalid("This is not the form that we sent.") from None
    return Filled(
        audience_id=asked.text("audience_id"),
        policy=policy,
        picked=_picked(asked),
        is_stated="stated" in asked.form,
        stated_by=asked.text("stated_by"),
        brake_percent=asked.text("brake_percent"),
        extra=Picked(asked.text("extra_name"), asked.text("extra_target")),
    )


def _picked(asked: Asked) -> dict[str, Picked]:
    names = [name for name in asked.form if name.startswith("target.")]
    numbers = [name.partition(".")[2] for name in names]
    return {
        asked.text(f"target.{n}"): Picked(asked.text(f"field.{n}"), asked.text(f"winner.{n}"))
        for n in numbers
    }


def choices(filled: Filled) -> Choices:
    """Return what was chosen, for `setup.save`. Raises Invalid, which names the choice."""
    policy = filled.policy
    needs_word = policy.without_consent is WithoutConsent.STATED and policy.statement is None
    if needs_word and not filled.is_stated:
        message = "Tick the statement and put your name to it, or choose another answer."
        raise Invalid(message, "statement_text")
    if needs_word and not filled.stated_by:
        raise Invalid("Put your name to the statement: it is kept as evidence.", "by")
    return Choices(
        audience_id=filled.audience_id,
        fields=_fields(filled),
        winner=policy.winner,
        without_consent=policy.without_consent,
        statement_text=STATEMENT if needs_word else None,
        import_members=policy.import_members,
        archive_deleted=policy.archive_deleted,
        unsubscribe_archived=policy.unsubscribe_archived,
        sync_tags=policy.sync_tags,
        brake_share=_share(filled.brake_percent),
    )


def _fields(filled: Filled) -> Sequence[FieldChoice] | None:
    if not filled.picked:
        return None  # the map was not shown, so nothing was chosen about it
    try:
        chosen = [
            FieldChoice(one.name, target, Winner(one.winner) if one.winner else None)
            for target, one in filled.picked.items()
            if one.name and target != filled.extra.winner
        ]
    except ValueError:
        raise Invalid("This is not the form that we sent.") from None
    if filled.extra.name and not filled.extra.winner:
        raise Invalid(f"Say which of the audience's fields “{filled.extra.name}” goes to.", "fields")
    extra = [FieldChoice(filled.extra.name, filled.extra.winner)] if filled.extra.name else []
    return chosen + extra


def _share(percent: str) -> float | None:
    if not percent:
        return None
    try:
        share = float(percent.replace(",", ".")) / 100
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise Invalid("Write a number from 0 to 100.", "brake_share")
    return share


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the field map as it is shown."""

    n: int
    target: str
    name: str
    type: str
    required: bool
    choices: Sequence[str]
    is_new: bool
    picked: Picked
    here: object
    there: object


def rows(draft: Draft, filled: Filled, *, is_mapped: bool) -> list[Row]:
    """Return the field map. `is_mapped` says that this audience's map was saved before, so that a field
    without one was left out on purpose."""
    winners = {rule.target: rule.winner for rule in draft.policy.fields} if is_mapped else {}
    shown = []
    for n, one in enumerate(draft.fields):
        name = one.mapped if is_mapped else one.mapped or one.default
        winner = winners.get(one.target)
        picked = filled.picked.get(one.target) or Picked(name or "", winner.value if winner else "")
        person = draft.person
        shown.append(
            Row(
                n=n,
                target=one.target,
                name=one.name,
                type=one.type,
                required=one.required,
                choices=one.choices,
                is_new=one.is_new,
                picked=picked,
                here=person.ours.get(picked.name) if person else None,
                there=(person.theirs or {}).get(one.target) if person else None,
            )
        )
    return shown
