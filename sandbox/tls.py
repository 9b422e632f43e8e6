"""Who is trusted over TLS."""

from __future__ import annotations

import ssl
from functools import cache


@cache
def authorities() -> ssl.SSLContext:
    """Return the usual authorities. Reading them in takes longer than most calls: once is enough."""
    return ssl.create_default_context()
