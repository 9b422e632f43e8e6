"""Takes a picture of the platform's in: checked by its content, named safely, kept whole or not at all."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from processor.broker import PHOTOS
from processor.domain.connection import LEAVING
from processor.domain.photo import NOT_SENT, Errand
from processor.domain.picture import (
    MOST_BYTES,
    MOST_PIXELS,
    Picture,
    clean_name,
    is_too_many_pixels,
    look_at,
)
from processor.domain.plan import MemberState
from processor.errors import Conflict, Invalid, NotFound, StorageDown, Unfit, Unreached
from processor.kit import Kit
from processor.log import say
from processor.outside import Ceilings
from processor.photos.tell import tell
from processor.storage import Received, receive
from processor.store import Connection, connections, galleries, photos
from processor.store.changes import Origin
from processor.store.connections import ConnectionRow
from processor.store.ids import new_id
from processor.store.photos import PhotoRow

logger = logging.getLogger(__name__)

PHOTO = "pho"
LOST = "photo_lost"
SHOWN_NAME = 60
FETCHING = Ceilings(read_seconds=15, total_seconds=30, max_bytes=MOST_BYTES)
"""What fetching a photo from the platform's address may cost."""


@dataclass(frozen=True, slots=True)
class Handed:
    """A picture that the platform hands over.

    `ref` is the platform's own name for it: the same one with other content is a new version. `contact_id`
    says whose it is. `connection_id` may be left out where the account has one connection. `push` sends it at
    once, also where the connection's rule does not.
    """

    name: str
    ref: str | None = None
    contact_id: str | None = None
    connection_id: str | None = None
    push: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """The photo as it stands now, whether its content is new here, and where that of the version before
    is."""

    photo: PhotoRow
    is_new: bool
    before: str | None = None


def keep(kit: Kit, account_id: str, handed: Handed, pieces: Iterable[bytes]) -> Kept:
    """Keep the picture that these bytes are. Safe to repeat where a `ref` is given: the same content again
    changes nothing.

    Raises Unfit (too large, no picture, too many pixels), Invalid, Conflict and NotFound about the
    connection, StorageDown, StoreDown, and whatever `pieces` raises.
    """
    connection = _connection(kit, account_id, handed.connection_id)
    with receive(kit.storage.scratch, pieces, MOST_BYTES) as received:
        picture = fit(handed.name, received)
        made = PhotoRow(
            id=new_id(PHOTO),
            connection_id=connection.id,
            account_id=account_id,
            ref=handed.ref,
            contact_id=handed.contact_id,
            name=clean_name(handed.name, picture.media_type),
            origin=Origin.PLATFORM,
            created_at=kit.now(),
            updated_at=kit.now(),
            **content_columns(received, picture),
        )
        kit.storage.put(made.key, received)
    try:
        kept = kit.store.write_retrying(lambda c: _write(kit, c, made, handed.push))
    except BaseException:
        drop(kit, made.key)
        raise
    if not kept.is_new:
        drop(kit, made.key)
    elif kept.before is not None:
        drop(kit, kept.before)
    if kept.photo.due_at is not None:
        kit.bell.ring(PHOTOS, [connection.id])
    say(logger, logging.INFO, "photo kept", connection=connection.id, bytes=made.size_bytes, new=kept.is_new)
    return kept


def fetch(kit: Kit, account_id: str, handed: Handed, url: str) -> Kept:
    """Keep the picture behind an address of the platform's, which may not lead into a private network, nor
    redirect. As `keep`; raises Unfit where it cannot be fetched."""
    name = handed.name or url.partition("?")[0].rstrip("/").rpartition("/")[2] or "photo"
    try:
        with kit.outside.opening("GET", url, ceilings=FETCHING) as arriving:
            if arriving.status != 200:
                raise Unfit("photo_address", name=name[:SHOWN_NAME], detail=f"it answers {arriving.status}")
            return keep(kit, account_id, replace(handed, name=name), arriving.pieces)
    except Unreached as error:
        raise Unfit("photo_address", name=name[:SHOWN_NAME], detail=str(error)) from None


