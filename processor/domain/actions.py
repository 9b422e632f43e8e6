"""What a plan does, as people count it: an action on one side for each thing that happens. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from processor.domain.contact import ConsentStatus, MemberStatus
from processor.domain.plan import ContactChange, MemberChange, Plan


class Action(StrEnum):
    """One thing that a sync does to one person. Several may happen to the same person."""

    ADD_SUBSCRIBED = "add_subscribed"
    ADD_PENDING = "add_pending"
    ADD_NON_SUBSCRIBED = "add_non_subscribed"
    SUBSCRIBE_THERE = "subscribe_there"
    ASK = "ask"
    CHANGE_THERE = "change_there"
    MOVE = "move"
    UNSUBSCRIBE_THERE = "unsubscribe_there"
    ARCHIVE = "archive"
    ADD_HERE = "add_here"
    CHANGE_HERE = "change_here"
    SUBSCRIBE_HERE = "subscribe_here"
    UNSUBSCRIBE_HERE = "unsubscribe_here"


ADDS = frozenset({Action.ADD_SUBSCRIBED, Action.ADD_PENDING, Action.ADD_NON_SUBSCRIBED})
BILLED = frozenset({Action.ADD_SUBSCRIBED, Action.ADD_NON_SUBSCRIBED})
"""Adding that Mailchimp's plan counts: whoever is asked first counts only once they confirm."""
HERE = frozenset({Action.ADD_HERE, Action.CHANGE_HERE, Action.SUBSCRIBE_HERE, Action.UNSUBSCRIBE_HERE})
"""What happens on the platform; everything else happens in Mailchimp."""

_CREATES: Mapping[MemberStatus, Action] = {
    MemberStatus.SUBSCRIBED: Action.ADD_SUBSCRIBED,
    MemberStatus.PENDING: Action.ADD_PENDING,
    MemberStatus.TRANSACTIONAL: Action.ADD_NON_SUBSCRIBED,
}
_ACTS: Mapping[MemberStatus, Action] = {
    MemberStatus.SUBSCRIBED: Action.SUBSCRIBE_THERE,
    MemberStatus.PENDING: Action.ASK,
    MemberStatus.UNSUBSCRIBED: Action.UNSUBSCRIBE_THERE,
}
_OUT = frozenset({ConsentStatus.UNSUBSCRIBED, ConsentStatus.CLEANED})


def actions_of(plan: Plan) -> tuple[Action, ...]:
    """Return what the plan does, Mailchimp's side first; nothing for an empty plan."""
    return (*_there(plan.up), *_here(plan.down))


def _there(up: MemberChange) -> list[Action]:
    if up.create is not None:
        return [_CREATES[up.create]]
    found = [_ACTS[up.status]] if up.status is not None else []
    found += [Action.ARCHIVE] if up.archive else []
    found += [Action.MOVE] if up.email else []
    return found + ([Action.CHANGE_THERE] if up.fields or up.tags_added or up.tags_removed else [])


def _here(down: ContactChange) -> list[Action]:
    if down.create:
        return [Action.ADD_HERE]
    found: list[Action] = []
    changes = bool(down.email or down.fields or down.tags_added or down.tags_removed)
    if down.consent is not None:
        if down.consent.status is ConsentStatus.SUBSCRIBED:
            found.append(Action.SUBSCRIBE_HERE)
        elif down.consent.status in _OUT:
            found.append(Action.UNSUBSCRIBE_HERE)
        else:
            changes = True
    return found + ([Action.CHANGE_HERE] if changes else [])


@dataclass(frozen=True, slots=True)
class Told:
    """An action in words: a title for a list, and a sentence that explains it."""

    title: str
    explained: str


WORDS: Mapping[Action, Told] = {
    Action.ADD_SUBSCRIBED: Told(
        "Add as subscribed", "They agreed to your e-mails and are not in this audience yet."
    ),
    Action.ADD_PENDING: Told(
        "Add and ask to confirm",
        "Mailchimp sends them a message first; they are subscribed once they confirm.",
    ),
    Action.ADD_NON_SUBSCRIBED: Told(
        "Add as non-subscribed", "Mailchimp knows them and counts them, but sends them no campaigns."
    ),
    Action.SUBSCRIBE_THERE: Told(
        "Subscribe", "Mailchimp has them as non-subscribed, and they have agreed since."
    ),
    Action.ASK: Told(
        "Ask whether they want to come back",
        "They had left in Mailchimp and agreed anew: Mailchimp asks them, and nobody is subscribed unasked.",
    ),
    Action.CHANGE_THERE: Told("Change fields or tags", "The platform's values are newer, or the only ones."),
    Action.MOVE: Told("Move to a new address", "The address was changed on the platform."),
    Action.UNSUBSCRIBE_THERE: Told("Unsubscribe", "They unsubscribed on the platform."),
    Action.ARCHIVE: Told("Archive", "They were deleted on the platform."),
    Action.ADD_HERE: Told("Add as a contact", "They are in Mailchimp and not on the platform yet."),
    Action.CHANGE_HERE: Told(
        "Change fields, tags or the address", "Mailchimp's values are newer, or the only ones."
    ),
    Action.SUBSCRIBE_HERE: Told("Mark as subscribed", "Mailchimp has them as subscribed."),
    Action.UNSUBSCRIBE_HERE: Told(
        "Mark as unsubscribed", "They unsubscribed in Mailchimp, bounce there, or were archived there."
    ),
}
