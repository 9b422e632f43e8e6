"""What the store holds of one person, and taking it away: for an erasure, which leaves no copy behind."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, or_, select, update

from processor.domain.contact import MemberStatus
from processor.domain.plan import Exclusion, MemberState
from processor.store import conflicts, consents, left_out, pushes
from processor.store.members_rows import COLUMNS, MemberRow, member
from processor.store.sql import pieces
from processor.store.tables import changes, connections, contacts, events, members, run_pages, runs

ERASED = Exclusion.ERASED.value
"""Why a member's row is left out that stands for somebody who is being erased: it holds no address, and keeps
them from coming back before they are deleted in Mailchimp."""

_NOTHING: Mapping[str, Any] = dict.fromkeys(
    (
        "contact_id",
        "email_key",
        "base",
        "seen_at",
        "seen_digest",
        "theirs",
        "way",
        "word",
        "asked",
        "field",
        "detail",
        "instance",
        "pushed_version",
        "due_at",
        "claim",
        "claimed_by",
    )
)


@dataclass(frozen=True, slots=True)
class Known:
    """Under which ids and addresses a contact was told of in the feed. Lower-cased addresses."""

    ids: frozenset[str]
    addresses: frozenset[str]
    changes: int


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A kept delivery, as far as it may name somebody."""

    id: int
    subject: str | None = field(repr=False)
    body: bytes = field(repr=False)


def known_as(c: Connection, account_id: str, contact_id: str) -> Known:
    """Return what the feed tells of a contact: its former ids too, and every address that it had."""
    ids, asked, addresses, count = {contact_id}, {contact_id}, set(), 0
    while asked:
        query = select(changes.c.what, changes.c.contact).where(
            changes.c.account_id == account_id, changes.c.contact_id.in_(sorted(asked))
        )
        former: set[str] = set()
        for row in c.execute(query):
            count += 1
            what = row.what or {}
            former |= _texts((what.get("id") or {}).get("before"))
            moved = what.get("email") or {}
            addresses |= _texts(moved.get("before"), moved.get("after"), (row.contact or {}).get("email"))
        asked = former - ids
        ids |= former
    return Known(frozenset(ids), frozenset(address.strip().lower() for address in addresses), count)


def _texts(*values: Any) -> set[str]:
    return {value for value in values if isinstance(value, str) and value}


def delete_contact(c: Connection, account_id: str, contact_ids: Collection[str]) -> int:
    """Delete contacts, not leaving a mark; return how many. The caller holds them by `contacts.lock`."""
    mine = (contacts.c.account_id == account_id, contacts.c.id.in_(sorted(contact_ids)))
    return c.execute(delete(contacts).where(*mine)).rowcount


def delete_changes(c: Connection, account_id: str, contact_ids: Collection[str]) -> int:
    """Delete what the feed told of these contacts; return how much. A reader's cursor is a number that the
    others keep their places by, so it stays good."""
    mine = (changes.c.account_id == account_id, changes.c.contact_id.in_(sorted(contact_ids)))
    return c.execute(delete(changes).where(*mine)).rowcount


def delete_history(c: Connection, account_id: str, contact_ids: Collection[str]) -> dict[str, int]:
    """Delete what was sent for these contacts, their conflicts and their lines in the ledger of consents;
    return how many of each."""
    return {
        "left_out": left_out.forget(c, account_id, contact_ids),
        "pushes": pushes.forget(c, account_id, contact_ids),
        "conflicts": conflicts.forget(c, account_id, contact_ids),
        "consents": consents.forget(c, account_id, contact_ids),
    }


def members_of(
    c: Connection, account_id: str, contact_ids: Collection[str], email_keys: Collection[str]
) -> list[MemberRow]:
    """Return the rows of these contacts in all the account's audiences, and those without a contact that
    have one of these addresses; held until the commit. Second in the lock order."""
    theirs = select(connections.c.id).where(connections.c.account_id == account_id)
    query = select(*COLUMNS).where(
        members.c.connection_id.in_(theirs),
        or_(
            members.c.contact_id.in_(sorted(contact_ids)),
            members.c.contact_id.is_(None) & members.c.email_key.in_(sorted(email_keys)),
        ),
    )
    return [member(row) for row in c.execute(query.order_by(members.c.id).with_for_update())]


def blank(c: Connection, row_ids: Collection[int], now: datetime) -> None:
    """Leave nothing of these rows but the hash and Mailchimp's number, as a mark that keeps them out. A
    worker that holds one loses it. Safe to repeat."""
    for piece in pieces(sorted(set(row_ids))):
        query = update(members).where(members.c.id.in_(piece))
        c.execute(query.values(**_NOTHING, **_MARK, updated_at=now))


_MARK: Mapping[str, Any] = {
    "state": MemberState.EXCLUDED,
    "status": MemberStatus.DELETED,
    "reason": ERASED,
    "urgent": False,
    "again": False,
    "attempts": 0,
    "crashes": 0,
}


def mark(c: Connection, places: Collection[tuple[str, str]], now: datetime) -> None:
    """Make a mark for each (connection, subscriber hash) that has no row which could become one."""
    rows = [
        {"connection_id": connection_id, "member_id": member_id, **_MARK, "updated_at": now}
        for connection_id, member_id in sorted(places)
    ]
    if rows:
        c.execute(insert(members), rows)


def unmark(c: Connection, connection_id: str, member_id: str, contact_id: str | None) -> None:
    """Take the mark away. Safe to repeat."""
    whose = members.c.member_id == member_id
    if contact_id is not None:
        whose = or_(whose, members.c.mailchimp_contact_id == contact_id)
    c.execute(
        delete(members).where(members.c.connection_id == connection_id, members.c.reason == ERASED, whose)
    )


def deliveries(c: Connection, connection_id: str, after_id: int, limit: int) -> list[DeliveryRow]:
    """Return up to `limit` kept deliveries of a connection in the order of their numbers, after this one."""
    query = select(events.c.id, events.c.subject, events.c.body).where(
        events.c.connection_id == connection_id, events.c.id > after_id
    )
    return [DeliveryRow(*row) for row in c.execute(query.order_by(events.c.id).limit(limit))]


def delete_deliveries(c: Connection, event_ids: Sequence[int]) -> int:
    """Delete deliveries with their history; return how many. Safe to repeat."""
    gone = 0
    for piece in pieces(sorted(event_ids)):
        gone += c.execute(delete(events).where(events.c.id.in_(piece))).rowcount
    return gone


def delete_previews(c: Connection, account_id: str) -> int:
    """Delete the rows of all previews of an account, which name people; return how many pages those were.
    The runs stay, with their numbers. Safe to repeat."""
    theirs = (
        select(runs.c.id)
        .join(connections, connections.c.id == runs.c.connection_id)
        .where(connections.c.account_id == account_id)
    )
    return c.execute(delete(run_pages).where(run_pages.c.run_id.in_(theirs))).rowcount
