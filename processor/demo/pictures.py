"""One picture each way: the platform hands one over, the marketer puts one into Mailchimp by hand."""

from __future__ import annotations

import base64
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from processor.demo.stage import ACCOUNT, Stage

Tell = Callable[[str], None]
WIDTH, HEIGHT = 320, 200
ARRIVES_WITHIN_SECONDS = 20.0
SUNRISE = "sunrise.png"
POSTER = "summer-sale.png"


def show(stage: Stage, connection_id: str, tell: Tell) -> None:
    """Let a picture go each way, once: a demo that goes on has them on both sides already."""
    names = {one["name"] for one in _photos(stage, connection_id)}
    if SUNRISE not in names:
        _platform_hands_over(stage, connection_id, tell)
    if POSTER not in names:
        _marketer_puts_one_there(stage, connection_id, tell)


def _platform_hands_over(stage: Stage, connection_id: str, tell: Tell) -> None:
    began = time.monotonic()
    data = base64.b64encode(picture((255, 190, 90), (40, 60, 120))).decode()
    handed = {"name": SUNRISE, "ref": SUNRISE, "data": data, "connection": connection_id, "push": True}
    stage.send("POST", f"/v1/accounts/{ACCOUNT}/photos", handed)
    _tell(tell, "platform -> Mailchimp", SUNRISE, _arrived(stage, connection_id, SUNRISE), began)


def _marketer_puts_one_there(stage: Stage, connection_id: str, tell: Tell) -> None:
    account = stage.play("GET", "/accounts")["accounts"][0]["id"]
    file = {"file": (POSTER, picture((230, 80, 110), (250, 240, 200)))}
    httpx.post(f"{stage.sandbox_url}/accounts/{account}/gallery", files=file, timeout=30)
    began = time.monotonic()
    stage.send("POST", f"/v1/connections/{connection_id}/photos/pull", {})
    _tell(tell, "Mailchimp -> platform", POSTER, _arrived(stage, connection_id, POSTER), began)


def _tell(tell: Tell, way: str, name: str, arrived: bool, began: float) -> None:
    when = f"arrived after {time.monotonic() - began:.1f} s" if arrived else "has not arrived yet"
    tell(f"{way}   the picture {name}   {when}")


def _arrived(stage: Stage, connection_id: str, name: str) -> bool:
    deadline = time.monotonic() + ARRIVES_WITHIN_SECONDS
    while time.monotonic() < deadline:
        if any(p["name"] == name and p["state"] == "in_sync" for p in _photos(stage, connection_id)):
            return True
        time.sleep(0.1)
    return False


def _photos(stage: Stage, connection_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stage.get(f"/v1/connections/{connection_id}/photos", limit=200)["photos"]
    return found


def picture(above: tuple[int, int, int], below: tuple[int, int, int]) -> bytes:
    """Return a PNG that goes from one colour into another."""
    rows = b"".join(b"\0" + bytes(_mixed(above, below, y / HEIGHT)) * WIDTH for y in range(HEIGHT))
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _mixed(above: tuple[int, int, int], below: tuple[int, int, int], share: float) -> Iterator[int]:
    return (round(a + (b - a) * share) for a, b in zip(above, below, strict=True))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
