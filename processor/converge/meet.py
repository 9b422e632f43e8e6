"""One sighting meets what is stored: which row it is about, whether it is news, and what follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from processor.converge.sighting import Outcome, Sighting, Verdict, digest
from processor.converge.table import Table, own_id
from processor.domain.catalogue import Retry, entry
from processor.domain.choice import left_out
from processor.domain.contact import Contact, Member, MemberStatus, email_key
from processor.domain.edit import LEFT
from processor.domain.ledger import FROM_THERE, Side, is_further_evidence
from processor.domain.mapping import under_this_map
from processor.domain.namesake import MAILED, has_left_too, taken_off
from processor.domain.permission import Heard, changed, settle
from processor.domain.plan import Exclusion, MemberState, Plan
from processor.domain.reconcile import parted, reconcile
from processor.domain.way import heard_of
from processor.store.members import MemberRow
from processor.store.traces import ERASED

OUTAGES = frozenset({"rate_limited", "mailchimp_down", "network"})
"""Why a push was put off that says nothing about the contact."""


def meet(table: Table, sighting: Sighting, claims: Mapping[int, str]) -> Outcome:
    """Reconcile one sighting on the table and return what came of it."""
    place, row = _row_of(table, sighting)
    if row is None and (sighting.member is None or sighting.row_id is not None):
        return Outcome(sighting, Verdict.UNKNOWN)  # or not known any more
    if _is_being_erased(table, row, sighting.member):
        return Outcome(sighting, Verdict.STALE)
    if row is not None:
        verdict = _other(row, sighting) or _too_old(row, sighting) or _taken(table, row, sighting)
        if verdict:
            return Outcome(sighting, verdict, row, contact=table.contact(row.contact_id))
    before = _adopt(table, row or MemberRow(table.connection.id), sighting)
    row, contact = _link(table, before, sighting.member)
    if contact is None and _is_waited_for(table, place, row, sighting.member):
        return Outcome(sighting, Verdict.AGREED, row)
    ours, plan = _decide(table, row, contact, sighting)
    plan, row, dropped = _with_permissions(table, plan, row, sighting.member)
    written, what, row = _write_down(table, row, contact, ours, plan, sighting.member)
    if written is not None:
        towards = plan.down.consent or (ours.consent if ours else written.consent)
        row = row if row.contact_id == written.id else replace(row, contact_id=written.id)
        table.dispute(written.id, plan.conflicts)
        written = replace(written, consent=towards)
        if plan.down.consent is None and sighting.way is None:
            _hear_why(table, before, sighting.member, written)
        _hear_beside(table, before, sighting, written)
        for heard in dropped:
            table.hear_beside(written, heard, _cause(table), Side.HERE)
    row = _after(table, row, plan, sighting, written, claims)
    table.rows.put(row, place=place)
    is_news = bool(what) or not plan.up.is_empty or plan.relink or before.base != row.base
    verdict, was = Verdict.CHANGED if is_news else Verdict.AGREED, ours.consent if ours else None
    return Outcome(sighting, verdict, row, plan, written, was)


def _decide(
    table: Table, row: MemberRow, contact: Contact | None, sighting: Sighting
) -> tuple[Contact | None, Plan]:
    """Return the contact as it stands towards this audience, and what follows for both sides."""
    known = under_this_map(row.base, table.policy)
    base = heard_of(known, sighting.way or row.way, sighting.member, table.policy, table.now)
    status = sighting.member.status if sighting.member else None
    ours = table.towards(contact, row.word, base, status) if contact else None
    plan = reconcile(base, ours, sighting.member, table.policy)
    if table.is_left_out(row.contact_id):
        plan = left_out(plan, base)
    if plan.base is not None:
        plan = replace(plan, base=replace(plan.base, map_version=table.policy.map_version))
    return ours, plan


def _row_of(table: Table, sighting: Sighting) -> tuple[int | None, MemberRow | None]:
    """The row that this sighting is about. The contact id comes first: it outlives an address change."""
    if sighting.row_id is not None:
        return table.rows.find(("id", sighting.row_id))
    member = sighting.member
    if member is None:
        address = sighting.address or ""
        return table.rows.find(("address", email_key(address)), ("hash", address))
    if not member.email.strip():
        # Of those whom only SMS reaches, nothing but the contact id tells one from another.
        return table.rows.find(("contact", member.contact_id))
    place, row = table.rows.find(
        ("contact", member.contact_id), ("hash", member.id), ("address", email_key(member.email))
    )
    if row is None or (row.contact_id is None and not _too_old(row, sighting)):
        # A contact that waits for a member with this address goes before a member that is nobody's.
        waiting = table.rows.expected(email_key(member.email))
        return waiting if row is None or waiting[1] is not None else (place, row)
    return place, row


def _is_waited_for(table: Table, place: int | None, row: MemberRow, member: Member | None) -> bool:
    """Whether a living contact has the address of this member, whose own contact is gone, and is on its way
    to meet them: then they are not to be archived for the one who is gone."""
    is_known = row.base is not None and row.base.status is not None
    if member is None or not is_known or not table.is_somebodys(member.email):
        return False
    expecting, waiting = table.rows.expected(email_key(member.email))
    if waiting is not None and waiting.id != row.id and waiting.claim is None:
        table.rows.put(replace(waiting, due_at=waiting.due_at or table.now), place=expecting)
    seen = _seen(row, member, digest(member))
    seen |= {"state": MemberState.EXCLUDED, "reason": Exclusion.DELETED_HERE.value}
    table.rows.put(replace(row, **seen, due_at=None, urgent=False), place=place)
    return True


def _is_being_erased(table: Table, row: MemberRow | None, member: Member | None) -> bool:
    """Whether a mark keeps this member out until they are deleted in Mailchimp too."""
    marked = row
    if member is not None and (row is None or row.reason != ERASED):
        _, marked = table.rows.find(("contact", member.contact_id), ("hash", member.id))
    return marked is not None and marked.reason == ERASED


def _other(row: MemberRow, sighting: Sighting) -> Verdict | None:
    """An address, and the hash made of it, pass from one person to the next; a contact id does not."""
    member = sighting.member
    if member is None or sighting.row_id is not None or row.status is MemberStatus.DELETED:
        return None
    known, seen = row.mailchimp_contact_id, member.contact_id
    return Verdict.OTHER if known and seen and known != seen else None


def _too_old(row: MemberRow, sighting: Sighting) -> Verdict | None:
    member = sighting.member
    may_be_old = member is None or sighting.recalled
    if may_be_old and sighting.seen is not None and sighting.seen[0] != row.seen_digest:
        return Verdict.AGAIN
    if member is None or member.last_changed is None or row.seen_at is None:
        return None
    if row.mailchimp_contact_id and member.contact_id and row.mailchimp_contact_id != member.contact_id:
        return None  # another member than before: their times say nothing about each other
    if member.last_changed < row.seen_at:
        return Verdict.STALE
    same_second = member.last_changed == row.seen_at
    if same_second and row.seen_digest != digest(member) and not sighting.sure:
        return Verdict.AGAIN
    return None


def _taken(table: Table, row: MemberRow, sighting: Sighting) -> Verdict | None:
    """A contact looked its own address up, and found the member of another contact there."""
    member = sighting.member
    if member is None or sighting.row_id is None or member.contact_id is None:
        return None
    _, rival = table.rows.find(("contact", member.contact_id))
    if rival is None:
        # Whom a push has just added is known by the address alone: the answer names no contact id.
        _, rival = table.rows.find(("hash", member.id))
        if rival is not None and (rival.mailchimp_contact_id or rival.status is MemberStatus.DELETED):
            return None
    if rival is None or rival.id == row.id or rival.contact_id is None:
        return None
    if _hand_over(table, row, rival, member):
        return None
    _take_off(table, row, rival, member)
    return Verdict.TAKEN


def _hand_over(table: Table, row: MemberRow, rival: MemberRow, member: Member) -> bool:
    """Let a member go to the contact who has its address now, from one who has it no more and cannot take the
    member along: without it, what this contact says, an opt-out even, would never reach them.

    The two are a first meeting, which is the careful one. The other contact begins anew, with what it takes
    along. Returns False where the address is still the other's, or on its way to be left.
    """
    mine, other = table.contact(row.contact_id), table.contact(rival.contact_id)
    address = email_key(member.email)
    if mine is None or email_key(mine.email or "") != address or rival.claim is not None:
        return False
    if other is not None and (
        email_key(other.email or "") == address or (other.email and not _stays_behind(rival))
    ):
        return False
    place, _ = table.rows.find(("id", rival.id))
    if place is None:
        return False
    table.rows.drop(place)
    if other is not None:
        base = parted(rival.base, rival.status)
        anew = MemberRow(table.connection.id, contact_id=other.id, base=base, due_at=table.now)
        table.rows.put(anew)
    return True


def _take_off(table: Table, row: MemberRow, rival: MemberRow, member: Member) -> None:
    """Let an opt-out reach the member who is linked with another contact of the same address: the two are one
    person, and the one who left, perhaps by way of another member, has none here to be unsubscribed."""
    mine, other = table.contact(row.contact_id), table.contact(rival.contact_id)
    address = email_key(member.email)
    if mine is None or other is None or {_address(mine), _address(other)} != {address}:
        return
    before = other.consent
    if mine.consent.status not in LEFT or before.status not in MAILED:
        return
    if not has_left_too(before, mine.consent):
        return
    edit = taken_off(other, mine.consent, table.now)
    table.tell(edit, _cause(table))
    table.record(edit.contact, before.status.value, edit.contact.consent.source, _cause(table))
    place, _ = table.rows.find(("id", rival.id))
    table.rows.put(replace(rival, due_at=rival.due_at or table.now, urgent=True), place=place)


def _address(contact: Contact) -> str:
    return email_key(contact.email or "")


def _stays_behind(row: MemberRow) -> bool:
    """Whether a member cannot go along to its contact's new address: because of another member there, or
    because whoever was archived does not come back by way of a new address."""
    if row.state is MemberState.EXCLUDED:
        return row.reason == Exclusion.ARCHIVED
    return row.state is MemberState.FAILING and row.reason == "email_taken"


def _adopt(table: Table, row: MemberRow, sighting: Sighting) -> MemberRow:
    """A contact meets a member at its own address that was known without a contact: the two rows become one,
    with what was known of the member."""
    member = sighting.member
    if member is None or not row.id:
        return row
    place, other = table.rows.find(("contact", member.contact_id), ("hash", member.id))
    if place is None or other is None or other.id == row.id or other.contact_id is not None:
        return row
    table.rows.drop(place)
    return replace(
        row,
        # It was agreed with whoever parted from the member: of leaving there, only a later yes makes nothing.
        base=replace(other.base, parted=True) if other.base else None,
        seen_at=other.seen_at,
        seen_digest=other.seen_digest,
        theirs=other.theirs,
        word=other.word,
    )


def _link(table: Table, row: MemberRow, member: Member | None) -> tuple[MemberRow, Contact | None]:
    """Return the row with its contact: the linked one, else one with the same address, else none."""
    contact_id = row.contact_id
    if contact_id is None and member is not None:
        contact_id = table.claim_contact(member.email)
    row = row if row.contact_id == contact_id else replace(row, contact_id=contact_id)
    return row, table.contact(contact_id)


def _write_down(
    table: Table,
    row: MemberRow,
    contact: Contact | None,
    ours: Contact | None,
    plan: Plan,
    member: Member | None,
) -> tuple[Contact | None, Mapping[str, Any], MemberRow]:
    if plan.down.is_empty:
        return contact, {}, row
    if contact is None:
        assert member is not None  # reconcile creates a contact from a member only
        contact = _fresh_contact(table, row, member)
    before = (ours or contact).consent
    edit, heard = table.hear(contact, before, row.word, plan.down, _why(table, plan, member))
    return edit.contact, edit.what, replace(row, word=heard)


def _hear_why(table: Table, before: MemberRow, member: Member | None, contact: Contact) -> None:
    """A webhook tells that somebody left, and only the look that follows says who did it."""
    reason = member.unsubscribe_reason if member is not None else None
    known = before.theirs.unsubscribe_reason if before.theirs else None
    if reason != known and is_further_evidence(contact.consent, reason):
        source = f"{FROM_THERE}unsubscribed ({reason})"
        table.record(contact, contact.consent.status.value, source, _cause(table))


def _with_permissions(
    table: Table, plan: Plan, row: MemberRow, member: Member | None
) -> tuple[Plan, MemberRow, Sequence[Heard]]:
    """Add what was said of marketing permissions on the platform, forget what is done with, and return what
    of it was dropped."""
    if not row.asked:
        return plan, row, ()
    found = settle(row.asked, None if plan.relink else member, table.now)
    send = found.send
    if table.is_left_out(row.contact_id):  # what is given waits until they are taken back in
        send = {name: is_given for name, is_given in send.items() if not is_given}
    state = MemberState.WAITING if send and plan.state is MemberState.IN_SYNC else plan.state
    plan = replace(plan, up=replace(plan.up, permissions=send), state=state)
    return plan, replace(row, asked=found.left), found.dropped


def _hear_beside(table: Table, before: MemberRow, sighting: Sighting, contact: Contact) -> None:
    """Write down what has changed of marketing permissions and SMS; not what a push has just changed itself,
    which is told by the push."""
    sent = before.asked if sighting.way is not None else {}
    for heard in changed(before.theirs, sighting.member):
        if heard.name.removeprefix("permissions.") not in sent:
            table.hear_beside(contact, heard, _cause(table))


def _fresh_contact(table: Table, row: MemberRow, member: Member) -> Contact:
    """A contact for a member without one. A deleted one keeps its id and goes on counting versions."""
    contact_id = row.contact_id or own_id(member)
    gone = table.tombstone(contact_id)
    return Contact(table.connection.account_id, contact_id, None, version=gone.version if gone else 0)


def _why(table: Table, plan: Plan, member: Member | None) -> dict[str, Any]:
    why = _cause(table)
    if member is not None and member.last_changed is not None:
        why["changed_at"] = member.last_changed.isoformat()  # Mailchimp's clock
    if plan.conflicts:
        why["conflicts"] = [
            {"field": f.field, "ours": f.ours, "theirs": f.theirs, "winner": f.winner} for f in plan.conflicts
        ]
    return why


def _cause(table: Table) -> dict[str, Any]:
    why: dict[str, Any] = {"cause": table.cause.kind, "connection": table.connection.id}
    if table.cause.event_ids:
        why["events"] = [f"evt_{i}" for i in table.cause.event_ids[:20]]
    return why


def _after(
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
    values = {**_seen(row, sighting.member, seen_digest), "base": plan.base}
    if not refused:
        values |= _stands(plan) | _queued(table, row, plan, due=due, outlasted=outlasted, claims=claims)
    return replace(row, **values)  # once: a copy of so many columns costs


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


def _seen(row: MemberRow, member: Member | None, seen_digest: str | None) -> dict[str, Any]:
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
