"""What a picture is, read from its first bytes: its kind and its dimensions, whatever its name says.

Nothing is decompressed, so a small file that claims a huge picture (a "zip bomb") costs nothing and is
refused by its claim. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass

HEAD_BYTES = 256 * 1024
"""How much of a file is looked at: a JPEG may have that much before its dimensions (a camera's preview)."""
MOST_BYTES = 10 * 1024 * 1024
"""Mailchimp's limit for one file (facts.md 7)."""
MOST_PIXELS = 100_000_000
"""More than any camera that makes files of 10 MB, and less than what brings a browser down."""
NAME_LENGTH = 100

EXTENSIONS: Mapping[str, str] = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/webp": "webp",
}
_SPELLINGS = {"jpeg": "jpg", "jpe": "jpg"}
_EXTENSION = re.compile(r"\.([A-Za-z0-9]{1,5})$")
_SEPARATORS = re.compile(r"[/\\:]")
_BLANKS = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as its first bytes describe it, in pixels."""

    media_type: str
    width: int
    height: int


def look_at(head: bytes) -> Picture | None:
    """Return the picture that begins with these bytes (up to HEAD_BYTES of them); None for what is none, or
    claims no dimensions. Never raises."""
    for begins, read in _KINDS:
        if head.startswith(begins):
            try:
                found = read(head)
            except IndexError:  # it ends before its dimensions
                return None
            return found if found is not None and found.width > 0 and found.height > 0 else None
    return None


def is_too_many_pixels(picture: Picture) -> bool:
    """Whether it claims more pixels than anybody should be asked to draw."""
    return picture.width * picture.height > MOST_PIXELS


def clean_name(name: str, media_type: str) -> str:
    """Return the name as a file's in Mailchimp: no folders, no control characters, not longer than a hundred
    characters, and with the ending that its content has."""
    last = _SEPARATORS.split(name)[-1]
    kept = "".join(letter if unicodedata.category(letter)[0] != "C" else " " for letter in last)
    stem = _BLANKS.sub(" ", kept).strip(" .")
    ending = _EXTENSION.search(stem)
    extension = EXTENSIONS[media_type]
    if ending and _SPELLINGS.get(ending[1].lower(), ending[1].lower()) in {*EXTENSIONS.values()}:
        if _SPELLINGS.get(ending[1].lower(), ending[1].lower()) == extension:
            extension = ending[1]
        stem = stem[: ending.start()].strip(" .")
    return f"{stem[: NAME_LENGTH - len(extension) - 1].strip(' .') or 'photo'}.{extension}"


def shown_size(size_bytes: int) -> str:
    """Return a size as people write it: `14 MB`, `640 KB`."""
    if size_bytes >= 1024 * 1024:
        return f"{size_bytes / 1024 / 1024:.1f}".removesuffix(".0") + " MB"
    return f"{max(1, round(size_bytes / 1024))} KB"


def _png(head: bytes) -> Picture | None:
    if head[12:16] != b"IHDR":
        return None
    return Picture("image/png", _big(head, 16, 4), _big(head, 20, 4))


def _gif(head: bytes) -> Picture | None:
    if head[:6] not in {b"GIF87a", b"GIF89a"}:
        return None
    return Picture("image/gif", _little(head, 6, 2), _little(head, 8, 2))


_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of a JPEG that are followed by its dimensions."""
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers that nothing follows."""


def _jpeg(head: bytes) -> Picture | None:
    at = 2
    while at < len(head):
        if head[at] != 0xFF:
            return None
        marker = head[at + 1]
        if marker == 0xFF:  # padding
            at += 1
        elif marker in _FRAMES:
            return Picture("image/jpeg", _big(head, at + 7, 2), _big(head, at + 5, 2))
        elif marker in _BARE:
            at += 2
        elif marker in {0xD9, 0xDA}:  # the picture begins, or is over, and no dimensions were told
            return None
        else:
            at += 2 + max(2, _big(head, at + 2, 2))
    return None


def _webp(head: bytes) -> Picture | None:
    if head[8:12] != b"WEBP":
        return None
    kind = head[12:16]
    if kind == b"VP8X":
        return Picture("image/webp", _little(head, 24, 3) + 1, _little(head, 27, 3) + 1)
    if kind == b"VP8L" and head[20] == 0x2F:
        bits = _little(head, 21, 4)
        return Picture("image/webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        return Picture("image/webp", _little(head, 26, 2) & 0x3FFF, _little(head, 28, 2) & 0x3FFF)
    return None


def _big(head: bytes, at: int, size: int) -> int:
    return int.from_bytes(_part(head, at, size), "big")


def _little(head: bytes, at: int, size: int) -> int:
    return int.from_bytes(_part(head, at, size), "little")


def _part(head: bytes, at: int, size: int) -> bytes:
    part = head[at : at + size]
    if len(part) < size:
        raise IndexError
    return part


_KINDS: tuple[tuple[bytes, Callable[[bytes], Picture | None]], ...] = (
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"GIF8", _gif),
    (b"\xff\xd8\xff", _jpeg),
    (b"RIFF", _webp),
)
