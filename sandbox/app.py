"""Puts the sandbox together: one place builds it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from sandbox import control_api, hosts, oauth
from sandbox.api.gate import Asked, answer
from sandbox.batches import BatchRunner
from sandbox.page import accounts, people, watch
from sandbox.page.common import not_there
from sandbox.page.guard import OwnPagesOnly
from sandbox.page.render import STATIC
from sandbox.saved import Saver
from sandbox.settings import Settings
from sandbox.world import World

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


def build(settings: Settings) -> Starlette:
    """The sandbox as an ASGI application; its World is `app.state.world`."""
    world = World(settings)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        saver = Saver(world, settings.state_file) if settings.state_file else None
        if saver:
            saver.restore()
        await world.courier.start()
        tasks = [asyncio.create_task(BatchRunner(world).run())]
        tasks += [asyncio.create_task(saver.run())] if saver else []
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await world.courier.stop()
            if saver:
                saver.save()

    app = Starlette(
        lifespan=lifespan,
        middleware=[Middleware(OwnPagesOnly)],
        exception_handlers={404: not_there},
        routes=[
            Route("/3.0", api, methods=_METHODS),
            Route("/3.0/{path:path}", api, methods=_METHODS),
            *oauth.ROUTES,
            *hosts.ROUTES,
            *control_api.ROUTES,
            *accounts.ROUTES,
            *people.ROUTES,
            *watch.ROUTES,
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
    )
    app.state.world = world
    return app


async def api(request: Request) -> Response:
    """Everything under `/3.0`."""
    reply = await answer(request.app.state.world, await _asked(request))
    return Response(reply.body, reply.status, headers=reply.headers)


async def _asked(request: Request) -> Asked:
    raw_path = request.scope.get("raw_path", b"").decode("ascii", "replace").partition("?")[0]
    return Asked(
        method=request.method,
        path=raw_path.removeprefix("/3.0") or "/",
        query_text=request.url.query,
        query=dict(request.query_params),
        raw=await request.body(),
        secrets=_secrets(request),
        base_url=oauth.base_url(request),
        ip=request.client.host if request.client else "",
        user_agent=request.headers.get("user-agent", ""),
        trigger=request.headers.get("x-trigger-error", ""),
    )


def _secrets(request: Request) -> tuple[str, ...]:
    """The credentials of a request: `Bearer`, `OAuth`, `Basic any:key`, `?apikey=`."""
    found = []
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() in ("bearer", "oauth", "apikey"):
        found.append(value.strip())
    elif kind.lower() == "basic":
        with contextlib.suppress(ValueError):
            found.append(base64.b64decode(value).decode().partition(":")[2])
    if key := request.query_params.get("apikey"):
        found.append(key)
    return tuple(found)
