"""A small bucket over real HTTP that checks signatures, as a service that speaks S3 does."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from processor.storage.s3 import signed_headers

KEY_ID, SECRET, REGION, BUCKET = "AKID", "s3cret", "eu-north-1", "photos"
PAGE = 2


class Bucket:
    """What is kept, by key. `is_down` answers everything with 503."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.is_down = False
        self.app = Starlette(
            routes=[
                Route("/{bucket}", self._serve, methods=["GET"]),
                Route("/{bucket}/{key:path}", self._serve, methods=["GET", "PUT", "DELETE"]),
            ]
        )

    async def _serve(self, request: Request) -> Response:
        if self.is_down:
            return Response(status_code=503)
        body = await request.body()
        if not _is_signed(request, body):
            return Response("<Error><Code>SignatureDoesNotMatch</Code></Error>", 403)
        key = unquote(request.path_params.get("key", ""))
        if not key:
            prefix = request.query_params["prefix"]
            found = sorted(name for name in self.kept if name.startswith(prefix))[:PAGE]
            return Response("".join(f"<Contents><Key>{name}</Key></Contents>" for name in found))
        if request.method == "PUT":
            self.kept[key] = body
            return Response()
        if request.method == "DELETE":
            self.kept.pop(key, None)
            return Response(status_code=204)
        return Response(self.kept[key]) if key in self.kept else Response(status_code=404)


def _is_signed(request: Request, body: bytes) -> bool:
    said = request.headers.get("authorization", "")
    names = re.search(r"SignedHeaders=([^,]+)", said)
    if names is None or request.headers.get("x-amz-content-sha256") != sha256(body).hexdigest():
        return False
    at = datetime.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    headers = {name: request.headers[name] for name in names[1].split(";")}
    url = f"http://{request.headers['host']}{request.scope['raw_path'].decode()}"
    query = request.scope["query_string"].decode()
    asked = f"{url}?{query}" if query else url
    expected = signed_headers(
        request.method, asked, headers, key_id=KEY_ID, secret=SECRET, region=REGION, at=at
    )
    return expected["authorization"] == said
