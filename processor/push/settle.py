"""Lets go of the members that a push had claimed, each with what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from processor.domain import retry
from processor.domain.catalogue import OUTAGES
from processor.domain.contact import Contact, MemberStatus
from processor.domain.outgoing import NoticeKind
from processor.domain.plan import Exclusion, MemberState
from processor.domain.policy import Policy
from processor.domain.reconcile import parted
from processor.errors import MailchimpError
from processor.halt import halt, is_halting
from processor.kit import Kit
from processor.push.done import TAKEN, Done
from processor.push.moving import Prospect, prospects
from processor.push.record import record
from processor.push.refused import ABOUT_FIELDS, merge_tag
from processor.store import Connection, contacts, left_out, members, notices, reviews
from processor.store.connections import ConnectionRow
from processor.store.members import MemberRow


def conclude(kit: Kit, connection: ConnectionRow, claims: Mapping[int, str], done: Sequence[Done]) -> None:
    """Settle what was done and hand the rest of the claimed back; where a refusal means the connection, stop
    it, and hand back everything that was refused. Safe to repeat. Raises StoreDown."""
    halting = next((d.error for d in done if d.error is not None and is_halting(d.error)), None)
    if halting is not None:
        halt(kit, connection.id, halting)
        done = [d for d in done if d.error is None]
    settle(kit, connection, claims, done)
    settled = {d.row_id for d in done}
    if claims.keys() - settled:
        hand_back(kit, claims)


def settle(kit: Kit, connection: ConnectionRow, claims: Mapping[int, str], done: Sequence[Done]) -> None:
    """Write what became of each member and let it go. A row whose claim was lost is left alone.

    Safe to repeat. Raises StoreDown.
    """
    by_row = {d.row_id: d for d in done if d.row_id in claims}

    def in_one_transaction(c: Connection) -> None:
        now = kit.now()
        known = _lock_contacts(c, connection, sorted(by_row))
        rows = [row for row in members.lock(c, by_row).values() if row.claim == claims[row.id]]
        by_row.update(_moving_on(prospects(c, connection, rows, by_row, known), by_row))
        parting = {row.contact_id: row for row in rows if by_row[row.id].relink and row.contact_id}
        final = {**by_row, **_by_choice(c, connection, rows, by_row)}
        let_go = [_let_go(kit, connection.policy, row, final[row.id], known, now) for row in rows]
        # More of the same contact is waited for also behind a write, or a stream of edits would be one each.
        wait = timedelta(seconds=kit.settings.push_wait_seconds)
        members.settle(c, let_go, now, again_at=now + wait)
        record(c, connection, rows, by_row, now)
        _begin_anew(c, connection, parting, now)
        _let_others_try(c, connection, let_go, now)
        if any(row.cause for row in (*rows, *let_go)):
            reviews.mark(c, [connection.id], now)
        _tell_of_failing(c, connection, let_go, now)

    kit.store.write_retrying(in_one_transaction)


def _by_choice(
    c: Connection, connection: ConnectionRow, rows: Sequence[MemberRow], done: Mapping[int, Done]
) -> dict[int, Done]:
    """Return what becomes of whoever is left out by choice and has no address, or one that is another's: they
    stay left out for that, since nothing would be sent for them in any case."""
    barred = {row.id: row.contact_id for row in rows if done[row.id].excluded or done[row.id].is_taken}
    chosen = left_out.of_contacts(c, connection.id, [one for one in barred.values() if one])
    return {
        i: Done(i, excluded=Exclusion.BY_CHOICE) for i, contact_id in barred.items() if contact_id in chosen
    }


def _tell_of_failing(
    c: Connection, connection: ConnectionRow, let_go: Sequence[MemberRow], now: datetime
) -> None:
    """Ring for contacts that fail from now on: what they fail at is listed with the connection's members."""
    if any(row.state is MemberState.FAILING for row in let_go):
        what = {"account": connection.account_id, "connection": connection.id}
        about = f"failing:{connection.id}"
        notices.tell(c, connection.account_id, NoticeKind.CONTACTS_FAILING, what, now, about=about)


def _moving_on(found: Mapping[int, Prospect], done: Mapping[int, Done]) -> dict[int, Done]:
    """Return what becomes of those whose address another member has, and who need not fail for it."""
    parting = {
        i: Done(i, relink=True, parcel=done[i].parcel) for i, how in found.items() if how is Prospect.PARTS
    }
    waiting = {i: replace(done[i], passes=True) for i, how in found.items() if how is Prospect.WAITS}
    return parting | waiting


