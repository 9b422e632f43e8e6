"""What replaying an event would change now: its member is looked at, and nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from processor.converge import Outcome, Verdict
from processor.converge import foresee as converge_nothing
from processor.domain.actions import HERE, WORDS, Action, actions_of
from processor.domain.catalogue import words
from processor.domain.event import EventType
from processor.domain.plan import Plan
from processor.errors import MailchimpError
from processor.kit import Kit
from processor.look import Question, look_up_each
from processor.store import connections, replays
from processor.store.connections import ConnectionRow
from processor.store.due import ENDED, RESTING
from processor.store.inbox import EventRow

GONE = "It is skipped: its connection is gone."
RESTS = "It waits with its connection, which waits for a person."
NOT_ABOUT = "It is skipped: it is not about a contact."
UNREAD = "It is read once more: nobody knows yet whom it is about."
NOTHING = "Nothing: both sides are as they should be."
NOBODY = "It is skipped: neither side has anybody with this address."
UNSURE = "Only another look can tell: somebody is changing this member just now."
ABOUT_NOBODY = frozenset({EventType.CAMPAIGN, EventType.SMS_CAMPAIGN, EventType.BATCH_COMPLETED})


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would come of one event now, in a sentence. `is_superseded` says that a later event of the same
    member has been looked at since."""

    event: EventRow
    says: str
    is_superseded: bool


def foresee(kit: Kit, events: Sequence[EventRow]) -> list[Foreseen]:
    """Return what replaying each of these few events would change now, in their order. Looks the members up
    in Mailchimp, one call each, and writes nothing; where Mailchimp does not answer, that is said. Raises
    StoreDown."""
    with kit.store.read() as c:
        rows = {i: connections.get(c, i) for i in {event.connection_id for event in events}}
        later = {e.id for e in events if replays.has_later(c, e.connection_id, e.subject, e.id)}
    return [
        Foreseen(event, _says(kit, event, rows[event.connection_id]), event.id in later) for event in events
    ]


def _says(kit: Kit, event: EventRow, connection: ConnectionRow | None) -> str:
    if connection is None or connection.state in ENDED:
        return GONE
    if connection.state in RESTING or connection.audience_id is None:
        return RESTS
    if event.type in ABOUT_NOBODY:
        return NOT_ABOUT
    if event.subject is None:
        return UNREAD
    try:
        seen = look_up_each(
            kit.mailchimp(connection), connection.audience_id, [Question(event.subject)], _never, sure=True
        )
    except MailchimpError as error:
        return f"Nobody can tell now: {words(error.code).title}."
    (outcome,) = converge_nothing(kit, connection, seen)
    return _told(outcome)


def _never() -> bool:
    return False


def _told(outcome: Outcome) -> str:
    if outcome.verdict is Verdict.UNKNOWN:
        return NOBODY
    if outcome.plan is None:
        return UNSURE
    actions = actions_of(outcome.plan)
    if not actions:
        return NOTHING
    return " ".join(_act(action, outcome.plan) for action in actions)


def _act(action: Action, plan: Plan) -> str:
    where = "Here" if action in HERE else "In Mailchimp"
    what = ""
    if action is Action.CHANGE_HERE:
        what = _named(plan.down.fields, plan.down.tags_added | plan.down.tags_removed, plan.down.email)
    elif action is Action.CHANGE_THERE:
        what = _named(plan.up.fields, plan.up.tags_added | plan.up.tags_removed, None)
    return f"{where}: {WORDS[action].title.lower()}{what}."


def _named(fields: Iterable[str], tags: frozenset[str], email: str | None) -> str:
    """The names of what changes: values are for whoever may see the contact."""
    names = [*(["email"] if email else []), *sorted(fields), *(["tags"] if tags else [])]
    return f" ({', '.join(names)})" if names else ""
