"""Addresses under which one photo can be fetched without a key, until they expire."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from processor.errors import NotFound
from processor.kit import Kit
from processor.store import photos
from processor.store.photos import PhotoRow

TTL = timedelta(hours=1)
_PURPOSE = b"bothways/photo-links/1"


@dataclass(frozen=True, slots=True)
class PhotoLink:
    """A URL of one version of a photo, and when it stops working."""

    url: str
    expires_at: datetime


def make(kit: Kit, row: PhotoRow) -> PhotoLink | None:
    """Return a link to the photo's content, None where it is not here. Whoever has it may fetch the photo."""
    if row.stored is None:
        return None
    expires = int((kit.now() + TTL).timestamp())
    signature = _signature(kit.settings.secret_keys[0], row, expires)
    url = f"{kit.settings.public}/photos/{row.id}/{expires}/{signature}"
    return PhotoLink(url, datetime.fromtimestamp(expires, UTC))


def opened(kit: Kit, photo_id: str, expires: str, signature: str) -> PhotoRow:
    """Return the photo behind a link. Raises NotFound, for whatever reason: nobody is to learn which.

    The link of a version that was replaced does not open the next one. Raises StoreDown too.
    """
    is_number = expires.isascii() and expires.isdigit() and len(expires) <= 12
    with kit.store.read() as c:
        row = photos.get(c, photo_id)
    if row is not None and row.stored is not None and is_number and int(expires) >= kit.now().timestamp():
        for key in kit.settings.secret_keys:
            if hmac.compare_digest(_signature(key, row, int(expires)).encode(), signature.encode()):
                return row
    raise NotFound("There is no such photo, or its address has expired.")


def _signature(key: str, row: PhotoRow, expires: int) -> str:
    own = hmac.digest(key.encode(), _PURPOSE, hashlib.sha256)
    said = f"{row.id}:{row.stored}:{expires}".encode()
    return hmac.new(own, said, hashlib.sha256).hexdigest()
