"""Whose row a sighting is about, whether it may be believed, and which contact it concerns."""

from __future__ import annotations

from dataclasses import replace

from processor.converge.sighting import Sighting, Verdict, digest
from processor.converge.table import Table
from processor.domain.contact import Contact, Member, MemberStatus, email_key
from processor.domain.edit import LEFT
from processor.domain.namesake import MAILED, has_left_too, taken_off
from processor.domain.plan import Exclusion, MemberState
from processor.domain.reconcile import parted
from processor.store.members import MemberRow


def row_of(table: Table, sighting: Sighting) -> tuple[int | None, MemberRow | None]:
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
    if row is None or (row.contact_id is None and not too_old(row, sighting)):
        # A contact that waits for a member with this address goes before a member that is nobody's.
        waiting = table.rows.expected(email_key(member.email))
        return waiting if row is None or waiting[1] is not None else (place, row)
    return place, row


def other(row: MemberRow, sighting: Sighting) -> Verdict | None:
    """OTHER where somebody else is there now: an address, and the hash made of it, pass from one person to
    the next; a contact id does not."""
    member = sighting.member
    if member is None or sighting.row_id is not None or row.status is MemberStatus.DELETED:
        return None
    known, seen = row.mailchimp_contact_id, member.contact_id
    return Verdict.OTHER if known and seen and known != seen else None


def too_old(row: MemberRow, sighting: Sighting) -> Verdict | None:
    """STALE for a view that is older than the one seen before, AGAIN where only another look can tell."""
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


def taken(table: Table, row: MemberRow, sighting: Sighting) -> Verdict | None:
    """TAKEN where a contact looked its own address up, and found the member of another contact there."""
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
    table.tell(edit, table.why())
    table.record(edit.contact, before.status.value, edit.contact.consent.source, table.why())
    place, _ = table.rows.find(("id", rival.id))
    table.rows.put(replace(rival, due_at=rival.due_at or table.now, urgent=True), place=place)


def _address(contact: Contact) -> str:
    return email_key(contact.email or "")


def _stays_behind(row: MemberRow) -> bool:
    """Whether a member does not go along to its contact's new address: because of another member there,
    because whoever was archived does not come back by way of a new address, or because nothing is sent for a
    contact who is left out by choice."""
    if row.state is MemberState.EXCLUDED:
        return row.reason in {Exclusion.ARCHIVED, Exclusion.BY_CHOICE}
    return row.state is MemberState.FAILING and row.reason == "email_taken"


def adopt(table: Table, row: MemberRow, sighting: Sighting) -> MemberRow:
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


def link(table: Table, row: MemberRow, member: Member | None) -> tuple[MemberRow, Contact | None]:
    """Return the row with its contact: the linked one, else one with the same address, else none."""
    contact_id = row.contact_id
    if contact_id is None and member is not None:
        contact_id = table.claim_contact(member.email)
    row = row if row.contact_id == contact_id else replace(row, contact_id=contact_id)
    return row, table.contact(contact_id)
