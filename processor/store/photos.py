"""Photos of a connection: what is kept here, what it is in Mailchimp, and what is to be done about it.

The row is the queue, as it is for members: `errand` says what is to be done and `due_at` when. Who works on
what is in `photos_claim`. In the lock order photos come after events and before connections.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row, func, select

from processor.domain.photo import Errand
from processor.domain.plan import MemberState
from processor.store import connections
from processor.store.sql import insert_into, pieces
from processor.store.tables import photo_views, photos


@dataclass(frozen=True, slots=True)
class PhotoRow:
    """One photo on one connection, as its table has it.

    `digest`, `stored` (where it is), `size_bytes`, `media_type`, `width` and `height` (pixels) are of the
    content that is kept here, of version `version`; `file_id`, `sent_digest` and `full_size_url` of what is
    in Mailchimp. `stale` are files of earlier versions that are still to be deleted there. `sending_at` is
    set while a file may be there whose id nobody has heard.
    """

    id: str
    connection_id: str
    account_id: str
    name: str
    origin: str
    created_at: datetime
    updated_at: datetime
    ref: str | None = None
    contact_id: str | None = None
    version: int = 1
    digest: str | None = None
    stored: str | None = None
    size_bytes: int = 0
    media_type: str | None = None
    width: int = 0
    height: int = 0
    file_id: int | None = None
    sent_digest: str | None = None
    full_size_url: str | None = None
    stale: Sequence[int] | None = None
    sending_at: datetime | None = None
    errand: str | None = None
    state: str = MemberState.EXCLUDED
    reason: str | None = None
    detail: str | None = None
    instance: str | None = None
    due_at: datetime | None = None
    attempts: int = 0
    crashes: int = 0
    claim: str | None = None
    claimed_by: str | None = None

    @property
    def key(self) -> str:
        """Where its content is kept (`processor.storage`)."""
        return f"{self.connection_id}/{self.stored}"


COLUMNS = [photos.c[field.name] for field in fields(PhotoRow)]
_NAMES = [field.name for field in fields(PhotoRow)]


def photo(row: Row[*tuple[Any, ...]]) -> PhotoRow:
    """Return a row of COLUMNS."""
    return PhotoRow(**row._mapping)


def insert(c: Connection, rows: Sequence[PhotoRow]) -> None:
    """Write new photos. One whose file, or `ref`, the connection has already is for the caller to find."""
    if rows:
        c.execute(sa.insert(photos), [{name: getattr(row, name) for name in _NAMES} for row in rows])


def insert_new(c: Connection, row: PhotoRow) -> bool:
    """Write a photo unless the connection has one of this `ref`; return whether it was written."""
    query = insert_into(c, photos).values({name: getattr(row, name) for name in _NAMES})
    query = query.on_conflict_do_nothing(index_elements=[photos.c.connection_id, photos.c.ref])
    # What comes back tells: PostgreSQL's driver does not count the rows of such an INSERT.
    return c.execute(query.returning(photos.c.id)).one_or_none() is not None


def get(c: Connection, photo_id: str) -> PhotoRow | None:
    """Return the photo, or None."""
    row = c.execute(select(*COLUMNS).where(photos.c.id == photo_id)).one_or_none()
    return None if row is None else photo(row)


def lock(c: Connection, photo_id: str) -> PhotoRow | None:
    """Return the photo and keep others from it until the commit, or None."""
    row = c.execute(select(*COLUMNS).where(photos.c.id == photo_id).with_for_update()).one_or_none()
    return None if row is None else photo(row)


def lock_ref(c: Connection, connection_id: str, ref: str) -> PhotoRow | None:
    """Return the connection's photo of this name of the platform's, locked; or None."""
    query = select(*COLUMNS).where(photos.c.connection_id == connection_id, photos.c.ref == ref)
    row = c.execute(query.with_for_update()).one_or_none()
    return None if row is None else photo(row)


def change(c: Connection, photo_id: str, now: datetime, **columns: Any) -> None:
    """Write the columns that are named."""
    c.execute(sa.update(photos).where(photos.c.id == photo_id).values(**columns, updated_at=now))


def page(
    c: Connection,
    connection_id: str,
    *,
    states: Collection[str] | None = None,
    after: tuple[datetime, str] | None = None,
    limit: int,
) -> list[PhotoRow]:
    """Return up to `limit` photos of the connection, newest first; `after` is the last one's place."""
    query = select(*COLUMNS).where(photos.c.connection_id == connection_id)
    if states is not None:
        query = query.where(photos.c.state.in_(sorted(states)))
    if after is not None:
        at, photo_id = after
        older = sa.or_(photos.c.created_at < at, sa.and_(photos.c.created_at == at, photos.c.id < photo_id))
        query = query.where(older)
    query = query.order_by(photos.c.created_at.desc(), photos.c.id.desc()).limit(limit)
    return [photo(row) for row in c.execute(query)]


