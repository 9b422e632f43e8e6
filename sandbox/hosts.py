"""What Mailchimp serves from other hosts, without credentials: gallery images and results of batches.

A credential that is sent there was given to a stranger: `world.leaks` remembers it.
"""

from __future__ import annotations

from hmac import compare_digest
from pathlib import PurePosixPath

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sandbox.api.batches import sign
from sandbox.world import World


async def image(request: Request) -> Response:
    """GET: the bytes of a file, or of its thumbnail."""
    world = _watched(request)
    account = world.accounts.get(request.path_params["account_id"])
    file = account.gallery.by_key(PurePosixPath(request.path_params["name"]).stem) if account else None
    if file is None:
        return PlainTextResponse("Not found", 404)
    small = request.path_params["part"] == "_thumbs"
    # Never rendered as a page of this host, whatever somebody uploaded.
    headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}
    return Response(file.thumbnail if small else file.data, media_type=file.media_type, headers=headers)


async def results(request: Request) -> Response:
    """GET: the results of a batch, for ten minutes after its address was given out."""
    world = _watched(request)
    batch_id = request.path_params["batch_id"]
    expires, signed = request.query_params.get("Expires", "0"), request.query_params.get("Signature", "")
    good = expires.isdigit() and compare_digest(sign(world, batch_id, int(expires)).encode(), signed.encode())
    if not good or int(expires) < world.clock.now_seconds():
        return PlainTextResponse(
            "<Error><Code>AccessDenied</Code></Error>", 403, media_type="application/xml"
        )
    for account in world.accounts.values():
        if batch := account.batches.by_id.get(batch_id):
            return Response(batch.archive, media_type="application/x-gzip")
    return PlainTextResponse("<Error><Code>NoSuchKey</Code></Error>", 404, media_type="application/xml")


def _watched(request: Request) -> World:
    world: World = request.app.state.world
    if "authorization" in request.headers:
        world.leaks.append(request.url.path)
    return world


ROUTES = [
    Route("/gallery/{account_id}/{part}/{name}", image, methods=["GET"]),
    Route("/batch-results/{batch_id}-response.tar.gz", results, methods=["GET"]),
]
