"""Photos in a bucket: anything that speaks S3 (AWS, MinIO, R2, …), for web and worker on different machines.

Four calls, signed as AWS asks (Signature Version 4): too few for a library of theirs.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx

from processor.errors import StorageDown
from processor.storage import PIECE_BYTES, Received, checked_key

NOTHING = hashlib.sha256(b"").hexdigest()
_KEY_IN_LIST = re.compile(r"<Key>([^<]+)</Key>")
_TIMES = httpx.Timeout(30.0, connect=5.0)


class S3Storage:
    """Keeps pictures in a bucket. `endpoint` is the service's address, `bucket` stands in the path."""

    def __init__(
        self,
        *,
        endpoint: str,
        region: str,
        bucket: str,
        key_id: str,
        secret: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._region, self._bucket = region, bucket
        self._key_id, self._secret = key_id, secret
        self._now = now
        self._http = httpx.Client(timeout=_TIMES, follow_redirects=False, trust_env=False)

    @property
    def scratch(self) -> Path:
        """A directory for files that are arriving, on this machine."""
        return Path(tempfile.gettempdir()) / "bothways-arriving"

    def put(self, key: str, received: Received) -> None:
        """Keep what was received: a bucket has an object whole, or not at all."""
        sent = {"content-length": str(received.size_bytes)}
        self._ask("PUT", checked_key(key), digest=received.digest, path=received.path, headers=sent)

    def open(self, key: str) -> Iterator[bytes]:
        """Return the content in pieces."""
        answer = self._send("GET", checked_key(key))
        if answer.status_code == 404:
            answer.close()
            raise FileNotFoundError(key)
        self._expect(answer, 200)

        def pieces() -> Iterator[bytes]:
            try:
                yield from answer.iter_bytes(PIECE_BYTES)
            except httpx.HTTPError as error:
                raise StorageDown(type(error).__name__) from None
            finally:
                answer.close()

        return pieces()

    def delete(self, key: str) -> None:
        """Delete it, if it is there."""
        self._ask("DELETE", checked_key(key), good=(200, 204, 404))

    def delete_all(self, folder: str) -> None:
        """Delete everything in the folder, a page of names at a time."""
        prefix = checked_key(f"{folder}/x")[:-1]
        while True:
            listed = self._ask("GET", "", query={"list-type": "2", "prefix": prefix})
            found = [key for key in _KEY_IN_LIST.findall(listed) if key.startswith(prefix)]
            for key in found:
                self.delete(key)
            if not found:
                return

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _ask(
        self,
        method: str,
        key: str,
        *,
        query: Mapping[str, str] | None = None,
        digest: str = NOTHING,
        path: Path | None = None,
        headers: Mapping[str, str] | None = None,
        good: tuple[int, ...] = (200, 204),
    ) -> str:
        answer = self._send(method, key, query=query, digest=digest, path=path, headers=headers)
        try:
            self._expect(answer, *good)
            return answer.read().decode("utf-8", "replace")
        except httpx.HTTPError as error:
            raise StorageDown(type(error).__name__) from None
        finally:
            answer.close()

    def _send(
        self,
        method: str,
        key: str,
        *,
        query: Mapping[str, str] | None = None,
        digest: str = NOTHING,
        path: Path | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        address = f"{self._endpoint}/{quote(self._bucket)}" + (f"/{quote(key)}" if key else "")
        asked = canonical_query(query or {})
        url = f"{address}?{asked}" if asked else address
        signed = signed_headers(
            method,
            url,
            {"x-amz-content-sha256": digest},
            key_id=self._key_id,
            secret=self._secret,
            region=self._region,
            at=self._now(),
        )
        body = None if path is None else _pieces(path)
        try:
            request = self._http.build_request(
                method, httpx.URL(url), headers={**signed, **(headers or {})}, content=body
            )
            return self._http.send(request, stream=True)
        except httpx.HTTPError as error:
            # `from None`: the library's error carries the request, and with it the signature.
            raise StorageDown(type(error).__name__) from None

    @staticmethod
    def _expect(answer: httpx.Response, *good: int) -> None:
        if answer.status_code not in good:
            answer.close()
            raise StorageDown(f"the bucket answers {answer.status_code}")


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def canonical_query(query: Mapping[str, str]) -> str:
    """Return a query as it is signed and sent."""
    return "&".join(f"{quote(name, safe='')}={quote(query[name], safe='')}" for name in sorted(query))


def signed_headers(
    method: str, url: str, headers: Mapping[str, str], *, key_id: str, secret: str, region: str, at: datetime
) -> dict[str, str]:
    """Return the headers with AWS's Signature Version 4. `headers` has `x-amz-content-sha256`; all of them,
    the host and the time are signed. Pure."""
    parts = urlsplit(url)
    moment = at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    signed = {name.lower(): value for name, value in headers.items()}
    signed |= {"host": parts.netloc, "x-amz-date": moment}
    names = ";".join(sorted(signed))
    lines = [f"{name}:{signed[name]}" for name in sorted(signed)]
    digest = signed["x-amz-content-sha256"]
    asked = "\n".join([method, parts.path or "/", parts.query, *lines, "", names, digest])
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    said = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(asked.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for part in (moment[:8], region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    signature = hmac.new(key, said.encode(), hashlib.sha256).hexdigest()
    signed["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return signed
