"""The files and folders of an account's File Manager (Content Studio)."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from PIL import Image

from sandbox import problem

MOST_BYTES = 10 * 1024 * 1024
_THUMBNAIL = (180, 180)
_MOST_PIXELS = 50_000_000
_EXTENSIONS = {"JPEG": ".jpg", "PNG": ".png", "GIF": ".gif", "BMP": ".bmp", "WEBP": ".webp"}
_SAME = {".jpeg": ".jpg"}


@dataclass(slots=True)
class File:
    """A file; `width` and `height` in pixels, 0 where it is no image; `key` is its name on that host."""

    id: int
    key: str
    name: str
    data: bytes
    created_seconds: int
    created_by: str
    folder_id: int = 0
    media_type: str = "application/octet-stream"
    width: int = 0
    height: int = 0
    thumbnail: bytes = b""

    @property
    def kind(self) -> str:
        """ "image" or "file", by what is in it."""
        return "image" if self.width else "file"


@dataclass(slots=True)
class Folder:
    """One folder."""

    id: int
    name: str
    created_seconds: int
    created_by: str


@dataclass(slots=True)
class Gallery:
    """All files and folders of an account by id."""

    files: dict[int, File] = field(default_factory=dict)
    folders: dict[int, Folder] = field(default_factory=dict)

    def by_key(self, key: str) -> File | None:
        """The file with this name on the image host."""
        return next((file for file in self.files.values() if file.key == key), None)


@dataclass(frozen=True, slots=True)
class Content:
    """What was found in some bytes."""

    name: str
    media_type: str
    width: int
    height: int
    thumbnail: bytes


def inspect(name: str, data: bytes) -> Content:
    """Type, size and thumbnail by content; the name's extension is corrected (as the help pages say).

    Slow for a large image, so it belongs into a thread. Raises Problem for more than 10 MB.
    """
    if len(data) > MOST_BYTES:
        raise problem.invalid_field("file_data", "Files may not be larger than 10 MB.")
    try:
        with Image.open(io.BytesIO(data)) as image:
            return _image(name, data, image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return Content(name, "application/octet-stream", 0, 0, b"")


def _image(name: str, data: bytes, image: Image.Image) -> Content:
    form = image.format or "PNG"
    width, height = image.size
    thumbnail = data
    if width * height <= _MOST_PIXELS:
        small = io.BytesIO()
        shrunk = image.convert("RGBA") if form != "JPEG" else image.convert("RGB")
        shrunk.thumbnail(_THUMBNAIL)
        shrunk.save(small, "JPEG" if form == "JPEG" else "PNG")
        thumbnail = small.getvalue()
    return Content(_renamed(name, form), Image.MIME.get(form, "image/png"), width, height, thumbnail)


def _renamed(name: str, form: str) -> str:
    extension = _EXTENSIONS.get(form, f".{form.lower()}")
    held = PurePosixPath(name).suffix.lower()
    if _SAME.get(held, held) == extension:
        return name
    return f"{name.removesuffix(PurePosixPath(name).suffix)}{extension}"
