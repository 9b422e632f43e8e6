"""Where pictures are kept: one small interface, with a directory behind it by default, or an S3-compatible
bucket (`s3`).

What arrives goes through a file of our own first (`receive`), in pieces: its size is bounded, its content is
looked at and its digest known before anything is kept. Keys are `<connection>/<anything>`, so that everything
of a connection can go at once; none is ever written twice.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from processor.domain.picture import HEAD_BYTES, shown_size
from processor.errors import StorageDown, Unfit

PIECE_BYTES = 64 * 1024
"""How much of a picture is in memory at a time."""
FORGOTTEN_SECONDS = 3600.0
"""After this an unfinished file of ours is somebody's who died."""
_KEY = re.compile(r"[A-Za-z0-9_]{1,64}/[A-Za-z0-9_-]{1,120}")


@dataclass(frozen=True, slots=True)
class Received:
    """Bytes that have arrived whole, in a file of ours, with their first ones."""

    path: Path
    digest: str
    size_bytes: int
    head: bytes


class Storage(Protocol):
    """Keeps pictures. Every method may raise StorageDown, and is safe to repeat."""

    @property
    def scratch(self) -> Path:
        """A directory for files that are arriving."""

    def put(self, key: str, received: Received) -> None:
        """Keep what was received. It is there whole, or not at all."""

    def open(self, key: str) -> Iterator[bytes]:
        """Return the content in pieces. Raises FileNotFoundError, before the first, where there is none."""

    def delete(self, key: str) -> None:
        """Delete it, if it is there."""

    def delete_all(self, folder: str) -> None:
        """Delete everything whose key begins with `<folder>/`."""

    def close(self) -> None:
        """Close what is open."""


@contextmanager
def receive(scratch: Path, pieces: Iterable[bytes], most_bytes: int) -> Iterator[Received]:
    """Take bytes in and give them as a file, which is gone afterwards unless it was kept.

    Raises Unfit as soon as there are more than `most_bytes`, StorageDown where the disk is full, and whatever
    `pieces` raises.
    """
    path = scratch / secrets.token_hex(8)
    try:
        yield _written(path, pieces, most_bytes)
    finally:
        with suppress(OSError):
            path.unlink()


def _written(path: Path, pieces: Iterable[bytes], most_bytes: int) -> Received:
    digest, size, head = hashlib.sha256(), 0, b""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            for piece in pieces:
                size += len(piece)
                if size > most_bytes:
                    raise too_large(most_bytes)
                digest.update(piece)
                if len(head) < HEAD_BYTES:
                    head += piece[: HEAD_BYTES - len(head)]
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StorageDown(type(error).__name__) from None
    return Received(path, digest.hexdigest(), size, head)


def too_large(limit_bytes: int, size_bytes: int | None = None) -> Unfit:
    """Return the error for more bytes than are taken; without a size nobody counted to the end."""
    size = f"more than {shown_size(limit_bytes)}" if size_bytes is None else shown_size(size_bytes)
    return Unfit("photo_too_large", limit=shown_size(limit_bytes), size=size)


def sweep_scratch(scratch: Path) -> int:
    """Delete what workers that died left half received; return how many. Safe to repeat."""
    gone = 0
    with suppress(OSError):
        for left in scratch.iterdir():
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > FORGOTTEN_SECONDS:
                    left.unlink()
                    gone += 1
    return gone


def checked_key(key: str) -> str:
    """Return the key. Raises ValueError for one that could lead elsewhere."""
    if not _KEY.fullmatch(key):
        raise ValueError("this is no key of a picture")
    return key


class LocalStorage:
    """Keeps pictures in a directory, which all processes share. A file appears there whole: it is written
    beside its place and then put there by one renaming."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @property
    def scratch(self) -> Path:
        """A directory for files that are arriving, on the same disk."""
        return self._directory / "arriving"

    def put(self, key: str, received: Received) -> None:
        """Keep what was received."""
        place = self._place(key)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            os.replace(received.path, place)
        except OSError as error:
            raise StorageDown(type(error).__name__) from None

    def open(self, key: str) -> Iterator[bytes]:
        """Return the content in pieces."""
        file = self._place(key).open("rb")

        def pieces() -> Iterator[bytes]:
            with file:
                while piece := file.read(PIECE_BYTES):
                    yield piece

        return pieces()

    def delete(self, key: str) -> None:
        """Delete it, if it is there."""
        try:
            self._place(key).unlink(missing_ok=True)
        except OSError as error:
            raise StorageDown(type(error).__name__) from None

    def delete_all(self, folder: str) -> None:
        """Delete everything in the folder."""
        place = self._place(f"{folder}/x").parent
        try:
            shutil.rmtree(place)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StorageDown(type(error).__name__) from None

    def close(self) -> None:
        """Nothing is open."""

    def _place(self, key: str) -> Path:
        return self._directory / checked_key(key)
