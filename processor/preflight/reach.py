"""Whether Mailchimp can reach us: it checks our webhook's address at once, and calls it from then on."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx

from processor.mailchimp.transport import open_http
from processor.preflight.finding import Finding, told

ANSWER_SECONDS = 3.0
"""Somebody waits for the page that shows it."""
_INNER = ("localhost", ".localhost", ".local", ".internal", ".lan", ".home.arpa", ".test", ".invalid")


def reach(public: str, api_base: str) -> Iterator[Finding]:
    """Yield what is wrong with our public address, seen from this Mailchimp. Raises nothing."""
    if is_private(urlsplit(public).hostname or "") and not is_private(urlsplit(api_base).hostname or ""):
        yield told("url_private", blocking=True)
    elif not _answers(public + "/healthz"):
        yield told("url_silent", blocking=False)


def is_private(host: str) -> bool:
    """Whether this host is known on this machine or in its own network only. A name is not looked up."""
    try:
        return not ipaddress.ip_address(host.strip("[]")).is_global
    except ValueError:
        name = host.lower().rstrip(".")
        return "." not in name or name.endswith(_INNER)


def _answers(url: str) -> bool:
    try:
        with open_http(max_connections=1) as http:
            return http.get(url, timeout=ANSWER_SECONDS).status_code == 200
    except httpx.HTTPError:
        return False
