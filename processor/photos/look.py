"""Looks at what Mailchimp's File Manager holds: what is new since the last look, or everything."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from processor.broker import PHOTOS
from processor.domain import retry
from processor.domain.photo import Errand
from processor.domain.plan import MemberState
from processor.errors import MailchimpError
from processor.halt import halt, is_halting
from processor.kit import Kit
from processor.log import say
from processor.mailchimp.client import Mailchimp
from processor.mailchimp.files import File
from processor.photos.keep import PHOTO
from processor.photos.send import view_of
from processor.store import Connection, galleries, photos
from processor.store.changes import Origin
from processor.store.connections import ConnectionRow
from processor.store.galleries import GalleryRow, View
from processor.store.ids import new_id
from processor.store.photos import PhotoRow
from processor.turn import turn

logger = logging.getLogger(__name__)

LOOK = "photo_look"
PAGE = 500
OVERLAP = timedelta(seconds=2)
"""Mailchimp's times are to the second, and whether the bound counts is not known: see some twice."""
WHOLE_EVERY = timedelta(hours=24)
"""How often a scheduled look is at everything: only that finds what was deleted there."""
WHOLE = "whole"
NEW = "new"


def look(kit: Kit, connection: ConnectionRow) -> bool:
    """Look at the gallery if that is due. Returns whether it was done; a failure is written down and tried
    again. Safe to repeat and to run anywhere at once. Raises StoreDown."""
    with kit.store.read() as c:
        if not _is_due(galleries.get(c, connection.id), kit.now()):
            return False
    with turn(kit, LOOK, connection.id) as mine:
        with kit.store.read() as c:
            gallery = galleries.get(c, connection.id)
        if not mine or not _is_due(gallery, kit.now()):
            return False
        try:
            _read(kit, kit.mailchimp(connection), connection, gallery)
        except MailchimpError as error:
            _failed(kit, connection, gallery, error)
        return True


def _is_due(gallery: GalleryRow, now: datetime) -> bool:
    return gallery.due_at is not None and gallery.due_at <= now


def _read(kit: Kit, mailchimp: Mailchimp, connection: ConnectionRow, gallery: GalleryRow) -> None:
    began = kit.now()
    is_whole = gallery.wish == WHOLE or gallery.whole_at is None or began - gallery.whole_at > WHOLE_EVERY
    since = None if is_whole or gallery.since is None else gallery.since - OVERLAP
    # What was there before bringing by itself was switched on is not new.
    brings = gallery.bring or (gallery.rules.bring_new and gallery.since is not None)
    newest, offset = gallery.since, 0
    while True:
        files = mailchimp.file_manager.pictures(since=since, offset=offset, count=PAGE).files
        _see(kit, connection, files, gallery, all_of_it=gallery.bring, new_ones=brings)
        newest = max([at for at in (newest, *(file.created_at for file in files)) if at], default=newest)
        offset += len(files)
        if len(files) < PAGE:
            break
    kit.store.write_retrying(lambda c: _done(kit, c, connection.id, gallery, began, newest, is_whole))
    if brings:
        kit.bell.ring(PHOTOS, [connection.id])
    say(logger, logging.INFO, "gallery looked at", pictures=offset, whole=is_whole)


def _see(
    kit: Kit,
    connection: ConnectionRow,
    files: Sequence[File],
    gallery: GalleryRow,
    *,
    all_of_it: bool,
    new_ones: bool,
) -> None:
    """Write down one page, and what of it is to be brought here."""
    views = [view_of(kit, connection.id, file) for file in files]
    since = gallery.since

    def in_one_transaction(c: Connection) -> None:
        galleries.see(c, views)
        if all_of_it:
            bring_here(kit, c, connection, views)
        elif new_ones and since is not None:
            bring_here(kit, c, connection, [view for view in views if view.created_at > since])

    kit.store.write_retrying(in_one_transaction)


def bring_here(kit: Kit, c: Connection, connection: ConnectionRow, views: Sequence[View]) -> int:
    """Make photos of those views that are none yet, to be brought here; return how many. Safe to repeat."""
    known = photos.known_files(c, connection.id, [view.file_id for view in views])
    now = kit.now()
    rows = [
        PhotoRow(
            id=new_id(PHOTO),
            connection_id=connection.id,
            account_id=connection.account_id,
            name=view.name or "photo",
            origin=Origin.MAILCHIMP,
            created_at=now,
            updated_at=now,
            size_bytes=view.size_bytes,
            width=view.width,
            height=view.height,
            file_id=view.file_id,
            full_size_url=view.full_size_url,
            errand=Errand.PULL,
            state=MemberState.WAITING,
            due_at=now,
        )
        for view in views
        if view.file_id not in known
    ]
    photos.insert(c, rows)
    return len(rows)


def _done(
    kit: Kit,
    c: Connection,
    connection_id: str,
    gallery: GalleryRow,
    began: datetime,
    newest: datetime | None,
    is_whole: bool,
) -> None:
    now = kit.now()
    if is_whole:
        galleries.forget_unseen(c, connection_id, began)
        photos.deleted_there(c, connection_id, began, now, "photo_gone")
    asked = galleries.get(c, connection_id)
    is_same = (asked.wish, asked.bring) == (gallery.wish, gallery.bring)
    every = asked.rules.look_minutes
    galleries.change(
        c,
        connection_id,
        since=newest or began,
        looked_at=began,
        whole_at=began if is_whole else asked.whole_at,
        attempts=0,
        code=None,
        detail=None,
        wish=None if is_same else asked.wish,
        bring=False if is_same else asked.bring,
        due_at=(now + timedelta(minutes=every) if every else None) if is_same else now,
    )


def _failed(kit: Kit, connection: ConnectionRow, gallery: GalleryRow, error: MailchimpError) -> None:
    attempts = gallery.attempts + 1
    if is_halting(error):
        halt(kit, connection.id, error)
        return  # due as it was, for when the connection goes on
    verdict = retry.decide(error.code, attempts, kit.chance(), base_seconds=kit.settings.retry_base_seconds)
    every = gallery.rules.look_minutes
    due_at = kit.now() + timedelta(minutes=every) if every else None
    if isinstance(verdict, retry.Again):
        due_at = kit.now() + verdict.after
    with kit.store.write() as c:
        galleries.change(
            c, connection.id, attempts=attempts, code=error.code, detail=error.detail or None, due_at=due_at
        )
