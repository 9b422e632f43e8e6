"""Adds new members, 500 in one call, without touching anybody who is there already."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from processor.converge import Outcome
from processor.domain.contact import Member, email_key
from processor.domain.mapping import MemberFields, write
from processor.domain.policy import Policy
from processor.errors import MailchimpError
from processor.mailchimp.client import Mailchimp
from processor.mailchimp.members import ADD_LIMIT, NewMember, Refused
from processor.push.refused import only_some_fields, without_refused
from processor.push.send import Sent, row_id_of
from processor.store.connections import ConnectionRow


def add_all(
    mailchimp: Mailchimp, connection: ConnectionRow, outcomes: Sequence[Outcome], enough: Callable[[], bool]
) -> list[Sent]:
    """Add the members whom these plans create. Returns one Sent for each; refusals are in it, not raised.
    What has not begun when it is `enough` is left out. Safe to repeat: an address that exists by now is
    refused as such."""
    sent: list[Sent] = []
    for start in range(0, len(outcomes), ADD_LIMIT):
        if enough():
            break
        sent += _add(mailchimp, connection, outcomes[start : start + ADD_LIMIT])
    return sent


def _add(mailchimp: Mailchimp, connection: ConnectionRow, outcomes: Sequence[Outcome]) -> list[Sent]:
    audience = connection.audience_id or ""
    new = [_new_member(outcome, connection.policy) for outcome in outcomes]
    try:
        added = mailchimp.add_members(audience, new)
    except MailchimpError as error:
        return [Sent(row_id_of(o), error=error) for o in outcomes]
    by_address = {email_key(member.email): member for member in new}
    there = {email_key(m.email): _whole(m, by_address) for m in added.members}
    said = {email_key(r.email): r for r in added.refused}
    # Those of whom single values were refused come in without these.
    partly = _without_their_refused_fields(new, there, said)
    with suppress(MailchimpError):
        again = mailchimp.add_members(audience, [member for member, _ in partly.values()])
        there |= {email_key(m.email): _whole(m, by_address) for m in again.members}
    sent, taken = [], set[str]()
    for outcome in outcomes:
        key = email_key((outcome.contact and outcome.contact.email) or "")
        refusal = said.get(key)
        if key in there and key not in taken:
            taken.add(key)
            left_out = partly[key][1] if key in partly else None
            sent.append(Sent(row_id_of(outcome), there[key], left_out))
        elif key in taken:
            sent.append(Sent(row_id_of(outcome), error=MailchimpError("email_taken")))
        elif refusal is not None:
            sent.append(Sent(row_id_of(outcome), error=_error(refusal)))
        else:
            # Facts.md 4.7: an opted-out address may be passed over in silence.
            sent.append(Sent(row_id_of(outcome), error=MailchimpError("member_exists")))
    return sent


def _whole(member: Member, sent: Mapping[str, NewMember]) -> Member:
    """With the tags beyond the fifty that an answer shows, where it counts as many as were sent: they are
    agreed on from now, and one that the marketer takes off is taken off here."""
    new = sent.get(email_key(member.email))
    if member.tags_complete or new is None or member.tags_count != len(new.tags):
        return member
    return replace(member, tags=new.tags, tags_complete=True) if member.tags <= new.tags else member


def _error(refusal: Refused) -> MailchimpError:
    named = ((refusal.field, refusal.detail),) if refusal.field else ()
    return MailchimpError(refusal.code, detail=refusal.detail, field_errors=named)


def _new_member(outcome: Outcome, policy: Policy) -> NewMember:
    plan, contact = outcome.plan, outcome.contact
    assert plan is not None
    assert contact is not None
    assert plan.up.create is not None
    fields = write(plan.up.fields, policy)
    return NewMember(
        email=contact.email or "",
        status=plan.up.create,
        merge_fields=fields.merge_fields,
        interests=fields.interests,
        language=fields.language,
        tags=plan.up.tags_added,
    )


def _without_their_refused_fields(
    new: Sequence[NewMember], there: Mapping[str, object], said: Mapping[str, Refused]
) -> dict[str, tuple[NewMember, MailchimpError]]:
    """By address, those who were refused for single values only: without these, and the refusal."""
    partly: dict[str, tuple[NewMember, MailchimpError]] = {}
    for member in new:
        key = email_key(member.email)
        refusal = said.get(key)
        if refusal is None or key in there or key in partly or refusal.code != "field_value":
            continue
        words = refusal.detail.partition(": ")[2] or refusal.detail
        error = MailchimpError(refusal.code, field_errors=((refusal.field, words),))
        sent = MemberFields(member.merge_fields, member.interests, member.language)
        named = only_some_fields(error, sent)
        if named is not None:
            left = without_refused(sent, named).merge_fields
            partly[key] = replace(member, merge_fields=left), named
    return partly
