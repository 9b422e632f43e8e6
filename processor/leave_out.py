"""A person chooses to leave contacts out of one audience, and takes them back in.

Who is left out is shown as such, with who chose it, and fails no more. Nothing is sent for them and nothing
of theirs is taken over, but for their leaving: `domain.choice`, ADR 17.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from processor.broker import PUSH
from processor.domain.catalogue import OUTAGES
from processor.domain.issue import Issue, IssueKind
from processor.domain.plan import MemberState
from processor.errors import Conflict, NotFound
from processor.kit import Kit
from processor.log import say
from processor.store import Connection, connections, contacts, issues, left_out, members, reviews
from processor.store.connections import ConnectionRow
from processor.store.sql import pieces

logger = logging.getLogger(__name__)

PIECE = 500
"""Contacts in one transaction: it holds them until it ends."""


def leave_out(
    kit: Kit, connection_id: str, account_id: str | None, contact_ids: Sequence[str], by: str
) -> int:
    """Leave these contacts out of the connection's audience; return how many were not left out yet.

    Whoever is not there, or deleted, is passed over. Safe to repeat. Raises NotFound for a connection that is
    not there or another account's; StoreDown, and what went before it stays done.
    """
    connection = _owned(kit, connection_id, account_id)
    count = sum(_choose(kit, connection, piece, by) for piece in pieces(sorted(set(contact_ids)), PIECE))
    say(logger, logging.INFO, "contacts left out", connection=connection_id, count=count, by=by)
    return count


def take_back(kit: Kit, connection_id: str, account_id: str | None, contact_ids: Sequence[str]) -> int:
    """Keep these contacts in step again; return how many were left out. They are compared at once, and what
    changed on either side meanwhile is carried over. Safe to repeat; raises what `leave_out` raises."""
    connection = _owned(kit, connection_id, account_id)
    count = 0
    for piece in pieces(sorted(set(contact_ids)), PIECE):

        def in_one_transaction(c: Connection, ids: Sequence[str] = piece) -> int:
            contacts.lock(c, connection.account_id, ids)
            return left_out.take_back(c, connection.id, ids, kit.now())

        count += kit.store.write_retrying(in_one_transaction)
        kit.bell.ring(PUSH, [connection_id])
    say(logger, logging.INFO, "contacts taken back in", connection=connection_id, count=count)
    return count


def leave_out_of_issue(kit: Kit, ref: str, account_id: str | None, by: str) -> int:
    """Leave out everybody who fails of an issue, or is tried again for it; return how many. The issue is
    solved by the next review. Safe to repeat.

    Raises NotFound, also for another account's; Conflict for an issue that is about no contacts, or about an
    outage, which passes by itself; StoreDown, and what went before it stays done.
    """
    with kit.store.read() as c:
        issue = issues.get(c, ref)
    if issue is None or account_id not in {None, issue.account_id}:
        raise NotFound(f"There is no issue “{ref}”.")
    if issue.kind is not IssueKind.CONTACTS or issue.code in OUTAGES:
        raise Conflict("Nobody can be left out for this: it is not about single contacts.")
    connection = _owned(kit, issue.connection_id, account_id)
    count = after_id = 0
    while True:
        # Onwards by number: who is looked at meanwhile must not be asked for again and again.
        rows = _who_fails(kit, issue, after_id)
        if not rows:
            say(logger, logging.INFO, "issue left out", issue=ref, count=count, by=by)
            return count
        count += _choose(kit, connection, [contact_id for _, contact_id in rows if contact_id], by)
        after_id = rows[-1][0]


def _who_fails(kit: Kit, issue: Issue, after_id: int) -> list[tuple[int, str | None]]:
    with kit.store.read() as c:
        found = members.find(
            c,
            issue.connection_id,
            limit=PIECE,
            states=[MemberState.FAILING, MemberState.WAITING],
            reason=issue.code,
            field=issue.about,
            after_id=after_id,
        )
    return [(row.id, row.contact_id) for row in found]


def _choose(kit: Kit, connection: ConnectionRow, contact_ids: Sequence[str], by: str) -> int:
    def in_one_transaction(c: Connection) -> int:
        held = contacts.lock(c, connection.account_id, contact_ids)
        living = [one for one, row in held.items() if not row.is_deleted]
        new = left_out.choose(c, connection.id, living, by, kit.now())
        reviews.mark(c, [connection.id], kit.now())
        return new

    return kit.store.write_retrying(in_one_transaction)


def _owned(kit: Kit, connection_id: str, account_id: str | None) -> ConnectionRow:
    with kit.store.read() as c:
        return connections.owned(c, connection_id, account_id)
