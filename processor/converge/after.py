"""A member's row as it stands after a plan: what was seen, what is agreed, and what is due."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from processor.converge.sighting import Sighting, digest
from processor.converge.table import Table
from processor.domain.catalogue import OUTAGES, Retry, entry
from processor.domain.contact import Contact, Member, MemberStatus, email_key
from processor.domain.plan import MemberState, Plan
from processor.domain.way import is_heard_of
from processor.store.members import MemberRow


def after(
    table: Table,
    row: MemberRow,
    plan: Plan,
    sighting: Sighting,
    contact: Contact | None,
    claims: Mapping[int, str],
) -> MemberRow:
    """Return the row as it stands after the plan: what was seen, what is agreed, and what is due."""
    seen_digest = digest(sighting.member) if sighting.member is not None else None
    is_news = seen_digest is not None and seen_digest != row.seen_digest
    due = not plan.up.is_empty or plan.relink
    refused = due and not is_news and _is_waiting_for_a_fix(row, contact)
    outlasted = row.reason in OUTAGES and sighting.member is not None
    values = {**seen(row, sighting.member, seen_digest), "base": plan.base}
    if _has_arrived(table, row, sighting):
        values["way"] = None
    if not refused:
        values |= _stands(plan) | _queued(table, row, plan, due=due, outlasted=outlasted, claims=claims)
    return replace(row, **values)  # once: a copy of so many columns costs


def _has_arrived(table: Table, row: MemberRow, sighting: Sighting) -> bool:
    """Whether what was sent by a call of its own is seen to have arrived; of a batch its results tell."""
    if row.way is None or row.way.claim is not None or sighting.member is None:
        return False
    return is_heard_of(row.way, sighting.member, table.policy)


def _stands(plan: Plan) -> dict[str, Any]:
    problem = plan.problems[0] if plan.problems else None
    return {
        "state": plan.state,
        "reason": plan.reason,
        "field": problem.field if problem else None,
        "detail": problem.message if problem else None,
        "instance": None,
    }


def _queued(
    table: Table, row: MemberRow, plan: Plan, *, due: bool, outlasted: bool, claims: Mapping[int, str]
) -> dict[str, Any]:
    if row.claim is not None:
        # A push holds it: either it is about to send this itself, or it shall look again afterwards.
        mine = claims.get(row.id) == row.claim
        return {"due_at": table.now if due and not mine else None}
    if not due:
        return {"due_at": None, "urgent": False, "attempts": 0}
    # Put off because Mailchimp did not answer; it just did.
    due_at = None if outlasted else row.due_at
    return {"due_at": due_at or table.now, "urgent": plan.up.is_urgent}


def _is_waiting_for_a_fix(row: MemberRow, contact: Contact | None) -> bool:
    """Whether Mailchimp refused just this version of the contact, for a cause that does not pass by itself:
    only a change of it is worth a try."""
    return (
        row.state is MemberState.FAILING
        and row.claim is None
        and contact is not None
        and row.pushed_version == contact.version
        and entry(row.reason or "").retry is not Retry.BY_ITSELF
    )


def seen(row: MemberRow, member: Member | None, seen_digest: str | None) -> dict[str, Any]:
    """Return the columns that keep this view; `member` None is for nobody there."""
    if member is None:
        was_there = row.mailchimp_contact_id is not None or row.member_id is not None
        return {"status": MemberStatus.DELETED, "theirs": None} if was_there else {}
    return {
        "member_id": member.id if member.email.strip() else None,
        "mailchimp_contact_id": member.contact_id or row.mailchimp_contact_id,
        "email_key": email_key(member.email) or None,  # contacts of SMS have none
        "status": member.status,
        "seen_at": member.last_changed or row.seen_at,
        "seen_digest": seen_digest,
        "theirs": member,
    }
