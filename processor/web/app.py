"""The web application: which routes there are, and what every request passes through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from processor.attempt import write_down
from processor.doorkeeper import Doorkeeper
from processor.errors import StoreDown
from processor.kit import Kit
from processor.receive import Receiver
from processor.web import problem, webhooks
from processor.web.access import Access
from processor.web.ending import tell_of_the_end
from processor.web.headers import SecurityHeaders
from processor.web.health import Health
from processor.web.webhooks import Webhooks

CLOSING_SECONDS = 1.0
NOTING_SECONDS = 10.0
"""How often the calls of this process are written down: what pages ask of Mailchimp. Workers have a clock."""


def build(kit: Kit, *, routes: Sequence[BaseRoute] = ()) -> Starlette:
    """Return the application: the webhook endpoint and the health pages, then `routes`.

    Its lifespan starts the receiver's threads and stops them after the last request: what was taken is
    committed and answered before the process ends. `app.state.kit` and `app.state.receiver` are for routes.
    """
    receiver = Receiver(kit.store, kit.bell)
    doorkeeper = Doorkeeper(kit.store, kit.sealer, kit.now)
    health = Health(kit, receiver)
    endpoint = Webhooks(
        receiver,
        doorkeeper,
        kit.now,
        max_body_bytes=kit.settings.max_body_bytes,
    )

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:  # noqa: ARG001
        tell_of_the_end(kit.stopping)
        receiver.start()
        noting = asyncio.create_task(_write_calls_down(kit))
        try:
            yield
        finally:
            noting.cancel()
            await receiver.stop()
            with suppress(TimeoutError):  # a database that hangs: the process ends without it
                closing = (asyncio.to_thread(part.close) for part in (doorkeeper, health))
                await asyncio.wait_for(asyncio.gather(*closing), CLOSING_SECONDS)

    every_route = [endpoint.route(), *health.routes(), *routes]
    app = Starlette(
        routes=every_route,
        middleware=[  # outermost first
            Middleware(Access, routes=every_route, quiet=webhooks.PATH),
            Middleware(SecurityHeaders, machines=(webhooks.START,)),
        ],
        exception_handlers=dict(problem.HANDLERS),
        lifespan=lifespan,
    )
    # It would answer a webhook's path with a slash at its end by sending the secret back in Location.
    app.router.redirect_slashes = False
    app.state.kit = kit
    app.state.receiver = receiver
    return app


async def _write_calls_down(kit: Kit) -> None:
    while True:
        await asyncio.sleep(NOTING_SECONDS)
        with suppress(StoreDown):  # the next time
            await asyncio.to_thread(write_down, kit)