def counts(c: Connection, connection_id: str) -> dict[str, int]:
    """Return how many photos there are in each state, all four named."""
    query = select(photos.c.state, func.count()).where(photos.c.connection_id == connection_id)
    found: dict[str, int] = {row[0]: row[1] for row in c.execute(query.group_by(photos.c.state))}
    return {state.value: found.get(state.value, 0) for state in MemberState}


def known_files(c: Connection, connection_id: str, file_ids: Collection[int]) -> dict[int, str]:
    """Return the photos' ids by those of these files of Mailchimp's that are photos here already, through
    this connection or another of the account's at the same Mailchimp account: they share a File Manager."""
    known: dict[int, str] = {}
    for piece in pieces(sorted(set(file_ids))):
        query = select(photos.c.file_id, photos.c.id)
        query = query.where(
            photos.c.connection_id.in_(connections.at_same_account(connection_id)),
            photos.c.file_id.in_(piece),
        )
        known.update({row.file_id: row.id for row in c.execute(query)})
    return known


def twin(c: Connection, connection_id: str, digest: str, but: str) -> PhotoRow | None:
    """Return another photo whose file in Mailchimp has this very content, or None."""
    query = select(*COLUMNS).where(
        photos.c.connection_id == connection_id,
        photos.c.digest == digest,
        photos.c.sent_digest == digest,
        photos.c.file_id.is_not(None),
        photos.c.id != but,
    )
    row = c.execute(query.order_by(photos.c.created_at, photos.c.id).limit(1)).one_or_none()
    return None if row is None else photo(row)


def is_shared(c: Connection, connection_id: str, file_id: int, but: str) -> bool:
    """Whether another photo stands for the same file in Mailchimp."""
    query = select(photos.c.id).where(
        photos.c.connection_id == connection_id, photos.c.file_id == file_id, photos.c.id != but
    )
    return c.execute(query.limit(1)).one_or_none() is not None


def deleted_there(c: Connection, connection_id: str, before: datetime, now: datetime, reason: str) -> int:
    """Leave out what a whole look, begun at `before`, did not find in Mailchimp any more; return how many."""
    seen = select(photo_views.c.file_id).where(
        photo_views.c.connection_id == connection_id, photo_views.c.file_id == photos.c.file_id
    )
    query = sa.update(photos).where(
        photos.c.connection_id == connection_id,
        photos.c.file_id.is_not(None),
        photos.c.claim.is_(None),
        photos.c.errand.is_(None),
        photos.c.updated_at < before,
        ~seen.exists(),
    )
    left = {"state": MemberState.EXCLUDED, "reason": reason, "file_id": None, "sent_digest": None}
    return c.execute(query.values(**left, full_size_url=None, updated_at=now)).rowcount


def ask_all(c: Connection, connection_id: str, errand: Errand, now: datetime, states: Collection[str]) -> int:
    """Make due what stands in one of these states; return how many. What somebody works on is left to them.
    Safe to repeat."""
    has = photos.c.digest.is_not(None) if errand is Errand.PUSH else photos.c.file_id.is_not(None)
    query = sa.update(photos).where(
        photos.c.connection_id == connection_id,
        photos.c.state.in_(sorted(states)),
        photos.c.claim.is_(None),
        has,
    )
    asked = {"errand": errand, "state": MemberState.WAITING, "reason": None, "detail": None, "instance": None}
    return c.execute(query.values(**asked, attempts=0, due_at=now, updated_at=now)).rowcount


def of_contact(c: Connection, account_id: str, contact_id: str) -> list[PhotoRow]:
    """Return the photos that belong to this contact, on whatever connection."""
    query = select(*COLUMNS).where(photos.c.account_id == account_id, photos.c.contact_id == contact_id)
    return [photo(row) for row in c.execute(query.order_by(photos.c.id))]


def delete(c: Connection, photo_id: str) -> bool:
    """Forget the photo; return whether it was there. Its content is the caller's to delete."""
    return c.execute(sa.delete(photos).where(photos.c.id == photo_id)).rowcount == 1
