"""Sends what plans say: new members in one call, changes of existing ones each by its own."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from processor.converge import Outcome
from processor.domain.contact import Member, MemberStatus, email_key
from processor.domain.mapping import write
from processor.domain.policy import Policy
from processor.errors import Gone, MailchimpError
from processor.mailchimp.client import Mailchimp
from processor.mailchimp.members import NewMember
from processor.store.connections import ConnectionRow

AT_ONCE = 4
"""Calls that one push makes at the same time: half of what the account's limit allows, so that looks for
webhooks go on beside it."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one member's change: the member as Mailchimp answered (None: archived or gone,
    look again), or the refusal."""

    row_id: int
    member: Member | None = None
    error: MailchimpError | None = None


def send_all(
    mailchimp: Mailchimp,
    connection: ConnectionRow,
    outcomes: Sequence[Outcome],
    enough: Callable[[], bool],
) -> list[Sent]:
    """Send every outcome's `plan.up`. Returns one Sent for each; refusals are in it, not raised. What has
    not begun when it is `enough` is left out: it is to be handed back.

    Repeating it is safe: an address that exists by now is refused as such, and a change that is there
    already changes nothing.
    """
    policy = connection.policy
    audience = connection.audience_id or ""
    creates = [o for o in outcomes if o.plan and o.plan.up.create]
    changes = [o for o in outcomes if o.plan and not o.plan.up.create]
    changes.sort(key=lambda o: not (o.plan and o.plan.up.is_urgent))
    sent = _add(mailchimp, audience, creates, policy)
    return sent + _some_at_once(changes, lambda o: _change(mailchimp, audience, o, policy), enough)


def _some_at_once(
    changes: Sequence[Outcome], change: Callable[[Outcome], Sent], enough: Callable[[], bool]
) -> list[Sent]:
    """Make several changes at a time, in the given order.

    Not by a thread pool: the interpreter waits for its threads when the process ends, and a call that hangs
    would hold a deploy up.
    """
    waiting, sent = deque(changes), list[Sent]()
    broken: list[Exception] = []

    def work() -> None:
        while not broken and not enough():
            try:
                outcome = waiting.popleft()
            except IndexError:
                return
            try:
                sent.append(change(outcome))
            except Exception as error:
                broken.append(error)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(AT_ONCE, len(changes)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if broken:
        raise broken[0]
    return sent


def _add(mailchimp: Mailchimp, audience: str, outcomes: Sequence[Outcome], policy: Policy) -> list[Sent]:
    if not outcomes:
        return []
    new = [member for o in outcomes if (member := _new_member(o, policy)) is not None]
    try:
        added = mailchimp.add_members(audience, new)
    except MailchimpError as error:
        return [Sent(_row_id(o), error=error) for o in outcomes]
    there = {email_key(m.email): m for m in added.members}
    refused = {email_key(r.email): r for r in added.refused}
    sent = []
    for outcome in outcomes:
        key = email_key((outcome.contact and outcome.contact.email) or "")
        refusal = refused.get(key)
        if key in there:
            sent.append(Sent(_row_id(outcome), there[key]))
        elif refusal is not None:
            sent.append(Sent(_row_id(outcome), error=MailchimpError(refusal.code, detail=refusal.detail)))
        else:
            # Facts.md 4.7: an opted-out address may be passed over in silence.
            sent.append(Sent(_row_id(outcome), error=MailchimpError("member_exists")))
    return sent


def _new_member(outcome: Outcome, policy: Policy) -> NewMember | None:
    plan, contact = outcome.plan, outcome.contact
    if plan is None or contact is None or plan.up.create is None:
        return None
    fields = write(plan.up.fields, policy)
    return NewMember(
        email=contact.email or "",
        status=plan.up.create,
        merge_fields=fields.merge_fields,
        interests=fields.interests,
        language=fields.language,
        tags=plan.up.tags_added,
    )


def _change(mailchimp: Mailchimp, audience: str, outcome: Outcome, policy: Policy) -> Sent:
    try:
        return Sent(_row_id(outcome), _carry_out(mailchimp, audience, outcome, policy))
    except MailchimpError as error:
        return Sent(_row_id(outcome), error=error)


def _carry_out(mailchimp: Mailchimp, audience: str, outcome: Outcome, policy: Policy) -> Member | None:
    plan, member = outcome.plan, outcome.sighting.member
    assert plan is not None
    assert member is not None  # a change without `create` is of a member that was just looked at
    up = plan.up
    if up.archive:
        mailchimp.archive(audience, member.id)
        return mailchimp.member(audience, member.id)
    if up.status is not None:
        member, may_go_on = _act(mailchimp, audience, member, up.status)
        if not may_go_on:
            return member
    fields = write(up.fields, policy)
    if up.email or up.fields:
        member = mailchimp.change_member(
            audience,
            member.id,
            email=up.email,
            merge_fields=fields.merge_fields,
            interests=fields.interests,
            language=fields.language,
        )
    if up.tags_added or up.tags_removed:
        mailchimp.set_tags(audience, member.id, up.tags_added, up.tags_removed)
        member = replace(member, tags=(member.tags | up.tags_added) - up.tags_removed)
    return member


def _act(mailchimp: Mailchimp, audience: str, member: Member, status: MemberStatus) -> tuple[Member, bool]:
    """Send an act of consent by itself, so that no field that is refused holds it back. Returns the member
    as they then are, and whether it was sent.

    Before anybody is subscribed or asked, they are looked at once more: the look that the plan is made of
    may be a batch old, and whoever left since stays out until all is decided anew.
    """
    if status is not MemberStatus.UNSUBSCRIBED:
        now = mailchimp.member(audience, member.id)
        if now is None:
            raise Gone("gone")
        if now.status is not member.status or now.last_changed != member.last_changed:
            return now, False
    return mailchimp.change_member(audience, member.id, status=status), True


def _row_id(outcome: Outcome) -> int:
    return outcome.row.id if outcome.row else 0
