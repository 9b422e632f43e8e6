"""An application for a test of several web processes: each says who it is."""

from __future__ import annotations

import os
import sys

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from processor.web.server import serve_many


async def who(request: Request) -> PlainTextResponse:
    """Answer with the process's number."""
    return PlainTextResponse(str(os.getpid()))


def factory() -> Starlette:
    """Build the application."""
    return Starlette(routes=[Route("/who", who)])


if __name__ == "__main__":
    serve_many("tests.receiver.many:factory", workers=2, host="127.0.0.1", port=int(sys.argv[1]))
