"""Every route beside the webhook's and the health pages: the REST API with its document, and the pages."""

from __future__ import annotations

import httpx
from starlette.routing import BaseRoute

from processor.kit import Kit
from processor.web import openapi, ops, photos, portal
from processor.web.api import endpoint
from processor.web.api.operation import Operation
from processor.web.api.table import OPERATIONS
from processor.web.oauth import ConnectPages
from processor.web.pages import static


def routes(kit: Kit, http: httpx.Client) -> list[BaseRoute]:
    """Return the routes; `http` is for the calls to the login host."""
    return [
        *(endpoint.route(kit, path, operations) for path, operations in by_path().items()),
        openapi.route(OPERATIONS),
        *ConnectPages(kit, http).routes(),
        *portal.routes(kit, http),
        *ops.routes(kit),
        photos.route(kit),
        static(),
    ]


def by_path() -> dict[str, list[Operation]]:
    """Return the operations by address, in the order of the table, which is the order of the routes."""
    found: dict[str, list[Operation]] = {}
    for operation in OPERATIONS:
        found.setdefault(operation.path, []).append(operation)
    return found