def fit(name: str, received: Received) -> Picture:
    """Return the picture that was received. Raises Unfit for what is none, or claims too many pixels."""
    shown = clean_name(name, "image/png").removesuffix(".png") if not name.isprintable() else name
    picture = look_at(received.head)
    if picture is None:
        raise Unfit("photo_type", name=shown[:SHOWN_NAME])
    if is_too_many_pixels(picture):
        raise Unfit(
            "photo_pixels",
            name=shown[:SHOWN_NAME],
            size=f"{picture.width:,} × {picture.height:,} pixels",
            limit=f"{MOST_PIXELS // 1_000_000} million pixels",
        )
    return picture


def content_columns(received: Received, picture: Picture) -> dict[str, Any]:
    """Return the columns of a photo's content, with a place of its own in the storage."""
    return {
        "digest": received.digest,
        "stored": secrets.token_hex(16),
        "size_bytes": received.size_bytes,
        "media_type": picture.media_type,
        "width": picture.width,
        "height": picture.height,
    }


def drop(kit: Kit, key: str) -> None:
    """Delete content that no row speaks of. Where the storage is down it stays until the connection goes."""
    with suppress(StorageDown):
        kit.storage.delete(key)


def _connection(kit: Kit, account_id: str, connection_id: str | None) -> ConnectionRow:
    with kit.store.read() as c:
        found = [one for one in connections.for_account(c, account_id) if one.state not in LEAVING]
    if connection_id is not None:
        found = [one for one in found if one.id == connection_id]
        if not found:
            raise NotFound(f"There is no connection “{connection_id}” in this account.")
    if not found:
        raise Conflict("Mailchimp is not connected. Connect it first, then hand the photo over again.")
    if len(found) > 1:
        raise Invalid("This account has several connections: say for which one it is.", "connection")
    return found[0]


def _write(kit: Kit, c: Connection, made: PhotoRow, push: bool) -> Kept:
    rules = galleries.get(c, made.connection_id).rules
    wanted = push or rules.push_at_once
    made = replace(made, **_standing(kit, wanted))
    known = photos.lock_ref(c, made.connection_id, made.ref) if made.ref else None
    if known is None and not photos.insert_new(c, made):
        assert made.ref is not None
        known = photos.lock_ref(c, made.connection_id, made.ref)
    connection = connections.lock(c, made.connection_id)
    if connection is None or connection.state in LEAVING:
        raise Conflict("Mailchimp is just being disconnected; the photo was not kept.")
    if known is None:
        tell(c, kit, None, made, Origin.PLATFORM, "kept")
        return Kept(made, is_new=True)
    return _renew(kit, c, known, made, push=push, wanted=wanted)


def _renew(kit: Kit, c: Connection, known: PhotoRow, made: PhotoRow, *, push: bool, wanted: bool) -> Kept:
    """The platform hands over a photo that is here: perhaps a new version of it."""
    columns: dict[str, Any] = {"name": made.name}
    if made.contact_id is not None:
        columns["contact_id"] = made.contact_id
    # Content that was lost here is as good as new, even where it is the same.
    is_new = known.digest != made.digest or known.reason == LOST
    if is_new:
        names = ("digest", "stored", "size_bytes", "media_type", "width", "height")
        columns |= {"version": known.version + 1, **{name: getattr(made, name) for name in names}}
    if is_new or (push and known.sent_digest != known.digest):
        # Whoever carries the version before now sees when it is done that there is another.
        standing = _standing(kit, wanted)
        columns |= standing if known.claim is None else {"errand": standing["errand"]}
    after = replace(known, **columns)
    photos.change(c, known.id, kit.now(), **columns)
    tell(c, kit, known, after, Origin.PLATFORM, "kept")
    return Kept(after, is_new=is_new, before=known.key if is_new and known.stored else None)


def _standing(kit: Kit, wanted: bool) -> dict[str, Any]:
    """Return how a photo stands whose newest content Mailchimp does not have."""
    if not wanted:
        return {"errand": None, "state": MemberState.EXCLUDED, "reason": NOT_SENT, "due_at": None}
    return {
        "errand": Errand.PUSH,
        "state": MemberState.WAITING,
        "reason": None,
        "detail": None,
        "instance": None,
        "attempts": 0,
        "due_at": kit.now(),
    }
