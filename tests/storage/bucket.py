"""A small bucket over real HTTP that checks signatures, as a service that speaks S3 does."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from hashlib import sha256
from xml.sax.saxutils import escape

import pytest
from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from processor.web.server import Running
from tests.storage.signing import signature

KEY_ID, SECRET, REGION, BUCKET = "AKID", "s3cret", "eu-north-1", "photos"
PAGE = 2
PIECE_BYTES = 64 * 1024
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


class Bucket:
    """What is kept, by key. `refusals` are the statuses of the next answers; `cuts` breaks contents off half
    way; `calls` counts what was asked."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.refusals: list[int] = []
        self.cuts = False
        self.calls = 0
        self.app = Starlette(
            routes=[
                Route("/{bucket}", self._serve, methods=["GET"]),
                Route("/{bucket}/{key:path}", self._serve, methods=["GET", "PUT", "DELETE"]),
            ]
        )

    async def _serve(self, request: Request) -> Response:
        self.calls += 1
        if self.refusals:
            # The body was not read: as services do, end the connection.
            return Response(status_code=self.refusals.pop(0), headers={"connection": "close"})
        body = await request.body()
        if not _is_signed(request, body):
            return _refused("SignatureDoesNotMatch", 403)
        if request.path_params["bucket"] != BUCKET:
            return _refused("NoSuchBucket", 404)
        key = request.path_params.get("key", "")
        if not key:
            return self._names(request.query_params)
        if request.method == "PUT":
            self.kept[key] = body
            return Response()
        if request.method == "DELETE":
            self.kept.pop(key, None)
            return Response(status_code=204)
        return self._content(key)

    def _content(self, key: str) -> Response:
        if key not in self.kept:
            return _refused("NoSuchKey", 404)
        content = self.kept[key]
        told = {"content-length": str(len(content))}
        return StreamingResponse(
            _pieces(content[: len(content) // 2] if self.cuts else content), headers=told
        )

    def _names(self, asked: QueryParams) -> Response:
        """One page of names, in their order, and the token for more: the last name of the page."""
        after = asked.get("continuation-token", "")
        names = sorted(name for name in self.kept if name.startswith(asked["prefix"]) and name > after)
        page, has_more = names[:PAGE], len(names) > PAGE
        found = "".join(f"<Contents><Key>{escape(name)}</Key></Contents>" for name in page)
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if has_more else ""
        more = f"<IsTruncated>{str(has_more).lower()}</IsTruncated>{token}"
        return _xml(f'<ListBucketResult xmlns="{NAMESPACE}">{more}{found}</ListBucketResult>')


@contextmanager
def running(environment: pytest.MonkeyPatch) -> Iterator[tuple[Bucket, str]]:
    """Run a bucket, and give it with its PHOTO_STORAGE. Its key is in the environment."""
    nothing_of_the_machine(environment)
    environment.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    environment.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    made = Bucket()
    with Running(made.app) as server:
        yield made, f"s3://{BUCKET}?region={REGION}&endpoint={server.url}"


def nothing_of_the_machine(environment: pytest.MonkeyPatch) -> None:
    """Let boto3 find no key, profile or role of the machine that runs the tests."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        environment.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        environment.setenv(name, os.devnull)
    environment.setenv("AWS_EC2_METADATA_DISABLED", "true")


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for begin in range(0, len(content), PIECE_BYTES):
        yield content[begin : begin + PIECE_BYTES]


def _refused(code: str, status: int) -> Response:
    return _xml(f"<Error><Code>{code}</Code><Message>No: {SECRET}</Message></Error>", status)


def _xml(text: str, status: int = 200) -> Response:
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>{text}', status, media_type="application/xml")


def _is_signed(request: Request, body: bytes) -> bool:
    said = request.headers.get("authorization", "")
    names = re.search(r"SignedHeaders=([^,]+)", said)
    if names is None or request.headers.get("x-amz-content-sha256") != sha256(body).hexdigest():
        return False
    headers = {name: request.headers[name] for name in names[1].split(";")}
    if not {"host", "x-amz-date", "x-amz-content-sha256"} <= headers.keys():
        return False
    path, query = request.scope["raw_path"].decode(), request.scope["query_string"].decode()
    url = f"http://{headers['host']}{path}?{query}"
    expected = signature(request.method, url, headers, secret=SECRET, region=REGION)
    scope = f"{KEY_ID}/{headers['x-amz-date'][:8]}/{REGION}/s3/aws4_request"
    return f"Credential={scope}," in said and said.endswith(f"Signature={expected}")
