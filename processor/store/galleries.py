"""A connection's gallery: the rules for its photos, and what Mailchimp's File Manager was seen to hold."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, select

from processor.domain.photo import Rules
from processor.store import connections, due
from processor.store.sql import insert_into, pieces
from processor.store.tables import galleries, photo_views, photos


@dataclass(frozen=True, slots=True)
class GalleryRow:
    """What is known of one File Manager.

    `since` is the newest of Mailchimp's times up to which everything was listed; `wish` is "new" or "whole"
    while a look is asked for, and `bring` says that all that it finds is to be brought here. `due_at` is the
    next look, `code` why the last one failed.
    """

    connection_id: str
    rules: Rules = field(default_factory=Rules)
    folder_id: int | None = None
    folder_name: str | None = None
    since: datetime | None = None
    looked_at: datetime | None = None
    whole_at: datetime | None = None
    wish: str | None = None
    bring: bool = False
    attempts: int = 0
    code: str | None = None
    detail: str | None = None
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class View:
    """One picture as Mailchimp's listing shows it."""

    connection_id: str
    file_id: int
    name: str
    size_bytes: int
    width: int
    height: int
    full_size_url: str
    thumbnail_url: str
    created_at: datetime
    seen_at: datetime


_GALLERY = [galleries.c[one.name] for one in fields(GalleryRow)]
_VIEW = [photo_views.c[one.name] for one in fields(View)]


def get(c: Connection, connection_id: str) -> GalleryRow:
    """Return the connection's gallery; one that nobody has set up has the careful rules."""
    row = c.execute(select(*_GALLERY).where(galleries.c.connection_id == connection_id)).one_or_none()
    if row is None:
        return GalleryRow(connection_id)
    return GalleryRow(**{**row._mapping, "rules": Rules.model_validate(row.rules)})


def change(c: Connection, connection_id: str, **columns: Any) -> None:
    """Write the columns that are named, and the gallery where there is none yet. Safe to repeat."""
    if "rules" in columns:
        columns["rules"] = columns["rules"].json_form()
    query = insert_into(c, galleries).values(
        {"rules": Rules().json_form(), **columns, "connection_id": connection_id}
    )
    if columns:
        query = query.on_conflict_do_update(index_elements=[galleries.c.connection_id], set_=columns)
    else:
        query = query.on_conflict_do_nothing()
    c.execute(query)


def due_connections(c: Connection, now: datetime, limit: int) -> list[str]:
    """Return up to `limit` connections that may work and whose gallery is to be looked at."""
    not_in = (*due.RESTING, *due.ENDED)
    return [one for one, _ in due.due_connections(c, galleries, now, limit, not_in)]


def see(c: Connection, views: Sequence[View]) -> None:
    """Write down what was seen. Safe to repeat."""
    if not views:
        return
    rows = [{one.name: getattr(view, one.name) for one in fields(View)} for view in views]
    query = insert_into(c, photo_views)
    taken = {one.name: query.excluded[one.name] for one in fields(View)}
    keys = [photo_views.c.connection_id, photo_views.c.file_id]
    c.execute(query.on_conflict_do_update(index_elements=keys, set_=taken), rows)


def forget_unseen(c: Connection, connection_id: str, since: datetime) -> int:
    """Forget what a whole look that began at `since` has not seen; return how many."""
    gone = sa.delete(photo_views).where(
        photo_views.c.connection_id == connection_id, photo_views.c.seen_at < since
    )
    return c.execute(gone).rowcount


def forget(c: Connection, connection_id: str, file_ids: Collection[int]) -> None:
    """Forget files that are known to be gone. Safe to repeat."""
    for piece in pieces(sorted(set(file_ids))):
        gone = sa.delete(photo_views).where(
            photo_views.c.connection_id == connection_id, photo_views.c.file_id.in_(piece)
        )
        c.execute(gone)


def view(c: Connection, connection_id: str, file_id: int) -> View | None:
    """Return one picture of Mailchimp's, or None."""
    query = select(*_VIEW).where(
        photo_views.c.connection_id == connection_id, photo_views.c.file_id == file_id
    )
    row = c.execute(query).one_or_none()
    return None if row is None else View(**row._mapping)


def views(
    c: Connection,
    connection_id: str,
    *,
    after: tuple[datetime, int] | None = None,
    limit: int,
    only_there: bool = False,
    file_ids: Collection[int] | None = None,
) -> list[View]:
    """Return up to `limit` pictures of Mailchimp's, newest first; `only_there` those that are no photos here,
    `file_ids` only these."""
    query = select(*_VIEW).where(photo_views.c.connection_id == connection_id)
    if only_there:
        here = select(photos.c.file_id).where(
            photos.c.connection_id.in_(connections.at_same_account(connection_id)),
            photos.c.file_id == photo_views.c.file_id,
        )
        query = query.where(~here.exists())
    if file_ids is not None:
        query = query.where(photo_views.c.file_id.in_(sorted(file_ids)))
    if after is not None:
        at, file_id = after
        query = query.where(
            sa.or_(
                photo_views.c.created_at < at,
                sa.and_(photo_views.c.created_at == at, photo_views.c.file_id < file_id),
            )
        )
    query = query.order_by(photo_views.c.created_at.desc(), photo_views.c.file_id.desc()).limit(limit)
    return [View(**row._mapping) for row in c.execute(query)]


def counts(c: Connection, connection_id: str) -> Mapping[str, int]:
    """Return how many pictures Mailchimp was seen to hold (`there`)."""
    query = select(sa.func.count()).where(photo_views.c.connection_id == connection_id)
    return {"there": int(c.execute(query).scalar_one())}
