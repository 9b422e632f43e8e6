"""Marketing permissions (GDPR) and SMS: what Mailchimp shows, and what the platform may change. Pure.

A permission is a consent: one that is given goes up only as somebody's own act with evidence, and never over
a withdrawal that came after it; one that is withdrawn always goes up. Of SMS Mailchimp's API tells, and lets
nobody change it (facts.md 4.5).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from processor.domain.contact import Member, MemberStatus

GIVEN, WITHDRAWN = "given", "withdrawn"
PERMISSION, SMS = "permissions.", "sms"
"""What stands beside the status, in ledger, history and feed: a permission has its id behind this."""
_MAY_WITHDRAW = frozenset(
    {
        MemberStatus.SUBSCRIBED,
        MemberStatus.TRANSACTIONAL,
        MemberStatus.PENDING,
        MemberStatus.UNSUBSCRIBED,
    }
)
MAY_GIVE = _MAY_WITHDRAW - {MemberStatus.UNSUBSCRIBED}
"""Statuses in which a permission may be given: whoever has left gives none by way of us."""


FRESH = timedelta(minutes=10)
"""So long a permission that waits is sent whatever else has changed of the member meanwhile."""


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody said of one permission on the platform, until Mailchimp has it: when and where they said
    it, and when we were told. Of a withdrawal `is_guard` says that Mailchimp shows it, and that it is still
    watched for a yes that was on its way up when they withdrew it."""

    enabled: bool
    at: datetime
    source: str
    kept_at: datetime
    is_guard: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """What has changed in Mailchimp: `name` is `permissions.<id>` or `sms`, `text` the permission's own."""

    name: str
    before: str | None
    after: str
    text: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Settled:
    """What becomes of acts: what to `send` by permission, which are `left` to do, and which permissions were
    `dropped`: they are not given any more."""

    send: Mapping[str, bool]
    left: Mapping[str, Act]
    dropped: Sequence[Heard] = ()


def word_of(enabled: bool) -> str:
    """Return the ledger's word for a permission."""
    return GIVEN if enabled else WITHDRAWN


def settle(acts: Mapping[str, Act], theirs: Member | None, now: datetime) -> Settled:
    """Return what becomes of these acts, now that the member was looked at.

    One that Mailchimp shows already is done, but for a guard; a permission is dropped where the person has
    left meanwhile, or may have withdrawn it there: Mailchimp tells of no permission when it changed. While
    nobody is there to tell, all of them wait.
    """
    if theirs is None or theirs.status not in _MAY_WITHDRAW:
        return Settled({}, dict(acts))
    left: dict[str, Act] = {}
    dropped: list[Heard] = []
    for permission_id, act in acts.items():
        known, is_fresh = theirs.permissions.get(permission_id), now - act.kept_at <= FRESH
        if known is None or (act.is_guard and not is_fresh):
            continue
        if known.enabled == act.enabled:
            if not act.enabled and is_fresh:
                left[permission_id] = replace(act, is_guard=True)
        elif act.enabled and not _may_give(act, theirs, now):
            name = PERMISSION + permission_id
            dropped.append(Heard(name, GIVEN, WITHDRAWN, known.text, theirs.last_changed))
        else:
            left[permission_id] = act
    send = {one: act.enabled for one, act in left.items() if theirs.permissions[one].enabled != act.enabled}
    return Settled(send, left, dropped)


def _may_give(act: Act, theirs: Member, now: datetime) -> bool:
    if theirs.status not in MAY_GIVE:
        return False
    is_unchanged = theirs.last_changed is not None and theirs.last_changed <= act.kept_at
    return is_unchanged or now - act.kept_at <= FRESH


def changed(before: Member | None, now: Member | None) -> Iterator[Heard]:
    """Yield what two looks at one member differ in. What was not seen before is no change."""
    if before is None or now is None:
        return
    for permission_id, seen in now.permissions.items():
        known = before.permissions.get(permission_id)
        if known is not None and known.enabled != seen.enabled:
            words = word_of(known.enabled), word_of(seen.enabled)
            yield Heard(PERMISSION + permission_id, *words, seen.text, now.last_changed)
    if now.sms_status and now.sms_status != before.sms_status:
        yield Heard(SMS, before.sms_status, now.sms_status, "", now.sms_changed_at or now.last_changed)
