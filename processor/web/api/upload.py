"""Reads a picture that a caller sends, within its bounds: as `multipart/form-data`, or as JSON."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from processor.domain.picture import MOST_BYTES
from processor.errors import Invalid
from processor.kit import Kit
from processor.storage import PIECE_BYTES, too_large
from processor.web.api.asked import Refused, checked, parse
from processor.web.deadlines import UPLOAD_SECONDS
from processor.web.models.photo import PhotoAsked

MULTIPART = "multipart/form-data"
BESIDE_BYTES = 64 * 1024
"""What may stand round a picture: the other fields, and the lines between."""
MOST_FIELDS = 10
FIELD_BYTES = 16 * 1024
_LETTERS = PIECE_BYTES // 3 * 4


@dataclass
class Upload:
    """What a caller has sent: JSON that is still to be read, or the fields and the file of a form."""

    json: bytes | None = None
    fields: dict[str, Any] | None = None
    file: UploadFile | None = None

    def asked(self) -> PhotoAsked:
        """Return what is asked for. Raises Refused, Invalid."""
        if self.json is not None:
            asked = checked(PhotoAsked, parse(self.json))
            self.json = None  # the text is in `asked` now: hold it once
            if (asked.data is None) == (asked.url is None):
                raise Invalid("Send the picture in `data`, or say in `url` where it is.", "data")
            return asked
        fields = dict(self.fields or {})
        if "push" in fields:
            fields["push"] = {"true": True, "1": True, "false": False, "0": False}.get(fields["push"], "?")
        if {"data", "url"} & fields.keys():
            raise Invalid("In a form the picture is the file `file`; for an address send JSON.", "file")
        if self.file is None:
            raise Invalid("Send the picture as the file `file`.", "file")
        return checked(PhotoAsked, {"name": self.file.filename, **fields})

    def pieces(self, asked: PhotoAsked) -> Iterator[bytes]:
        """Yield the picture. Raises Invalid for what is no base64."""
        if self.file is not None:
            while piece := self.file.file.read(PIECE_BYTES):
                yield piece
        elif asked.data is not None:
            yield from decoded(asked.data)

    def close(self) -> None:
        """Forget the file. Safe to repeat."""
        if self.file is not None:
            self.file.file.close()


def decoded(text: str) -> Iterator[bytes]:
    """Yield what the base64 stands for, in pieces. Raises Invalid."""
    try:
        for start in range(0, len(text), _LETTERS):
            yield base64.b64decode(text[start : start + _LETTERS], validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("This is no base64.", "data") from None


async def read(kit: Kit, request: Request) -> Upload:  # noqa: ARG001
    """Return what was sent. Raises Unfit for a picture that is too large, before it is read where its length
    is told; Refused for a body that is too slow, cut off, or of another kind."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {MULTIPART, "application/json"}:
        raise Refused(415, "Send the picture as multipart/form-data, or JSON with base64 or an address.")
    most = MOST_BYTES if kind == MULTIPART else (MOST_BYTES + 2) // 3 * 4
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length) > most + BESIDE_BYTES:
        size = int(length) if kind == MULTIPART else int(length) // 4 * 3
        raise too_large(MOST_BYTES, size)
    try:
        async with asyncio.timeout(UPLOAD_SECONDS):
            if kind == MULTIPART:
                return await _form(request, most + BESIDE_BYTES)
            return Upload(json=b"".join([piece async for piece in _bounded(request, most + BESIDE_BYTES)]))
    except TimeoutError:
        raise Refused(408, "The body did not arrive in time.") from None
    except ClientDisconnect:
        raise Refused(400, "The sender left.") from None


async def _form(request: Request, most_bytes: int) -> Upload:
    parser = MultiPartParser(
        request.headers,
        _bounded(request, most_bytes),
        max_files=1,
        max_fields=MOST_FIELDS,
        max_part_size=FIELD_BYTES,
    )
    try:
        form = await parser.parse()
    except (MultiPartException, UnicodeDecodeError, KeyError):
        raise Refused(400, "This is not the form of one picture.") from None
    upload = Upload(fields={})
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            if name != "file":
                raise Invalid("Send the picture as the file `file`.", "file")
            upload.file = value
        else:
            assert upload.fields is not None
            upload.fields[name] = value
    return upload


async def _bounded(request: Request, most_bytes: int) -> AsyncGenerator[bytes, None]:
    left = most_bytes
    async for piece in request.stream():
        left -= len(piece)
        if left < 0:
            raise too_large(MOST_BYTES)
        yield piece
