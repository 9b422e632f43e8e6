"""Reads a form of ours within its bounds."""

from __future__ import annotations

import asyncio

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from processor.errors import Invalid

KIND = "application/x-www-form-urlencoded"
OWN = frozenset({"same-origin", "none"})
"""`Sec-Fetch-Site` of a form of ours. Not `Origin`: with `Referrer-Policy: no-referrer` it is `null`."""
MAX_BYTES = 262_144
MAX_FIELDS = 1000
"""A field map has a few values for each field, and an audience up to 80 merge fields and 60 interests."""


def is_own(request: Request) -> bool:
    """Whether no other site sent it, as far as the browser tells."""
    return request.headers.get("sec-fetch-site", "none") in OWN


async def form_of(request: Request, timeout_seconds: float) -> FormData:
    """Return the form's texts. Raises Invalid for one that is none of ours, or does not arrive in time."""
    length = request.headers.get("content-length", "")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != KIND or not (length.isascii() and length.isdigit() and int(length) <= MAX_BYTES):
        raise Invalid("This is not the form that we sent.")
    try:
        async with asyncio.timeout(timeout_seconds):
            form = await request.form(max_files=0, max_fields=MAX_FIELDS)
    except (TimeoutError, ClientDisconnect, HTTPException):
        raise Invalid("The form did not arrive whole.") from None
    return FormData([(name, text) for name, text in form.multi_items() if isinstance(text, str)])