def _begin_anew(
    c: Connection, connection: ConnectionRow, parting: Mapping[str, MemberRow], now: datetime
) -> None:
    """Give contacts that part from a member a row of their own, with what they take along (`parted`)."""
    members.mark_due(c, [connection.id], list(parting), now)
    begun = members.by_contact_ids(c, connection.id, list(parting))
    held = members.lock(c, [row.id for row in begun.values()])
    taken = {i: parted(row.base, row.status) for i, row in parting.items()}
    anew = [replace(row, base=taken[row.contact_id or ""]) for row in held.values()]
    members.update_many(c, [row for row in anew if row.base is not None], now)


def _let_others_try(
    c: Connection, connection: ConnectionRow, let_go: Sequence[MemberRow], now: datetime
) -> None:
    """A member who cannot follow its contact to another address goes to whoever has its own (`converge` hands
    it over). They may have looked in this very push, which held both."""
    stuck = {row.email_key: row.id for row in let_go if row.member_id and _is_stuck(row) and row.email_key}
    if not stuck:
        return
    found = contacts.ids_at(c, connection.account_id, sorted(stuck))
    ids = [contact_id for same in found.values() for contact_id in same]
    rows = members.by_contact_ids(c, connection.id, ids).items()
    waiting = [contact_id for contact_id, row in rows if _is_stuck(row) and row.id not in stuck.values()]
    members.mark_due(c, [connection.id], waiting, now)


def _is_stuck(row: MemberRow) -> bool:
    return row.state is MemberState.FAILING and row.reason == TAKEN


def hand_back(kit: Kit, claims: Mapping[int, str]) -> None:
    """Let what was not settled go untried: it is due again as soon as its connection works."""
    kit.store.write_retrying(lambda c: members.hand_back(c, set(claims.values()), kit.now()))


def _lock_contacts(c: Connection, connection: ConnectionRow, row_ids: Sequence[int]) -> Mapping[str, Contact]:
    """Contacts before members, so nobody changes one between reading its version and writing it down."""
    ids = [row.contact_id for row in members.get_many(c, row_ids) if row.contact_id]
    return {i: held.contact for i, held in contacts.lock(c, connection.account_id, ids).items()}


def _let_go(
    kit: Kit, policy: Policy, row: MemberRow, done: Done, known: Mapping[str, Contact], now: datetime
) -> MemberRow:
    contact = known.get(row.contact_id or "")
    row = replace(row, pushed_version=contact.version if contact else row.pushed_version)
    if row.way is not None and row.way.claim is None and not _may_have_arrived(done):
        row = replace(row, way=None)
    if done.relink:
        # Who is mailed on at an address that nobody has here is dealt with like whoever was deleted here.
        is_mailed = row.status in {MemberStatus.SUBSCRIBED, MemberStatus.TRANSACTIONAL}
        return replace(row, contact_id=None, due_at=now if is_mailed else None, urgent=False, attempts=0)
    if done.error is not None:
        return _refused(kit, policy, row, done.error, now, again=done.again, passes=done.passes)
    if done.unsettled:
        return _refused(kit, policy, row, MailchimpError("unsettled"), now)
    if done.excluded is not None:
        row = replace(row, state=MemberState.EXCLUDED, reason=done.excluded.value, field=None)
    return replace(row, due_at=None, urgent=False, attempts=0)


def _may_have_arrived(done: Done) -> bool:
    """Whether Mailchimp may have taken what nobody has seen of it yet."""
    return done.unsettled or done.in_part or (done.error is not None and done.error.code in OUTAGES)


def _field(policy: Policy, error: MailchimpError) -> str | None:
    """The platform's name of the field that a refusal is about, or Mailchimp's where it is not mapped."""
    if not error.field_errors or error.code not in ABOUT_FIELDS:
        return None
    tag = merge_tag(error.field_errors[0][0])
    return next((rule.field for rule in policy.fields if rule.target.upper() == tag), tag)


def _refused(
    kit: Kit,
    policy: Policy,
    row: MemberRow,
    error: MailchimpError,
    now: datetime,
    *,
    again: bool = False,
    passes: bool = False,
) -> MemberRow:
    """Try again when the catalogue says that it passes, or when it does in this case, else fail with its
    cause until somebody acts."""
    decision = retry.decide(
        "unsettled" if passes else error.code,
        row.attempts,
        kit.chance(),
        max_attempts=kit.settings.event_attempts,
        base_seconds=kit.settings.retry_base_seconds,
        # An outage says nothing about the contact; and that somebody left is sent however long it takes.
        ends=error.code not in OUTAGES and not row.urgent,
    )
    row = replace(
        row,
        reason=error.code,
        field=_field(policy, error),
        detail=error.detail or error.title or row.detail,
        instance=error.instance,
    )
    if again:
        return replace(row, state=MemberState.WAITING, due_at=now)
    if isinstance(decision, retry.Again):
        return replace(row, state=MemberState.WAITING, due_at=now + decision.after)
    return replace(row, state=MemberState.FAILING, due_at=None, urgent=False)
