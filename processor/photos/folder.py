"""The folder in Mailchimp that photos go into: found by its name, or made, once."""

from __future__ import annotations

from datetime import timedelta

from processor.kit import Kit
from processor.mailchimp.client import Mailchimp
from processor.photos.settle import Later
from processor.store import galleries
from processor.store.galleries import GalleryRow
from processor.turn import turn

FOLDER = "photo_folder"
SOON = timedelta(seconds=1)


def of(kit: Kit, mailchimp: Mailchimp, gallery: GalleryRow) -> int | None:
    """Return the folder's id, None where photos go into none. Raises Later while another worker makes it,
    MailchimpError, StoreDown."""
    name = gallery.rules.folder
    if not name:
        return None
    if gallery.folder_id is not None and gallery.folder_name == name:
        return gallery.folder_id
    with turn(kit, FOLDER, gallery.connection_id) as mine:
        if not mine:
            raise Later(kit.now() + SOON)
        with kit.store.read() as c:
            known = galleries.get(c, gallery.connection_id)
        if known.folder_id is not None and known.folder_name == name:
            return known.folder_id
        found = mailchimp.file_manager.folder(name)
        with kit.store.write() as c:
            galleries.change(c, gallery.connection_id, folder_id=found, folder_name=name)
        return found


def forget(kit: Kit, connection_id: str) -> None:
    """Forget the folder: it was deleted in Mailchimp. Safe to repeat."""
    with kit.store.write() as c:
        galleries.change(c, connection_id, folder_id=None)
