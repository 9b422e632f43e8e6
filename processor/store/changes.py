"""The feed of changes: every write to a contact, in an order that a reader can rely on.

A reader remembers the last `seq` it has seen and asks for what came after. That is only safe when a number
that is committed later is never smaller than one that was readable before. A sequence of the database does
not promise it: 7 may be committed before 6. So `append` takes its numbers from the account's own row by
UPDATE: the lock on that row is held until the commit, the next writer waits for it, and the order of the
numbers is the order of the commits. The price is that writers of one account's feed queue there, so
`append` comes last before the commit.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from processor.domain.outgoing import NoticeKind, cursor_of
from processor.errors import Expired, NotFound
from processor.store import notices
from processor.store.tables import accounts, changes


class Origin(StrEnum):
    """Whose change it is."""

    MAILCHIMP = "mailchimp"
    PLATFORM = "platform"
    BOTHWAYS = "bothways"


@dataclass(frozen=True, slots=True)
class Change:
    """One write to one contact, as JSON can hold it.

    `kind` is "contact", or "photo": then `contact_id` and `contact` are the photo's.

    `what` maps each changed name to `{"before": …, "after": …}`; `why` names the event, the connection and
    the cause; `contact` is the whole contact afterwards, or None when it was deleted.
    """

    contact_id: str
    version: int
    origin: Origin
    what: Mapping[str, Any]
    why: Mapping[str, Any]
    contact: Mapping[str, Any] | None
    at: datetime
    kind: str = "contact"


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """A change with its place in the account's feed."""

    seq: int
    change: Change


def append(c: Connection, account_id: str, new: Sequence[Change]) -> int:
    """Add changes to the account's feed and ring for them; return the `seq` of the last one (with none, that
    of the feed).

    The last thing before the commit: it holds back every other writer of this feed until then. Raises
    NotFound for an account that is not there.
    """
    if not new:
        return last_seq(c, account_id)
    query = update(accounts).where(accounts.c.id == account_id)
    query = query.values(last_seq=accounts.c.last_seq + len(new)).returning(accounts.c.last_seq)
    last = c.scalar(query)
    if last is None:
        raise NotFound("no such account")
    first = int(last) - len(new) + 1
    c.execute(insert(changes), [_columns(account_id, first + n, change) for n, change in enumerate(new)])
    since = {"account": account_id, "after": cursor_of(first - 1)}
    notices.tell(
        c, account_id, NoticeKind.CHANGES_AVAILABLE, since, new[-1].at, about=f"changes:{account_id}"
    )
    return int(last)


def last_seq(c: Connection, account_id: str) -> int:
    """Return the `seq` of the newest change, 0 when there is none. A reader that only wants what comes
    from now on begins here. Raises NotFound for an account that is not there."""
    return _bounds(c, account_id)[0]


def _bounds(c: Connection, account_id: str) -> tuple[int, int]:
    """The newest `seq`, and the one up to which the feed is not kept any more."""
    query = select(accounts.c.last_seq, accounts.c.purged_seq).where(accounts.c.id == account_id)
    row = c.execute(query).one_or_none()
    if row is None:
        raise NotFound("no such account")
    return int(row.last_seq), int(row.purged_seq)


def after(
    c: Connection, account_id: str, cursor: int | None, limit: int, origin: Origin | None = None
) -> tuple[list[ChangeRow], int]:
    """Return up to `limit` changes after the `seq` given as `cursor`, oldest first, and the next cursor;
    with None from the start of what is kept.

    The next cursor passes over what `origin` filtered out. When fewer than `limit` come back, the reader
    has everything that is committed. Raises NotFound for an account that is not there, Expired for a cursor
    that is older than what is kept, or that this feed has not come to.
    """
    # First: what it counts is committed, so the next statement sees it.
    newest, purged = _bounds(c, account_id)
    start = purged if cursor is None else cursor
    if start < purged:
        raise Expired("What changed after this cursor is not kept any more. Read all contacts anew.")
    if start > newest:
        # Waiting until the feed comes to it would pass over everything before.
        raise Expired(
            "This feed has not come to this cursor: it is another account's, or the database is an older "
            "copy. Read all contacts anew."
        )
    query = select(changes).where(
        changes.c.account_id == account_id, changes.c.seq > start, changes.c.seq <= newest
    )
    if origin is not None:
        query = query.where(changes.c.origin == origin)
    rows = [_change(row) for row in c.execute(query.order_by(changes.c.seq).limit(limit))]
    return rows, rows[-1].seq if len(rows) == limit and rows else newest


def of_contact(
    c: Connection, account_id: str, contact_id: str, limit: int, before_seq: int | None = None
) -> list[ChangeRow]:
    """Return up to `limit` changes of one contact, newest first; for the next page give the last `seq`."""
    query = select(changes).where(changes.c.account_id == account_id, changes.c.contact_id == contact_id)
    if before_seq is not None:
        query = query.where(changes.c.seq < before_seq)
    return [_change(row) for row in c.execute(query.order_by(changes.c.seq.desc()).limit(limit))]


def last_before(
    c: Connection, account_id: str, contact_ids: Collection[str], moment: datetime
) -> ChangeRow | None:
    """Return the newest change of a contact up to that moment; None where none is kept."""
    query = _of(account_id, contact_ids).where(changes.c.at <= moment)
    row = c.execute(query.order_by(changes.c.seq.desc()).limit(1)).one_or_none()
    return None if row is None else _change(row)


def first_after(
    c: Connection, account_id: str, contact_ids: Collection[str], moment: datetime
) -> ChangeRow | None:
    """Return the oldest change of a contact after that moment, None where there is none."""
    query = _of(account_id, contact_ids).where(changes.c.at > moment)
    row = c.execute(query.order_by(changes.c.seq).limit(1)).one_or_none()
    return None if row is None else _change(row)


def former_id(c: Connection, account_id: str, contact_id: str) -> str | None:
    """Return the id that a contact had before the platform gave it its own: its first change says so."""
    query = _of(account_id, [contact_id]).order_by(changes.c.seq).limit(1)
    row = c.execute(query).one_or_none()
    before = (row.what.get("id") or {}).get("before") if row is not None else None
    return before if isinstance(before, str) else None


def _of(account_id: str, contact_ids: Collection[str]) -> Select[*tuple[Any, ...]]:
    return select(changes).where(
        changes.c.account_id == account_id, changes.c.contact_id.in_(sorted(contact_ids))
    )


def _columns(account_id: str, seq: int, change: Change) -> dict[str, Any]:
    return {
        "account_id": account_id,
        "seq": seq,
        "contact_id": change.contact_id,
        "version": change.version,
        "origin": change.origin,
        "what": change.what,
        "why": change.why,
        "contact": change.contact,
        "at": change.at,
        "kind": change.kind,
    }


def _change(row: Row[*tuple[Any, ...]]) -> ChangeRow:
    change = Change(
        contact_id=row.contact_id,
        version=row.version,
        origin=Origin(row.origin),
        what=row.what,
        why=row.why,
        contact=row.contact,
        at=row.at,
        kind=row.kind,
    )
    return ChangeRow(row.seq, change)
