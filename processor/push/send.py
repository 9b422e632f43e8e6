"""Sends what plans say by calls of their own: new members 500 in one, changes of existing ones each by its
own. Many changes that nobody waits for go in a batch instead (`push.batch`)."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from processor.converge import Outcome
from processor.domain.connection import ConnectionState
from processor.domain.contact import Member, MemberStatus
from processor.domain.mapping import MemberFields, read, write
from processor.domain.plan import MemberChange
from processor.errors import Gone, MailchimpError
from processor.mailchimp.client import Mailchimp
from processor.push.order import in_turn
from processor.push.refused import also, only_some_fields, tags_of, without_refused
from processor.store.connections import ConnectionRow

AT_ONCE = 3
"""Calls that one push makes at the same time: with a few pushes beside each other, not much more than what
the account's limit allows, so that looks for webhooks are soon served between them."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one member's change: the member as Mailchimp answered (None: archived or gone,
    look again), or the refusal; both, where all but some fields were taken. `stood_back` says that nothing
    was sent, because the member is not as it was when the change was decided."""

    row_id: int
    member: Member | None = None
    error: MailchimpError | None = None
    stood_back: bool = False


def change_each(
    mailchimp: Mailchimp, connection: ConnectionRow, outcomes: Sequence[Outcome], enough: Callable[[], bool]
) -> list[Sent]:
    """Send changes of existing members, several at a time, who left first. Returns one Sent for each;
    refusals are in it, not raised. What has not begun when it is `enough` is left out: it is to be handed
    back. Safe to repeat: a change that is there already changes nothing."""
    changes = sorted(outcomes, key=lambda o: not (o.plan and o.plan.up.is_urgent))

    def change(outcome: Outcome) -> Sent:
        try:
            now = _otherwise_by_now(mailchimp, connection, outcome)
            if now is not None:
                return Sent(row_id_of(outcome), now, stood_back=True)
            member, error = _carry_out(mailchimp, connection, outcome)
            return Sent(row_id_of(outcome), member, error)
        except MailchimpError as error:
            return Sent(row_id_of(outcome), error=error)

    return _some_at_once(changes, change, enough)


def row_id_of(outcome: Outcome) -> int:
    """The number of the member's row."""
    return outcome.row.id if outcome.row else 0


def is_syncing(connection: ConnectionRow) -> bool:
    """Whether tags are part of a first sync, so that no automation of the marketer's may start."""
    return connection.state == ConnectionState.IMPORTING


def _some_at_once(
    changes: Sequence[Outcome], change: Callable[[Outcome], Sent], enough: Callable[[], bool]
) -> list[Sent]:
    """Make several changes at a time, in the given order, but that an address is left before somebody else
    comes to it.

    Not by a thread pool: the interpreter waits for its threads when the process ends, and a call that hangs
    would hold a deploy up.
    """
    waiting, sent = deque(in_turn(changes)), list[Sent]()
    broken: list[Exception] = []

    def work() -> None:
        while not broken and not enough():
            try:
                group = waiting.popleft()
            except IndexError:
                return
            try:
                for outcome in group:
                    if broken or enough():
                        return
                    sent.append(change(outcome))
            except Exception as error:
                broken.append(error)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(AT_ONCE, len(waiting)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if broken:
        raise broken[0]
    return sent


def _carry_out(
    mailchimp: Mailchimp, connection: ConnectionRow, outcome: Outcome
) -> tuple[Member | None, MailchimpError | None]:
    plan, member = outcome.plan, outcome.sighting.member
    assert plan is not None
    assert member is not None  # a change without `create` is of a member that was seen
    audience, up = connection.audience_id or "", plan.up
    if up.archive:
        mailchimp.archive(audience, member.id)
        return mailchimp.member(audience, member.id), None
    if up.status is not None:
        # By itself, so that no field that is refused holds somebody's act back.
        before, member = member, mailchimp.change_member(audience, member.id, status=up.status)
        if read(before, connection.policy) != read(member, connection.policy):
            return member, None  # somebody wrote in between: the fields are decided anew
    if up.permissions:
        member = mailchimp.change_member(audience, member.id, permissions=up.permissions)
    return _write(mailchimp, connection, member, up)


def _otherwise_by_now(mailchimp: Mailchimp, connection: ConnectionRow, outcome: Outcome) -> Member | None:
    """Look once more before anybody is subscribed, asked, moved or archived, or a permission is given: the
    look that the plan is made of may be a batch old, and whoever left since stays out until all is decided
    anew. Returns the member where it is not as it was, None where the change may go."""
    plan, member = outcome.plan, outcome.sighting.member
    assert plan is not None
    assert member is not None
    audience, up = connection.audience_id or "", plan.up
    if up.status not in {None, MemberStatus.UNSUBSCRIBED} or any(up.permissions.values()):
        now = _now(mailchimp, audience, member)
        is_same = now.status is member.status and now.last_changed == member.last_changed
        return None if is_same else now
    if outcome.sighting.recalled and (up.archive or up.email):
        now = _now(mailchimp, audience, member)
        return None if (now.status, now.email) == (member.status, member.email) else now
    return None


def _now(mailchimp: Mailchimp, audience: str, member: Member) -> Member:
    now = mailchimp.member(audience, member.id)
    if now is None:
        raise Gone("gone")
    return now


def _write(
    mailchimp: Mailchimp, connection: ConnectionRow, member: Member, up: MemberChange
) -> tuple[Member, MailchimpError | None]:
    audience, error = connection.audience_id or "", None
    if up.email or up.fields:
        member, error = _patch(mailchimp, audience, member, up.email, write(up.fields, connection.policy))
    if up.tags_added or up.tags_removed:
        mailchimp.set_tags(
            audience, member.id, up.tags_added, up.tags_removed, is_syncing=is_syncing(connection)
        )
        member = replace(member, tags=(member.tags | up.tags_added) - up.tags_removed)
    return member, error


def _patch(
    mailchimp: Mailchimp, audience: str, member: Member, email: str | None, fields: MemberFields
) -> tuple[Member, MailchimpError | None]:
    """Patch; where single fields are refused, patch the rest, and say which ones were refused. Mailchimp may
    name one at a time."""
    error: MailchimpError | None = None
    rest = fields
    while error is None or email or rest.merge_fields or rest.interests or rest.language:
        try:
            return _patched(mailchimp, audience, member, email, rest), error
        except MailchimpError as refused:
            named = only_some_fields(also(error, refused), fields)
            if named is None or (error and tags_of(named) == tags_of(error)):
                raise
            error, rest = named, without_refused(fields, named)
    return member, error


def _patched(
    mailchimp: Mailchimp, audience: str, member: Member, email: str | None, fields: MemberFields
) -> Member:
    return mailchimp.change_member(
        audience,
        member.id,
        email=email,
        merge_fields=fields.merge_fields,
        interests=fields.interests,
        language=fields.language,
    )
