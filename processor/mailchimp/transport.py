"""One call over the network: its slot, its time-outs, its headers, its record. It never tries again."""

from __future__ import annotations

import json
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import version
from typing import IO, Any
from urllib.parse import urlsplit

import httpx

from processor.config import LOOPBACK_HOSTS
from processor.errors import Gone, MailchimpError, Passing, Reconnect
from processor.mailchimp.limits import Slots
from processor.mailchimp.protocol import API_PATH, Request, decipher

USER_AGENT = f"Bothways/{version('bothways')}"
MAX_ANSWER_BYTES = 64 * 1024 * 1024
MAX_DOWNLOAD_BYTES = 256 * 1024 * 1024
_IN_MEMORY_BYTES = 8 * 1024 * 1024
_DOWNLOAD_SECONDS = 600.0
_RUN_OUT_STATUSES = frozenset({400, 403, 404, 410})
"""Cloud storages differ in what they say to a signed URL that is too old."""


_ABSENT_STATUSES = frozenset({404, 410})
_PIECE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a call may take. The total is looked at whenever bytes arrive, so that an answer that
    trickles ends as well. Mailchimp itself gives up after 120 s (facts.md 6.4)."""

    connect_seconds: float = 5.0
    read_seconds: float = 30.0
    slow_read_seconds: float = 45.0
    """For 500 new members in one call."""
    total_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Call:
    """What happened to one call, for attempts and metrics: no secret and no address is in it.

    `template` has names in place of ids. `status` is None when there was no answer; `instance` is
    Mailchimp's number for the answer; `code` is "" for success, else the catalogue's.
    """

    method: str
    template: str
    status: int | None
    seconds: float
    instance: str
    code: str


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: httpx.Headers
    body: bytes


def open_http(*, max_connections: int = 100) -> httpx.Client:
    """Return the connection pool that all clients of a process share.

    It keeps no cookies: Mailchimp's CDN sets some, and one account's must not be sent with another's calls.
    """
    limits = httpx.Limits(max_connections=max_connections, max_keepalive_connections=max_connections)
    jar = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
    return httpx.Client(limits=limits, cookies=jar, follow_redirects=False, verify=_authorities())


@cache
def _authorities() -> ssl.SSLContext:
    """Reading all authorities in takes longer than most calls: once in a process is enough."""
    return httpx.create_ssl_context()


class Transport:
    """Carries requests to one Mailchimp account with one token."""

    def __init__(
        self,
        http: httpx.Client,
        api_base: str,
        token: str,
        slots: Slots,
        account_key: str,
        *,
        on_call: Callable[[Call], None] | None = None,
        timeouts: Timeouts | None = None,
        slot_wait_seconds: float = 15.0,
    ) -> None:
        if not token.isascii() or not token.isprintable() or not token or " " in token:
            # Such a token would be shown in the text of the HTTP library's own error.
            raise Reconnect("reconnect")
        self._http = http
        self._base = api_base.rstrip("/") + API_PATH
        self._authorization = f"Bearer {token}"
        self._slots = slots
        self._account_key = account_key
        self._on_call = on_call
        self._timeouts = timeouts or Timeouts()
        self._slot_wait_seconds = slot_wait_seconds

    def send(self, request: Request) -> dict[str, Any] | None:
        """Return what Mailchimp answers, None for an empty answer. Raises the MailchimpError that fits;
        Passing(code="network") when there was no answer: the call may have been carried out or not."""
        with self._slots.hold(self._account_key, wait_seconds=self._slot_wait_seconds):
            said, error, call = self._carry(request)
        if self._on_call:  # with the slot given back: whoever listens may take its time
            self._on_call(call)
        if error:
            raise error
        return said

    def _carry(self, request: Request) -> tuple[dict[str, Any] | None, MailchimpError | None, Call]:
        started = time.monotonic()
        status, instance, code = None, "", ""
        said, failure = None, None
        try:
            answer = self._exchange(request)
            status, instance = answer.status, answer.headers.get("x-request-id", "")
            said = decipher(answer.status, answer.headers, answer.body)
        except MailchimpError as error:
            failure, code, instance = error, error.code, error.instance or instance
        seconds = time.monotonic() - started
        return said, failure, Call(request.method, request.template, status, seconds, instance, code)

    @contextmanager
    def download(self, url: str) -> Iterator[IO[bytes]]:
        """Give the bytes behind a URL of the cloud storage as a temporary file.

        The token is not sent along: the storage is not Mailchimp's API. Raises Gone when the URL has run
        out, Passing when the storage does not answer or the bytes never end.
        """
        asked = self._http.build_request("GET", _fit_to_fetch(url), timeout=self._timeout(is_slow=False))
        asked.headers["User-Agent"] = USER_AGENT
        with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as kept:
            with self._answering(asked) as response:
                if response.status_code in _RUN_OUT_STATUSES:
                    raise Gone("gone", status=response.status_code)
                if response.status_code != 200:
                    raise Passing("mailchimp_down", status=response.status_code)
                for piece in self._pieces(response.iter_raw(), MAX_DOWNLOAD_BYTES, _DOWNLOAD_SECONDS):
                    kept.write(piece)
            kept.seek(0)
            yield kept

    @contextmanager
    def stream(self, url: str, max_bytes: int) -> Iterator[Iterator[bytes]]:
        """Give the bytes behind a URL of the image host, as they arrive.

        The token is not sent along: it is not Mailchimp's API. Raises Gone when nothing is there, Passing
        when the host does not answer, and, while they are read, when the bytes are too many or too slow.
        """
        asked = self._http.build_request("GET", _fit_to_fetch(url), timeout=self._timeout(is_slow=False))
        asked.headers["User-Agent"] = USER_AGENT
        with self._answering(asked) as response:
            if response.status_code in _ABSENT_STATUSES:
                raise Gone("gone", status=response.status_code)
            if response.status_code != 200:
                raise Passing("mailchimp_down", status=response.status_code)
            yield self._pieces(response.iter_bytes(_PIECE_BYTES), max_bytes, self._timeouts.total_seconds)

    def _exchange(self, request: Request) -> _Answer:
        headers = {
            "Authorization": self._authorization,
            "User-Agent": USER_AGENT,
            "Accept": "application/json",
        }
        content: bytes | Iterator[bytes] | None = None
        if request.content is not None:
            # A length that is told: not every server in between takes a body without one.
            headers |= {"Content-Type": "application/json", "Content-Length": str(request.content.length)}
            content = self._in_time(request.content.pieces(), self._timeouts.total_seconds)
        elif request.json is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(request.json, allow_nan=False).encode()
        asked = self._http.build_request(
            request.method,
            self._base + request.path,
            params=request.params or None,
            headers=headers,
            content=content,
            timeout=self._timeout(is_slow=request.is_slow),
        )
        with self._answering(asked) as response:
            pieces = self._pieces(response.iter_bytes(), MAX_ANSWER_BYTES, self._timeouts.total_seconds)
            return _Answer(response.status_code, response.headers, b"".join(pieces))

    @contextmanager
    def _answering(self, asked: httpx.Request) -> Iterator[httpx.Response]:
        try:
            response = self._http.send(asked, stream=True, auth=None, follow_redirects=False)
            try:
                yield response
            finally:
                response.close()
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            # `from None`: the library's error carries the request, and with it the token and the URL.
            raise Passing("network", detail=type(error).__name__) from None

    def _pieces(self, arriving: Iterator[bytes], max_bytes: int, total_seconds: float) -> Iterator[bytes]:
        deadline = time.monotonic() + total_seconds
        left_bytes = max_bytes
        for piece in arriving:
            left_bytes -= len(piece)
            if left_bytes < 0 or time.monotonic() > deadline:
                raise Passing("network", detail="TooLarge" if left_bytes < 0 else "TooSlow")
            yield piece

    def _in_time(self, leaving: Iterator[bytes], total_seconds: float) -> Iterator[bytes]:
        deadline = time.monotonic() + total_seconds
        for piece in leaving:
            if time.monotonic() > deadline:
                raise Passing("network", detail="TooSlow")
            yield piece

    def _timeout(self, *, is_slow: bool) -> httpx.Timeout:
        times = self._timeouts
        read_seconds = times.slow_read_seconds if is_slow else times.read_seconds
        return httpx.Timeout(read_seconds, connect=times.connect_seconds, pool=times.connect_seconds)


def _fit_to_fetch(url: str) -> str:
    """Return the URL. Raises MailchimpError for one that would be read on its way."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS):
        raise MailchimpError("refused", detail="The address that Mailchimp gave is not an https address.")
    return url
