"""Carries one photo up: the same content never twice, the new version in the old one's place by rule, and
after a death in between what has arrived is found again instead of being sent once more."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

from processor.domain.photo import Rules
from processor.domain.picture import MOST_BYTES
from processor.errors import Gone, MailchimpError, Passing, Unfit
from processor.kit import Kit
from processor.mailchimp.client import Mailchimp
from processor.mailchimp.files import File
from processor.photos import folder
from processor.photos.settle import DONE, Later, note, settle
from processor.storage import too_large
from processor.store import galleries, photos
from processor.store.changes import Origin
from processor.store.galleries import GalleryRow, View
from processor.store.photos import PhotoRow
from processor.turn import turn

SEND = "photo_send"
CLOCKS_DIFFER = timedelta(minutes=10)
"""How far Mailchimp's clock may be from ours when we look for what we have sent."""
SOON = timedelta(seconds=1)
LOOKED_AT = 20
"""Files of the right size whose content is compared: more of one size within minutes are not ours."""
PAGE = 200
PAGES = 5


def send(kit: Kit, mailchimp: Mailchimp, row: PhotoRow) -> None:
    """Bring Mailchimp's file in step with the photo, and settle it. Safe to repeat at every line.

    Raises Unfit, Later, MailchimpError, StorageDown, StoreDown: then the photo is still ours to settle.
    """
    # One at a time for one content, so that the next one finds the first one's file.
    with turn(kit, SEND, f"{row.connection_id}.{row.digest}") as mine:
        if not mine:
            raise Later(kit.now() + SOON)
        _send(kit, mailchimp, row)


def _send(kit: Kit, mailchimp: Mailchimp, row: PhotoRow) -> None:
    with kit.store.read() as c:
        gallery = galleries.get(c, row.connection_id)
        twin = photos.twin(c, row.connection_id, row.digest or "", row.id)
    stale = list(row.stale or ())
    arrived: dict[str, Any] = {}
    if row.file_id is None or row.sent_digest != row.digest:
        if twin is not None:
            arrived = {"file_id": twin.file_id, "full_size_url": twin.full_size_url}
        else:
            file = _up(kit, mailchimp, row, gallery)
            _see(kit, row, file)
            arrived = {"file_id": file.id, "full_size_url": file.full_size_url}
        arrived |= {"sent_digest": row.digest, "sending_at": None}
        if row.file_id not in {None, arrived["file_id"]}:
            stale.append(row.file_id or 0)
    if stale and arrived and not note(kit, row, **arrived, stale=stale):
        return
    _take_old_ones_away(kit, mailchimp, row, gallery.rules, stale)
    settle(kit, row, Origin.BOTHWAYS, "sent", **{**DONE, **arrived, "stale": None})


def _up(kit: Kit, mailchimp: Mailchimp, row: PhotoRow, gallery: GalleryRow) -> File:
    """Return the photo's file in Mailchimp: one that has arrived without our hearing of it, or a new one."""
    if row.size_bytes > MOST_BYTES:
        raise too_large(MOST_BYTES, row.size_bytes)
    if row.sending_at is not None:
        found = _arrived_before(kit, mailchimp, row)
        if found is not None:
            return found
        if kit.now() < row.sending_at + _doubt(kit):
            raise Later(row.sending_at + _doubt(kit))  # Mailchimp may still be taking it
    folder_id = folder.of(kit, mailchimp, gallery)
    if not note(kit, row, sending_at=kit.now()):
        raise Later(kit.now())  # somebody else has taken the photo over, and settles it
    return _add(kit, mailchimp, row, folder_id)


def _add(kit: Kit, mailchimp: Mailchimp, row: PhotoRow, folder_id: int | None) -> File:
    try:
        return mailchimp.file_manager.add(
            row.name, row.size_bytes, lambda: _content(kit, row), folder_id=folder_id
        )
    except Passing as error:
        # It may have arrived all the same. Once there was an answer it is not under way any more, so that a
        # look is enough to know.
        if error.status is not None:
            note(kit, row, sending_at=kit.now() - _doubt(kit))
        raise
    except MailchimpError as error:
        note(kit, row, sending_at=None)
        if folder_id and any(name == "folder_id" for name, _ in error.field_errors):
            folder.forget(kit, row.connection_id)
            raise Later(kit.now()) from error  # it was deleted there, and is made anew
        raise


def _doubt(kit: Kit) -> timedelta:
    """How long after a call without an answer Mailchimp may still be carrying it out."""
    return timedelta(seconds=2 * kit.settings.mailchimp_timeout_seconds)


def _content(kit: Kit, row: PhotoRow) -> Iterator[bytes]:
    try:
        yield from kit.storage.open(row.key)
    except FileNotFoundError:
        raise Unfit("photo_lost", name=row.name) from None


def _arrived_before(kit: Kit, mailchimp: Mailchimp, row: PhotoRow) -> File | None:
    """Return the file that an earlier attempt has left in Mailchimp, known by its content."""
    assert row.sending_at is not None
    files = mailchimp.file_manager
    looked_at = 0
    for page in range(PAGES):
        found = files.pictures(
            since=row.sending_at - CLOCKS_DIFFER, offset=page * PAGE, count=PAGE, newest_first=True
        ).files
        alike = [file for file in found if file.size_bytes == row.size_bytes]
        with kit.store.read() as c:
            ours = photos.known_files(c, row.connection_id, [file.id for file in alike])
        for file in sorted(alike, key=lambda file: file.name != row.name):
            if file.id not in ours and looked_at < LOOKED_AT:
                looked_at += 1
                if _digest_of(mailchimp, file) == row.digest:
                    return file
        if len(found) < PAGE:
            break
    return None


def _digest_of(mailchimp: Mailchimp, file: File) -> str:
    digest = hashlib.sha256()
    with suppress(Gone), mailchimp.file_manager.content(file.full_size_url, MOST_BYTES) as pieces:
        for piece in pieces:
            digest.update(piece)
    return digest.hexdigest()


def _see(kit: Kit, row: PhotoRow, file: File) -> None:
    """Note the new file among what Mailchimp holds, so that both sides of the page show it at once."""
    with kit.store.write() as c:
        galleries.see(c, [view_of(kit, row.connection_id, file)])


def view_of(kit: Kit, connection_id: str, file: File) -> View:
    """Return a file of Mailchimp's as we keep its view."""
    return View(
        connection_id=connection_id,
        file_id=file.id,
        name=file.name,
        size_bytes=file.size_bytes,
        width=file.width,
        height=file.height,
        full_size_url=file.full_size_url,
        thumbnail_url=file.thumbnail_url,
        created_at=file.created_at or kit.now(),
        seen_at=kit.now(),
    )


def _take_old_ones_away(
    kit: Kit, mailchimp: Mailchimp, row: PhotoRow, rules: Rules, stale: list[int]
) -> None:
    """Delete the files of earlier versions, where the rule says so and no other photo stands for them."""
    for file_id in stale if rules.replace else ():
        with kit.store.read() as c:
            if photos.is_shared(c, row.connection_id, file_id, row.id):
                continue
        mailchimp.file_manager.delete(file_id)
        with kit.store.write() as c:
            galleries.forget(c, row.connection_id, [file_id])
