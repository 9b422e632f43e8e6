"""Our words to the File Manager's calls. Every method may raise what `client` says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import datetime

from processor.errors import Gone, MailchimpError
from processor.mailchimp import files
from processor.mailchimp.files import File, FilesPage, Pieces
from processor.mailchimp.protocol import PAGE_LIMIT
from processor.mailchimp.transport import Transport


class FileManager:
    """The files of one Mailchimp account. Safe to share between threads."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def pictures(
        self,
        *,
        since: datetime | None = None,
        offset: int = 0,
        count: int = PAGE_LIMIT,
        newest_first: bool = False,
    ) -> FilesPage:
        """Return one page of pictures, those added first at its beginning unless told otherwise."""
        asked = files.read_pictures(since=since, offset=offset, count=count, newest_first=newest_first)
        return files.to_page(self._transport.send(asked) or {})

    def file(self, file_id: int) -> File | None:
        """Return one file, None where it is gone."""
        try:
            return files.to_file(self._transport.send(files.read_one(file_id)) or {})
        except Gone:
            return None

    def add(self, name: str, size_bytes: int, pieces: Pieces, *, folder_id: int | None = None) -> File:
        """Add a file of exactly this size and return it as Mailchimp keeps it.

        Not safe to repeat: whether two files may have one name is not known (facts.md 7), so the same may be
        there twice. Raises MailchimpError(`refused`) for an answer without an id.
        """
        made = files.to_file(self._transport.send(files.add(name, folder_id, size_bytes, pieces)) or {})
        if not made.id:
            raise MailchimpError("refused", detail="Mailchimp took the picture and gave it no number.")
        return made

    def delete(self, file_id: int) -> bool:
        """Delete the file; return False when it was gone already. Safe to repeat."""
        try:
            self._transport.send(files.delete(file_id))
        except Gone:
            return False
        return True

    def folder(self, name: str) -> int:
        """Return the folder of this name, made where there is none. For one worker at a time, or there will
        be two."""
        offset = 0
        while True:
            page = files.to_folders(self._transport.send(files.read_folders(offset)) or {})
            for folder_id, found in page:
                if found == name:
                    return folder_id
            offset += len(page)
            if len(page) < PAGE_LIMIT:
                break
        made = files.to_folders({"folders": [self._transport.send(files.add_folder(name)) or {}]})
        return made[0][0]

    def content(self, url: str, max_bytes: int) -> AbstractContextManager[Iterator[bytes]]:
        """Give the bytes of a picture from the image host, without the token (`Transport.stream`)."""
        return self._transport.stream(url, max_bytes)
