"""The File Manager's files and folders: calls and answers. No I/O.

Source: facts.md 7.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from processor.mailchimp.protocol import (
    PAGE_LIMIT,
    Content,
    Request,
    maps,
    moment,
    number,
    text,
    written_moment,
)

_FILES = "/file-manager/files"
_FILE = "/file-manager/files/{file_id}"
_FOLDERS = "/file-manager/folders"
_BASE64_STEP = 3
"""Bytes that become four letters: what is encoded piece by piece must be cut there."""


@dataclass(frozen=True, slots=True)
class File:
    """One file of the File Manager; `width` and `height` in pixels, 0 where Mailchimp does not say."""

    id: int
    name: str
    size_bytes: int
    width: int
    height: int
    full_size_url: str
    thumbnail_url: str
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class FilesPage:
    """One page of files."""

    files: list[File]
    total: int


Pieces = Callable[[], Iterator[bytes]]


def read_pictures(*, since: datetime | None, offset: int, count: int, newest_first: bool = False) -> Request:
    """Ask for a page of pictures, oldest first unless told otherwise; `since` is taken as Mailchimp takes it,
    to the second."""
    params: dict[str, str | int] = {
        "type": "image",
        "sort_field": "added_date",
        "sort_dir": "DESC" if newest_first else "ASC",
        "offset": offset,
        "count": count,
    }
    if since is not None:
        params["since_created_at"] = written_moment(since.replace(microsecond=0))
    return Request("GET", _FILES, params=params)


def read_one(file_id: int) -> Request:
    """Ask for one file."""
    return Request("GET", _FILE, {"file_id": str(file_id)})


def add(name: str, folder_id: int | None, size_bytes: int, pieces: Pieces) -> Request:
    """Add a file of this size, whose bytes `pieces` gives; it is encoded while it is sent."""
    about: dict[str, Any] = {"name": name, **({"folder_id": folder_id} if folder_id else {})}
    before = json.dumps(about)[:-1].encode() + b', "file_data": "'
    after = b'"}'
    length = len(before) + (size_bytes + 2) // _BASE64_STEP * 4 + len(after)

    def body() -> Iterator[bytes]:
        yield before
        yield from encoded(pieces())
        yield after

    return Request("POST", _FILES, content=Content(length, body), is_slow=True)


def encoded(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the pieces in base64, as if they had been one."""
    left = b""
    for piece in pieces:
        data = left + piece
        whole = len(data) - len(data) % _BASE64_STEP
        left = data[whole:]
        if whole:
            yield base64.b64encode(memoryview(data)[:whole])
    if left:
        yield base64.b64encode(left)


def delete(file_id: int) -> Request:
    """Delete one file."""
    return Request("DELETE", _FILE, {"file_id": str(file_id)})


def read_folders(offset: int) -> Request:
    """Ask for a page of folders."""
    return Request("GET", _FOLDERS, params={"count": PAGE_LIMIT, "offset": offset})


def add_folder(name: str) -> Request:
    """Make a folder."""
    return Request("POST", _FOLDERS, json={"name": name})


def to_file(body: Mapping[str, Any]) -> File:
    """Return the file."""
    return File(
        id=number(body.get("id")),
        name=text(body.get("name")),
        size_bytes=number(body.get("size")),
        width=number(body.get("width")),
        height=number(body.get("height")),
        full_size_url=text(body.get("full_size_url")),
        thumbnail_url=text(body.get("thumbnail_url")),
        created_at=moment(body.get("created_at")),
    )


def to_page(body: Mapping[str, Any]) -> FilesPage:
    """Return the page; what has no id is passed over."""
    files = [to_file(item) for item in maps(body.get("files"))]
    return FilesPage([file for file in files if file.id], number(body.get("total_items")))


def to_folders(body: Mapping[str, Any]) -> list[tuple[int, str]]:
    """Return (id, name) of the folders."""
    return [(number(item.get("id")), text(item.get("name"))) for item in maps(body.get("folders"))]
