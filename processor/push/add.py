"""Adds new members, 500 in one call, without touching anybody who is there already."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from processor.converge import Outcome
from processor.domain.contact import Member, email_key
from processor.domain.mapping import MemberFields, write
from processor.domain.policy import Policy
from processor.errors import MailchimpError
from processor.mailchimp.client import Mailchimp
from processor.mailchimp.members import ADD_LIMIT, NewMember, Refused
from processor.push.done import TAKEN
from processor.push.refused import ABOUT_FIELDS, also, only_some_fields, tags_of, without_refused
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
    new = [_new_member(outcome, connection.policy) for outcome in outcomes]
    answers = _ask(mailchimp, connection.audience_id or "", new)
    sent, taken = [], set[str]()
    for outcome in outcomes:
        key = email_key((outcome.contact and outcome.contact.email) or "")
        if key in taken:  # two contacts with one address
            sent.append(Sent(row_id_of(outcome), error=MailchimpError(TAKEN)))
        elif key in answers.there:
            sent.append(Sent(row_id_of(outcome), answers.there[key], answers.left_out.get(key)))
        else:
            # Facts.md 4.7: an opted-out address may be passed over in silence.
            error = answers.refused.get(key) or MailchimpError("member_exists")
            sent.append(Sent(row_id_of(outcome), error=error))
        taken.add(key)
    return sent


@dataclass(slots=True)
class _Answers:
    """What became of members to add, by address: who is there now, who was refused, and of whom values were
    left out because Mailchimp refused just these."""

    there: dict[str, Member] = field(default_factory=dict)
    refused: dict[str, MailchimpError] = field(default_factory=dict)
    left_out: dict[str, MailchimpError] = field(default_factory=dict)


def _ask(mailchimp: Mailchimp, audience: str, new: Sequence[NewMember]) -> _Answers:
    """Add them, the first of each address; those of whom single values are refused come in without these.
    Mailchimp may name one value at a time, so they are sent again as long as it names further ones."""
    answers = _Answers()
    by_address: dict[str, NewMember] = {}
    for member in new:
        by_address.setdefault(email_key(member.email), member)
    asked = list(by_address.values())
    while asked:
        try:
            added = mailchimp.add_members(audience, asked)
        except MailchimpError as error:
            answers.refused |= {email_key(member.email): error for member in asked}
            break
        answers.there |= {email_key(m.email): _whole(m, by_address) for m in added.members}
        said = _refusals(added.refused)
        asked = []
        for key, refusal in said.items():
            before = answers.left_out.get(key)
            rest = _without_refused(by_address[key], refusal, before) if key in by_address else None
            if rest is not None:
                answers.left_out[key] = rest[1]
                asked.append(rest[0])
            # A field is required because its value was left out: it is the value that is wrong.
            answers.refused[key] = before if before and refusal.code in ABOUT_FIELDS else refusal
    return answers


def _refusals(refused: Sequence[Refused]) -> dict[str, MailchimpError]:
    """By address, what was said; where it was said of several fields, all of it in one."""
    told: dict[str, list[Refused]] = {}
    for one in refused:
        told.setdefault(email_key(one.email), []).append(one)
    return {key: _error(several) for key, several in told.items()}


def _error(several: Sequence[Refused]) -> MailchimpError:
    worst = next((one for one in several if one.code not in ABOUT_FIELDS), several[0])
    named = [(one.field, _words(one)) for one in several if one.field and one.code == worst.code]
    return MailchimpError(worst.code, detail=worst.detail, field_errors=tuple(dict.fromkeys(named)))


def _words(refusal: Refused) -> str:
    return refusal.detail.partition(": ")[2] or refusal.detail


def _without_refused(
    member: NewMember, error: MailchimpError, before: MailchimpError | None
) -> tuple[NewMember, MailchimpError] | None:
    """Who was refused for single values only, without these and those left out before, and the refusal of all
    of them; None where that leads nowhere."""
    if error.code != "field_value":
        return None
    sent = MemberFields(member.merge_fields, member.interests, member.language)
    named = only_some_fields(also(before, error), sent)
    if named is None or (before and tags_of(named) == tags_of(before)):
        return None
    return replace(member, merge_fields=without_refused(sent, named).merge_fields), named


def _whole(member: Member, sent: Mapping[str, NewMember]) -> Member:
    """With the tags beyond the fifty that an answer shows, where it counts as many as were sent: they are
    agreed on from now, and one that the marketer takes off is taken off here."""
    new = sent.get(email_key(member.email))
    if member.tags_complete or new is None or member.tags_count != len(new.tags):
        return member
    return replace(member, tags=new.tags, tags_complete=True) if member.tags <= new.tags else member


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
