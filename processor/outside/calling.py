"""One call to an address that somebody else gave us."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

import httpcore
import httpx

from processor.errors import Unreached
from processor.outside.addresses import Resolve, ask, is_literal, is_outside, system_resolve
from processor.outside.stream import Checked

USER_AGENT = f"Bothways/{version('bothways')}"

_NAME = re.compile(rb"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?")
_A_NUMBER = re.compile(rb"(^|\.)([0-9]+|0[xX][0-9A-Fa-f]*)\.?$")
"""How a name ends that is an IP address in disguise (`2130706433`, `127.1`, `0x7f000001`): no domain does."""


@dataclass(frozen=True, slots=True)
class Ceilings:
    """What one call may cost. `total_seconds` counts from the name to the last byte."""

    connect_seconds: float = 5.0
    read_seconds: float = 15.0
    total_seconds: float = 20.0
    max_bytes: int = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Arriving:
    """An answer whose body is still on its way. `pieces` raises Unreached: too large, too slow, cut off."""

    status: int
    headers: Mapping[str, str]
    pieces: Iterator[bytes]


class Outside:
    """A way to addresses that somebody else gave us. Threads may share it; it holds nothing open."""

    def __init__(
        self,
        *,
        allow_private: bool = False,
        resolve: Resolve = system_resolve,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._allow_private = allow_private
        self._resolve = resolve
        self._trust = trust

    def check(self, url: str) -> httpx.URL:
        """Return the address, taken apart, without asking for its name: for a form that takes one.

        Raises Unreached: no https address (plain http is for private networks), one with a password in it,
        or an IP address that may not be called.
        """
        try:
            parts = httpx.URL(url)
        except (httpx.InvalidURL, ValueError, TypeError):
            raise Unreached("not_an_address") from None
        if parts.scheme not in {"https", "http"} or not _names_a_place(parts):
            raise Unreached("not_an_address")
        if parts.scheme == "http" and not self._allow_private:
            raise Unreached("not_https")
        if parts.userinfo:
            raise Unreached("has_password")
        if is_literal(parts.host) and not is_outside(parts.host, allow_private=self._allow_private):
            raise Unreached("not_outside")
        return parts

    def addresses(self, name: str, port: int, seconds: float = 5.0) -> list[str]:
        """Return those addresses of this host that may be called, never none.

        Raises Unreached: the name is not known, or none of its addresses is outside.
        """
        found = [name] if is_literal(name) else ask(self._resolve, name, port, seconds)
        allowed = [one for one in found if is_outside(one, allow_private=self._allow_private)]
        if not allowed:
            raise Unreached("not_outside")
        return allowed

    def fetch(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        ceilings: Ceilings | None = None,
    ) -> Answer:
        """Return what the address answers, whatever its status. Never follows a redirect.

        Raises Unreached; what was sent may have arrived all the same.
        """
        with self.opening(method, url, headers=headers, content=content, ceilings=ceilings) as arriving:
            return Answer(arriving.status, arriving.headers, b"".join(arriving.pieces))

    @contextmanager
    def opening(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        ceilings: Ceilings | None = None,
    ) -> Iterator[Arriving]:
        """Give the answer as it arrives, for what is large, or need not be read to its end. As `fetch`."""
        limits = ceilings or Ceilings()
        parts = self.check(url)
        backend = Checked(self.addresses, limits.connect_seconds, time.monotonic() + limits.total_seconds)
        asked = _request(parts, method, headers or {}, content, limits)
        line = httpcore.HTTPConnection(
            asked.url.origin,
            ssl_context=self._trust or _trust_of_all(),
            network_backend=backend,
            keepalive_expiry=0,
        )
        try:
            with _named_failures():
                response = line.handle_request(asked)
            heads = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in response.headers}
            yield Arriving(response.status, heads, _pieces(response, heads, limits.max_bytes))
        finally:
            line.close()


@cache
def _trust_of_all() -> ssl.SSLContext:
    """Return the authorities that everybody trusts; reading them takes a while, so once."""
    return httpx.create_ssl_context(trust_env=False)


def _names_a_place(parts: httpx.URL) -> bool:
    is_host = _NAME.fullmatch(parts.raw_host) is not None and not _A_NUMBER.search(parts.raw_host)
    is_host = is_host or is_literal(parts.host)
    return is_host and (parts.port is None or 0 < parts.port < 65536)


def _request(
    parts: httpx.URL, method: str, headers: Mapping[str, str], content: bytes, limits: Ceilings
) -> httpcore.Request:
    sent = {
        "Host": parts.netloc.decode("ascii"),
        "User-Agent": USER_AGENT,
        "Accept-Encoding": "identity",  # nothing to blow up here
        "Connection": "close",
        **headers,
    }
    if content or method.upper() not in {"GET", "HEAD"}:
        sent["Content-Length"] = str(len(content))
    wait = {"connect": limits.connect_seconds, "read": limits.read_seconds, "write": limits.read_seconds}
    target = httpcore.URL(
        scheme=parts.raw_scheme, host=parts.raw_host, port=parts.port, target=parts.raw_path
    )
    return httpcore.Request(
        method, target, headers=list(sent.items()), content=content, extensions={"timeout": wait}
    )


def _pieces(response: httpcore.Response, heads: Mapping[str, str], max_bytes: int) -> Iterator[bytes]:
    said = heads.get("content-length", "")
    left = max_bytes - (int(said) if said.isdecimal() and int(said) > max_bytes else 0)
    with _named_failures():
        for piece in response.iter_stream() if left >= 0 else ():
            left -= len(piece)
            if left < 0:
                break
            yield piece
    if left < 0:
        raise Unreached("too_large")


@contextmanager
def _named_failures() -> Iterator[None]:
    """Turn the library's errors into ours: theirs carry the request, and with it secrets."""
    try:
        yield
    except httpcore.TimeoutException:
        reason = "timeout"
    except httpcore.ConnectError as error:
        reason = "tls" if _is_about_tls(error) else "connect"
    except httpcore.ProtocolError:
        reason = "not_http"
    except (httpcore.NetworkError, OSError):
        reason = "cut_off"
    else:
        return
    raise Unreached(reason)


def _is_about_tls(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error is not None
