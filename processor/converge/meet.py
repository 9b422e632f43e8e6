"""One sighting meets what is stored: which row it is about, whether it is news, and what follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from processor.converge.after import after, seen
from processor.converge.sighting import Outcome, Sighting, Verdict, digest
from processor.converge.table import Table, own_id
from processor.converge.whose import adopt, link, other, row_of, taken, too_old
from processor.domain.choice import left_out
from processor.domain.contact import Contact, Member, email_key
from processor.domain.ledger import FROM_THERE, Side, is_further_evidence
from processor.domain.mapping import under_this_map
from processor.domain.permission import PERMISSION, Heard, changed, settle
from processor.domain.plan import Exclusion, MemberState, Plan
from processor.domain.reconcile import reconcile
from processor.domain.way import heard_of
from processor.store.members import MemberRow
from processor.store.traces import ERASED


def meet(table: Table, sighting: Sighting, claims: Mapping[int, str]) -> Outcome:
    """Reconcile one sighting on the table and return what came of it."""
    place, row = row_of(table, sighting)
    if row is None and (sighting.member is None or sighting.row_id is not None):
        return Outcome(sighting, Verdict.UNKNOWN)  # or not known any more
    if _is_being_erased(table, row, sighting.member):
        return Outcome(sighting, Verdict.STALE)
    if row is not None:
        verdict = other(row, sighting) or too_old(row, sighting) or taken(table, row, sighting)
        if verdict:
            return Outcome(sighting, verdict, row, contact=table.contact(row.contact_id))
    before = adopt(table, row or MemberRow(table.connection.id), sighting)
    row, contact = link(table, before, sighting.member)
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
            table.hear_beside(written, heard, table.why(), Side.HERE)
    row = after(table, row, plan, sighting, written, claims)
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


def _is_waited_for(table: Table, place: int | None, row: MemberRow, member: Member | None) -> bool:
    """Whether a living contact has the address of this member, whose own contact is gone, and is on its way
    to meet them: then they are not to be archived for the one who is gone."""
    is_known = row.base is not None and row.base.status is not None
    if member is None or not is_known or not table.is_somebodys(member.email):
        return False
    expecting, waiting = table.rows.expected(email_key(member.email))
    if waiting is not None and waiting.id != row.id and waiting.claim is None:
        table.rows.put(replace(waiting, due_at=waiting.due_at or table.now), place=expecting)
    values = seen(row, member, digest(member))
    values |= {"state": MemberState.EXCLUDED, "reason": Exclusion.DELETED_HERE.value}
    table.rows.put(replace(row, **values, due_at=None, urgent=False), place=place)
    return True


def _is_being_erased(table: Table, row: MemberRow | None, member: Member | None) -> bool:
    """Whether a mark keeps this member out until they are deleted in Mailchimp too."""
    marked = row
    if member is not None and (row is None or row.reason != ERASED):
        _, marked = table.rows.find(("contact", member.contact_id), ("hash", member.id))
    return marked is not None and marked.reason == ERASED


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
        table.record(contact, contact.consent.status.value, source, table.why())


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
    """Write down what has changed of marketing permissions and SMS, and tell the platform; not what a push
    has just changed itself, which is told by the push."""
    sent = before.asked if sighting.way is not None else {}
    news = [
        heard
        for heard in changed(before.theirs, sighting.member)
        if heard.name.removeprefix(PERMISSION) not in sent
    ]
    for heard in news:
        table.hear_beside(contact, heard, table.why())
    if news:
        table.tell_beside(contact.id, news, table.why())


def _fresh_contact(table: Table, row: MemberRow, member: Member) -> Contact:
    """A contact for a member without one. A deleted one keeps its id and goes on counting versions."""
    contact_id = row.contact_id or own_id(member)
    gone = table.tombstone(contact_id)
    return Contact(table.connection.account_id, contact_id, None, version=gone.version if gone else 0)


def _why(table: Table, plan: Plan, member: Member | None) -> dict[str, Any]:
    why = table.why()
    if member is not None and member.last_changed is not None:
        why["changed_at"] = member.last_changed.isoformat()  # Mailchimp's clock
    if plan.conflicts:
        why["conflicts"] = [
            {"field": f.field, "ours": f.ours, "theirs": f.theirs, "winner": f.winner} for f in plan.conflicts
        ]
    return why
