"""Whether a webhook tells anything that is not known already. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from processor.domain.contact import Member, MemberStatus, email_key
from processor.domain.event import Event, EventType

_TELLS_ALL = frozenset({EventType.SUBSCRIBE, EventType.PROFILE})
_NO_FIELDS = frozenset({"EMAIL", "GROUPINGS", "INTERESTS"})


def is_known(event: Event, view: Member | None, *, has_interests: bool) -> bool:
    """Whether everything that the event says is in the last view of its member, and that view is not older
    than the event.

    Such an event is our own change coming back, or one that was read already. Only for sign-ups and
    profiles, whose body names every merge field (facts.md 1.3): whoever left is never taken as known. What a
    body does not name, tags, is found by the next sweep. Interests come by their names only, which may hold
    commas (facts.md 1.4): with them nothing is known.
    """
    if event.type not in _TELLS_ALL or view is None or has_interests:
        return False
    if event.fired_at is None or view.last_changed is None or event.fired_at > view.last_changed:
        return False
    if view.status is not MemberStatus.SUBSCRIBED or email_key(view.email) != email_key(event.email or ""):
        return False
    if event.unique_email_id and view.unique_email_id and event.unique_email_id != view.unique_email_id:
        return False
    merges = event.data.get("merges")
    return isinstance(merges, Mapping) and all(
        _is_same(said, view.merge_fields.get(tag)) for tag, said in merges.items() if tag not in _NO_FIELDS
    )


def _is_same(said: Any, known: Any) -> bool:
    """Whether a form's text is this value. Being unsure means no: the member is read then."""
    if isinstance(said, Mapping) and isinstance(known, Mapping):
        return {k: v for k, v in said.items() if v} == {k: v for k, v in known.items() if v}
    if isinstance(known, bool) or not isinstance(said, str):
        return False
    if known is None:
        return said == ""
    return isinstance(known, str | int | float) and said.strip() == str(known).strip()
