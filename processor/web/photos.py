"""`/photos/…`: the content of one photo, for whoever has its signed address."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from processor.kit import Kit
from processor.photos import link, read
from processor.store.photos import PhotoRow

STRICT = "default-src 'none'; sandbox"
"""A picture is nothing but a picture, also when somebody opens it as a page."""


def route(kit: Kit) -> Route:
    """Return the route."""

    async def serve(request: Request) -> Response:
        parts = request.path_params
        return await run_in_threadpool(_answer, kit, parts["photo"], parts["expires"], parts["signature"])

    return Route("/photos/{photo}/{expires}/{signature}", serve, methods=["GET"], name="photo")


def _answer(kit: Kit, photo_id: str, expires: str, signature: str) -> Response:
    row = link.opened(kit, photo_id, expires, signature)
    return picture(read.content(kit, row), row)


def picture(pieces: Iterator[bytes], row: PhotoRow) -> Response:
    """Return the answer that carries a kept picture."""
    headers = {
        "Content-Length": str(row.size_bytes),
        "Content-Disposition": f"inline; filename*=UTF-8''{quote(row.name, safe='')}",
        "Content-Security-Policy": STRICT,
        "Cache-Control": "private, max-age=300",
    }
    return StreamingResponse(pieces, headers=headers, media_type=row.media_type)
