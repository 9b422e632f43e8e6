"""Photos in the changes feed: what became of one, for the platform."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from processor.kit import Kit
from processor.store import Connection, changes
from processor.store.changes import Change, Origin
from processor.store.photos import PhotoRow

KIND = "photo"


def photo_json(row: PhotoRow) -> dict[str, Any]:
    """Return the photo as the feed and the API show it."""
    there = None
    if row.file_id is not None:
        there = {
            "file_id": row.file_id,
            "full_size_url": row.full_size_url,
            "is_newest": row.sent_digest == row.digest,
        }
    return {
        "id": row.id,
        "ref": row.ref,
        "contact": row.contact_id,
        "connection": row.connection_id,
        "name": row.name,
        "origin": row.origin,
        "version": row.version,
        "sha256": row.digest,
        "size_bytes": row.size_bytes,
        "media_type": row.media_type,
        "width": row.width,
        "height": row.height,
        "state": row.state,
        "reason": row.reason,
        "mailchimp": there,
    }


def change_of(
    kit: Kit,
    row: PhotoRow | None,
    photo_id: str,
    version: int,
    origin: Origin,
    what: Mapping[str, Any],
    why: str,
) -> Change:
    """Return what to tell of a photo; `row` is the photo afterwards, None for one that is gone."""
    connection = {} if row is None else {"connection": row.connection_id}
    return Change(
        contact_id=photo_id,
        version=version,
        origin=origin,
        what=what,
        why={"cause": why, **connection},
        contact=None if row is None else photo_json(row),
        at=kit.now(),
        kind=KIND,
    )


def tell(c: Connection, kit: Kit, before: PhotoRow | None, after: PhotoRow, origin: Origin, why: str) -> None:
    """Tell the account's feed how a photo changed, if it did in what a platform can see. The last thing
    before the commit."""
    old = {} if before is None else photo_json(before)
    new = photo_json(after)
    names = ("name", "version", "sha256", "state", "reason", "mailchimp")
    what = {n: {"before": old.get(n), "after": new[n]} for n in names if old.get(n) != new[n]}
    if what:
        change = change_of(kit, after, after.id, after.version, origin, what, why)
        changes.append(c, after.account_id, [change])
