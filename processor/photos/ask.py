"""What people and platforms ask for their photos: send, bring, look again, forget, and other rules."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from processor.broker import PHOTOS
from processor.domain.connection import LEAVING
from processor.domain.photo import Errand, Rules
from processor.domain.plan import MemberState
from processor.errors import Conflict, Invalid, NotFound
from processor.kit import Kit
from processor.photos.look import NEW, WHOLE, bring_here
from processor.photos.tell import change_of, tell
from processor.store import Connection, changes, connections, galleries, photos
from processor.store.changes import Origin
from processor.store.connections import ConnectionRow
from processor.store.galleries import GalleryRow
from processor.store.photos import PhotoRow

NOT_THERE = (MemberState.EXCLUDED, MemberState.FAILING)


def owned(c: Connection, photo_id: str, account_id: str | None, *, locked: bool = False) -> PhotoRow:
    """Return the photo. Raises NotFound for one that is not there, or another account's."""
    row = photos.lock(c, photo_id) if locked else photos.get(c, photo_id)
    if row is None or account_id not in {None, row.account_id}:
        raise NotFound(f"There is no photo “{photo_id}”.")
    return row


def push(kit: Kit, photo_id: str, account_id: str | None) -> PhotoRow:
    """Send the photo to Mailchimp as soon as a worker comes. Returns it as it stands.

    Safe to repeat: one whose newest content is there already stays as it is. Raises NotFound, Conflict for
    one that has no content here yet, StoreDown.
    """

    def in_one_transaction(c: Connection) -> PhotoRow:
        row = owned(c, photo_id, account_id, locked=True)
        if row.digest is None:
            raise Conflict("This photo is in Mailchimp and has not been brought here yet.")
        if row.state == MemberState.IN_SYNC and row.sent_digest == row.digest:
            return row
        if row.claim is not None:
            return row  # somebody is at it
        return _due(kit, c, row, Errand.PUSH)

    row = kit.store.write_retrying(in_one_transaction)
    kit.bell.ring(PHOTOS, [row.connection_id])
    return row


def _due(kit: Kit, c: Connection, row: PhotoRow, errand: Errand) -> PhotoRow:
    columns: dict[str, Any] = {
        "errand": errand,
        "state": MemberState.WAITING,
        "reason": None,
        "detail": None,
        "instance": None,
        "attempts": 0,
        "due_at": kit.now(),
    }
    photos.change(c, row.id, kit.now(), **columns)
    after = replace(row, **columns)
    tell(c, kit, row, after, Origin.PLATFORM, "asked")
    return after


def push_all(kit: Kit, connection_id: str, account_id: str | None) -> int:
    """Send every photo that is here only, or that failed. Returns how many wait now. Raises NotFound."""

    def in_one_transaction(c: Connection) -> int:
        connection_of(c, connection_id, account_id)
        return photos.ask_all(c, connection_id, Errand.PUSH, kit.now(), NOT_THERE)

    count = kit.store.write_retrying(in_one_transaction)
    kit.bell.ring(PHOTOS, [connection_id])
    return count


def pull(
    kit: Kit, connection_id: str, account_id: str | None, *, file_ids: Sequence[int] | None = None
) -> int:
    """Bring pictures here: those that are named, or all that Mailchimp has, after looking anew. Returns how
    many of those seen so far begin to be brought.

    Safe to repeat: what is here, or on its way, is passed over; one that failed is tried again. Raises
    NotFound for a connection that is not there or a picture that nobody has seen, StoreDown.
    """

    def in_one_transaction(c: Connection) -> int:
        connection = connection_of(c, connection_id, account_id)
        if file_ids is None:
            galleries.change(c, connection_id, wish=WHOLE, bring=True, due_at=kit.now())
            return 0
        seen = galleries.views(c, connection_id, limit=len(file_ids), file_ids=file_ids)
        unknown = sorted({*file_ids} - {view.file_id for view in seen})
        if unknown:
            raise NotFound(f"Mailchimp was not seen to have a picture with the number {unknown[0]}.")
        known = photos.known_files(c, connection_id, file_ids)
        again = 0
        for photo_id in sorted(known.values()):
            row = photos.lock(c, photo_id)
            if row is not None and row.digest is None and row.claim is None:
                _due(kit, c, row, Errand.PULL)
                again += 1
        return again + bring_here(kit, c, connection, seen)

    count = kit.store.write_retrying(in_one_transaction)
    kit.bell.ring(PHOTOS, [connection_id])
    return count


def look(kit: Kit, connection_id: str, account_id: str | None, *, whole: bool = True) -> None:
    """Let a worker look at what Mailchimp has: everything, or what is new. Safe to repeat. Raises NotFound,
    StoreDown."""
    with kit.store.write() as c:
        connection_of(c, connection_id, account_id)
        galleries.change(c, connection_id, wish=WHOLE if whole else NEW, due_at=kit.now())
    kit.bell.ring(PHOTOS, [connection_id])


def change_rules(
    kit: Kit, connection_id: str, account_id: str | None, changed: Mapping[str, Any]
) -> GalleryRow:
    """Write down other rules; what is not named stays. Safe to repeat. Raises NotFound, Invalid (naming the
    rule), StoreDown."""
    if any(unicodedata.category(letter)[0] == "C" for letter in changed.get("folder") or ""):
        raise Invalid("A folder's name has no control characters.", "folder")

    def in_one_transaction(c: Connection) -> GalleryRow:
        connection_of(c, connection_id, account_id)
        gallery = galleries.get(c, connection_id)
        try:
            rules = Rules.model_validate({**gallery.rules.json_form(), **changed})
        except ValidationError as error:
            field = str(error.errors(include_input=False)[0]["loc"][0])
            raise Invalid(_RULES.get(field, "This rule cannot be so."), field) from None
        columns: dict[str, Any] = {"rules": rules}
        if rules.look_minutes is not None or rules.bring_new:
            columns["due_at"] = kit.now()
        galleries.change(c, connection_id, **columns)
        return galleries.get(c, connection_id)

    gallery = kit.store.write_retrying(in_one_transaction)
    kit.bell.ring(PHOTOS, [connection_id])
    return gallery


_RULES = {
    "folder": "A folder's name has at most 100 characters.",
    "look_minutes": "Look every 1 to 10,080 minutes (a week), or not at all.",
}


def forget(kit: Kit, photo_id: str, account_id: str | None) -> None:
    """Delete the photo here, with its content; what is in Mailchimp stays there. Safe to repeat: the second
    time raises NotFound. Raises StorageDown, StoreDown."""
    with kit.store.read() as c:
        row = owned(c, photo_id, account_id)
    if row.stored is not None:
        kit.storage.delete(row.key)

    def in_one_transaction(c: Connection) -> None:
        if photos.delete(c, photo_id):
            gone = {"state": {"before": row.state, "after": None}}
            told = change_of(kit, None, photo_id, row.version + 1, Origin.PLATFORM, gone, "deleted")
            changes.append(c, row.account_id, [told])

    kit.store.write_retrying(in_one_transaction)


def connection_of(c: Connection, connection_id: str, account_id: str | None) -> ConnectionRow:
    """Return the connection. Raises NotFound for one that is not there, another account's, or leaving."""
    row = connections.get(c, connection_id)
    if row is None or account_id not in {None, row.account_id} or row.state in LEAVING:
        raise NotFound(f"There is no connection “{connection_id}”.")
    return row
