"""What AWS's Signature Version 4 asks for, written from its description: it checks what boto3 sends."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlsplit

NOTHING = hashlib.sha256(b"").hexdigest()


def signature(method: str, url: str, headers: Mapping[str, str], *, secret: str, region: str) -> str:
    """Return the signature of a call. `headers` are those that are signed, by their names in lower case,
    among them `x-amz-date` and `x-amz-content-sha256`."""
    parts = urlsplit(url)
    names = ";".join(sorted(headers))
    lines = [f"{name}:{headers[name].strip()}" for name in sorted(headers)]
    query = sorted(parse_qsl(parts.query, keep_blank_values=True))
    asked = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
    whole = "\n".join([method, parts.path, asked, *lines, "", names, headers["x-amz-content-sha256"]])
    moment = headers["x-amz-date"]
    scope = [moment[:8], region, "s3", "aws4_request"]
    digest = hashlib.sha256(whole.encode()).hexdigest()
    said = "\n".join(["AWS4-HMAC-SHA256", moment, "/".join(scope), digest])
    key = f"AWS4{secret}".encode()
    for part in scope:
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.new(key, said.encode(), "sha256").hexdigest()
