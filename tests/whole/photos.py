"""Pictures for tests, and what happened to them on both sides."""

from __future__ import annotations

import base64
import hashlib
import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from processor.photos.keep import Handed, keep
from processor.store import galleries, photos
from processor.store.galleries import View
from processor.store.photos import PhotoRow
from tests.whole.world import ACCOUNT, World

BOMB = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", 60_000, 60_000, 8, 2, 0, 0, 0)


def picture(colour: int = 90, size: tuple[int, int] = (64, 48), form: str = "PNG") -> bytes:
    """Return a small picture; another colour is another content."""
    packet = io.BytesIO()
    Image.new("RGB", size, (colour % 256, colour // 256 % 256, 120)).save(packet, form)
    return packet.getvalue()


def heavy(n: int, size_bytes: int) -> bytes:
    """Return a PNG of about this size: pixels and a long note, different for each `n`."""
    small = picture(n)
    note = hashlib.sha256(str(n).encode()).hexdigest().encode() * (size_bytes // 64)
    chunk = b"tEXt" + b"note\0" + note
    extra = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return small[:-12] + extra + small[-12:]


def hand(acme: World, data: bytes, name: str = "beach.png", **handed: Any) -> PhotoRow:
    """Hand a picture over as the platform does."""
    return keep(acme.kit, ACCOUNT, Handed(name, **handed), iter([data])).photo


def put_there(acme: World, data: bytes, name: str = "poster.png") -> dict[str, Any]:
    """Put a picture into Mailchimp's File Manager, as the marketer does."""
    body = {"name": name, "file_data": base64.b64encode(data).decode()}
    said: dict[str, Any] = api(acme, "POST", "/file-manager/files", json=body)
    return said


def there(acme: World) -> list[dict[str, Any]]:
    """Return Mailchimp's files, oldest first."""
    found: list[dict[str, Any]] = api(acme, "GET", "/file-manager/files?count=1000")["files"]
    return found


def api(acme: World, method: str, path: str, **more: Any) -> Any:
    """Call the sandbox's API as another tool does."""
    token = acme.control.token(acme.mailchimp_account)
    answer = httpx.request(
        method,
        f"{acme.control.url}/3.0{path}",
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
        **more,
    )
    answer.raise_for_status()
    return answer.json() if answer.content else None


def row(acme: World, photo_id: str) -> PhotoRow:
    """Return the photo as it stands."""
    with acme.house.store.read() as c:
        found = photos.get(c, photo_id)
    assert found is not None
    return found


def rows(acme: World) -> list[PhotoRow]:
    """Return the connection's photos, newest first."""
    with acme.house.store.read() as c:
        return photos.page(c, acme.connection_id, limit=1000)


def seen(acme: World) -> list[View]:
    """Return what was seen in Mailchimp."""
    with acme.house.store.read() as c:
        return galleries.views(c, acme.connection_id, limit=1000)


def bytes_there(acme: World, photo: PhotoRow) -> bytes:
    """Return what stands in Mailchimp for a photo."""
    url = api(acme, "GET", f"/file-manager/files/{photo.file_id}")["full_size_url"]
    assert url == photo.full_size_url
    return httpx.get(url).content


def content(acme: World, photo: PhotoRow) -> bytes:
    """Return what is kept of a photo."""
    return b"".join(acme.kit.storage.open(photo.key))


def kept_files(folder: Path) -> Iterator[Path]:
    """Yield every file that is kept below the data directory's photos."""
    return (path for path in (folder / "photos").rglob("*") if path.is_file())
