"""Brings one picture of Mailchimp's here: from the image host, without the token, checked like any other."""

from __future__ import annotations

from processor.domain.picture import MOST_BYTES, clean_name
from processor.errors import Gone, MailchimpError
from processor.kit import Kit
from processor.mailchimp.client import Mailchimp
from processor.photos.keep import content_columns, drop, fit
from processor.photos.settle import DONE, settle
from processor.storage import receive, too_large
from processor.store.changes import Origin
from processor.store.photos import PhotoRow

ENOUGH_BYTES = 4 * MOST_BYTES
"""What the transport reads at most; whoever takes it in stops earlier, and says so in better words."""


def bring(kit: Kit, mailchimp: Mailchimp, row: PhotoRow) -> None:
    """Bring the picture here and settle it. Safe to repeat at every line.

    Raises Unfit, MailchimpError (`photo_gone` where it was deleted there), StorageDown, StoreDown: then the
    photo is still ours to settle.
    """
    if row.size_bytes > MOST_BYTES:
        raise too_large(MOST_BYTES, row.size_bytes)
    try:
        _download(kit, mailchimp, row, row.full_size_url or _address(mailchimp, row))
    except Gone:
        # Its address may have changed; where the file itself is gone, this says so.
        _download(kit, mailchimp, row, _address(mailchimp, row))


def _address(mailchimp: Mailchimp, row: PhotoRow) -> str:
    file = mailchimp.file_manager.file(row.file_id or 0)
    if file is None:
        raise MailchimpError("photo_gone")
    return file.full_size_url


def _download(kit: Kit, mailchimp: Mailchimp, row: PhotoRow, url: str) -> None:
    with (
        mailchimp.file_manager.content(url, ENOUGH_BYTES) as pieces,
        receive(kit.storage.scratch, pieces, MOST_BYTES) as received,
    ):
        picture = fit(row.name, received)
        columns = content_columns(received, picture)
        key = f"{row.connection_id}/{columns['stored']}"
        kit.storage.put(key, received)
    name = clean_name(row.name, picture.media_type)
    arrived = {**DONE, **columns, "name": name, "full_size_url": url, "sent_digest": received.digest}
    try:
        is_ours = settle(kit, row, Origin.MAILCHIMP, "brought", **arrived)
    except BaseException:
        drop(kit, key)
        raise
    if not is_ours:
        drop(kit, key)
    elif row.stored:
        drop(kit, row.key)
