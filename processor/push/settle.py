"""Lets go of the members that a push had claimed, each with what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from processor.domain import retry
from processor.domain.catalogue import Retry, entry
from processor.domain.contact import Contact
from processor.domain.plan import Exclusion, MemberState
from processor.errors import MailchimpError
from processor.kit import Kit
from processor.store import Connection, contacts, members
from processor.store.connections import ConnectionRow
from processor.store.members import MemberRow

LOOK_FIRST = frozenset({"member_exists"})
"""Refusals that mean that our picture was old: the next look mends it."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one claimed member.

    `error` is Mailchimp's refusal. `unsettled` says that Mailchimp answered with something else than was
    sent. `relink` says that the contact parts from this member: its new address becomes one of its own.
    """

    row_id: int
    error: MailchimpError | None = None
    unsettled: bool = False
    relink: bool = False
    no_address: bool = False


def settle(kit: Kit, connection: ConnectionRow, claims: Mapping[int, str], done: Sequence[Done]) -> None:
    """Write what became of each member and let it go. A row whose claim was lost is left alone.

    Safe to repeat. Raises StoreDown.
    """
    by_row = {d.row_id: d for d in done if d.row_id in claims}

    def in_one_transaction(c: Connection) -> None:
        now = kit.now()
        known = _lock_contacts(c, connection, sorted(by_row))
        rows = [row for row in members.lock(c, by_row).values() if row.claim == claims[row.id]]
        parting = [row.contact_id for row in rows if by_row[row.id].relink and row.contact_id]
        members.settle(c, [_let_go(kit, row, by_row[row.id], known, now) for row in rows], now)
        members.mark_due(c, [connection.id], parting, now)

    kit.store.write_retrying(in_one_transaction)


def hand_back(kit: Kit, claims: Mapping[int, str]) -> None:
    """Let what was not settled go untried: it is due again as soon as its connection works."""
    kit.store.write_retrying(lambda c: members.hand_back(c, set(claims.values()), kit.now()))


def _lock_contacts(c: Connection, connection: ConnectionRow, row_ids: Sequence[int]) -> Mapping[str, Contact]:
    """Contacts before members, so nobody changes one between reading its version and writing it down."""
    ids = [row.contact_id for row in members.get_many(c, row_ids) if row.contact_id]
    return {i: held.contact for i, held in contacts.lock(c, connection.account_id, ids).items()}


def _let_go(kit: Kit, row: MemberRow, done: Done, known: Mapping[str, Contact], now: datetime) -> MemberRow:
    contact = known.get(row.contact_id or "")
    row = replace(row, pushed_version=contact.version if contact else row.pushed_version)
    if done.relink:
        return replace(row, contact_id=None, due_at=None, urgent=False, attempts=0)
    if done.error is not None:
        return _refused(kit, row, done.error, now)
    if done.unsettled:
        return _refused(kit, row, MailchimpError("unsettled"), now)
    if done.no_address:
        row = replace(row, state=MemberState.EXCLUDED, reason=Exclusion.NO_ADDRESS.value)
    return replace(row, due_at=None, urgent=False, attempts=0)


def _refused(kit: Kit, row: MemberRow, error: MailchimpError, now: datetime) -> MemberRow:
    """Try again when the catalogue says that it passes, else fail with its cause until somebody acts."""
    decision = retry.decide(
        error.code,
        row.attempts,
        kit.chance(),
        max_attempts=kit.settings.event_attempts,
        base_seconds=kit.settings.retry_base_seconds,
    )
    row = replace(
        row, reason=error.code, detail=error.detail or error.title or row.detail, instance=error.instance
    )
    if isinstance(decision, retry.Again):
        return replace(row, state=MemberState.WAITING, due_at=now + decision.after)
    if row.urgent and entry(error.code).retry is Retry.BY_ITSELF:
        # Somebody left: that is sent however long Mailchimp stays away.
        return replace(row, state=MemberState.WAITING, due_at=now + retry.LONGEST_WAIT)
    return replace(row, state=MemberState.FAILING, due_at=None, urgent=False)
