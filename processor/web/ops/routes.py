"""Every address of the ops pages."""

from __future__ import annotations

from starlette.routing import Route

from processor.kit import Kit
from processor.web.ops import connections, entrance, events, home, replays, webhooks
from processor.web.ops.door import Door

CONNECTION = "/connections/{connection}"


def routes(kit: Kit) -> list[Route]:
    """Return the routes."""
    door = Door(kit)
    return [
        entrance.route(kit),
        door.to("", get=home.home),
        door.to("/sign-out", post=entrance.leave),
        door.to("/connections", get=connections.listed),
        door.to(CONNECTION, get=connections.one),
        door.to(f"{CONNECTION}/pause", post=connections.pause),
        door.to(f"{CONNECTION}/resume", post=connections.resume),
        door.to(f"{CONNECTION}/sweep", post=connections.sweep),
        door.to(f"{CONNECTION}/retry", post=connections.retry),
        door.to("/events", get=events.listed),
        door.to("/events/{event}", get=events.one),
        door.to("/webhooks", get=webhooks.listed),
        door.to("/replays", get=replays.listed, post=replays.begin),
        door.to("/replays/new", get=replays.plan),
        door.to("/replays/{replay}", get=replays.watch),
        door.to("/replays/{replay}/cancel", post=replays.cancel),
    ]
