"""Tells how photos stand, on both sides, in words. Reads only, for every door."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from processor.domain.catalogue import Words, words
from processor.domain.photo import NOT_SENT
from processor.domain.picture import MOST_BYTES, shown_size
from processor.domain.plan import MemberState
from processor.errors import Gone, Invalid, NotFound
from processor.kit import Kit
from processor.photos.ask import connection_of, owned
from processor.store import galleries, photos
from processor.store.galleries import GalleryRow, View
from processor.store.photos import PhotoRow

MOST = 200
THUMBNAIL_BYTES = 1024 * 1024
_MICROSECONDS = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_NOT_SENT = Words(
    "Here only", "Nobody has asked to send this photo to Mailchimp.", "Send it if you like.", None
)
_GONE = Words(
    "Deleted in Mailchimp",
    "It was deleted in Mailchimp and is here only.",
    "Send it again if you like.",
    None,
)
_UP = Words("Being sent to Mailchimp", "It is on its way.", "Nothing to do.", None)
_DOWN = Words("Being brought here", "It is on its way.", "Nothing to do.", None)
_IN_SYNC = Words("Up to date", "It is here and in Mailchimp.", "Nothing to do.", None)


@dataclass(frozen=True, slots=True)
class PhotoReport:
    """One photo as it stands. `next_try_at` is None where only a person brings another try."""

    row: PhotoRow
    words: Words
    next_try_at: datetime | None


@dataclass(frozen=True, slots=True)
class PhotosPage:
    """Photos, newest first, and the cursor for more."""

    photos: list[PhotoReport]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class ThereReport:
    """One picture of Mailchimp's, and the photo that it is here, if it is one."""

    view: View
    photo_id: str | None


@dataclass(frozen=True, slots=True)
class TherePage:
    """Pictures of Mailchimp's, newest first, and the cursor for more."""

    pictures: list[ThereReport]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class GalleryReport:
    """How a gallery stands: its rules, when it was looked at, what the last look failed of, and counts by
    state, with `there` for what Mailchimp was seen to hold."""

    gallery: GalleryRow
    counts: Mapping[str, int]
    problem: Words | None
    is_looking: bool


def photo(kit: Kit, photo_id: str, account_id: str | None) -> PhotoReport:
    """Return one photo. Raises NotFound, StoreDown."""
    with kit.store.read() as c:
        return _report(kit, owned(c, photo_id, account_id))


def here(
    kit: Kit,
    connection_id: str,
    account_id: str | None,
    *,
    states: Collection[MemberState] | None = None,
    after: str | None = None,
    limit: int = 50,
) -> PhotosPage:
    """Return one page of the photos that are kept here, or on their way. Raises NotFound, Invalid,
    StoreDown."""
    place = _place(after)
    with kit.store.read() as c:
        connection_of(c, connection_id, account_id)
        found = photos.page(c, connection_id, states=states, after=place, limit=limit + 1)
    rows = found[:limit]
    cursor = _cursor(rows[-1].created_at, rows[-1].id) if len(found) > limit else None
    return PhotosPage([_report(kit, row) for row in rows], cursor)


def there(
    kit: Kit,
    connection_id: str,
    account_id: str | None,
    *,
    only_there: bool = False,
    after: str | None = None,
    limit: int = 50,
) -> TherePage:
    """Return one page of what Mailchimp was seen to hold. Raises NotFound, Invalid, StoreDown."""
    place = _place(after)
    at = None if place is None else (place[0], _number(place[1]))
    with kit.store.read() as c:
        connection_of(c, connection_id, account_id)
        found = galleries.views(c, connection_id, after=at, limit=limit + 1, only_there=only_there)
        seen = found[:limit]
        known = photos.known_files(c, connection_id, [view.file_id for view in seen])
    cursor = _cursor(seen[-1].created_at, str(seen[-1].file_id)) if len(found) > limit else None
    return TherePage([ThereReport(view, known.get(view.file_id)) for view in seen], cursor)


def gallery(kit: Kit, connection_id: str, account_id: str | None) -> GalleryReport:
    """Return how the connection's gallery stands. Raises NotFound, StoreDown."""
    with kit.store.read() as c:
        connection_of(c, connection_id, account_id)
        found = galleries.get(c, connection_id)
        counts = {**photos.counts(c, connection_id), **galleries.counts(c, connection_id)}
    problem = words(found.code, detail=found.detail) if found.code else None
    is_looking = found.due_at is not None and found.due_at <= kit.now() + timedelta(seconds=1)
    return GalleryReport(found, counts, problem, is_looking)


def content(kit: Kit, row: PhotoRow) -> Iterator[bytes]:
    """Return what is kept of a photo, in pieces. Raises NotFound where it is not here, StorageDown."""
    try:
        if row.stored is not None:
            return kit.storage.open(row.key)
    except FileNotFoundError:
        pass
    raise NotFound("This photo is not here.")


def thumbnail(kit: Kit, connection_id: str, account_id: str | None, file_id: int) -> bytes:
    """Return the small picture that Mailchimp made of one of its files, asked for by us: a browser is not
    sent to other hosts. Raises NotFound, MailchimpError, StoreDown."""
    with kit.store.read() as c:
        connection = connection_of(c, connection_id, account_id)
        view = galleries.view(c, connection_id, file_id)
    if view is None or not view.thumbnail_url:
        raise NotFound("There is no such picture.")
    try:
        files = kit.mailchimp(connection).file_manager
        with files.content(view.thumbnail_url, THUMBNAIL_BYTES) as pieces:
            return b"".join(pieces)
    except Gone:
        raise NotFound("There is no such picture any more.") from None


def _report(kit: Kit, row: PhotoRow) -> PhotoReport:
    # Of one that a worker holds, the row says when the lease ends: it is being tried now.
    next_try_at = row.due_at if row.claim is None else kit.now()
    return PhotoReport(row, _words(row), next_try_at)


def _words(row: PhotoRow) -> Words:
    if row.state == MemberState.IN_SYNC:
        return _IN_SYNC
    if row.reason is None:
        return _DOWN if row.digest is None else _UP
    if row.reason == NOT_SENT:
        return _NOT_SENT
    if row.reason == "photo_gone" and row.digest is not None:
        return _GONE
    return words(
        row.reason,
        name=row.name,
        detail=row.detail,
        instance=row.instance,
        size=shown_size(row.size_bytes),
        limit=shown_size(MOST_BYTES),
        count=None,
    )


def _cursor(at: datetime, name: str) -> str:
    return f"{(at - _EPOCH) // timedelta(microseconds=1)}.{name}"


def _place(cursor: str | None) -> tuple[datetime, str] | None:
    if not cursor:
        return None
    at, _, name = cursor.partition(".")
    if not (at.isascii() and at.isdigit() and len(at) <= 17 and name):
        raise _no_cursor()
    return _EPOCH + timedelta(microseconds=int(at)), name


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise _no_cursor()
    return int(text)


def _no_cursor() -> Invalid:
    return Invalid("Pass the `cursor` of the answer before, unchanged; leave it out to start over.", "after")
