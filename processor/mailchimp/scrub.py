"""Text that a database refuses, made harmless before anybody keeps it."""

from __future__ import annotations

import re
from typing import Any

REPLACEMENT = "\ufffd"
_UNKEEPABLE = re.compile("[\x00\ud800-\udfff]")


def scrub(text: str) -> str:
    """Return the text with NULs and lone surrogates replaced by U+FFFD.

    PostgreSQL refuses the first and UTF-8 the second. Replaced, not removed: an address that loses a
    character could become somebody else's.
    """
    return _UNKEEPABLE.sub(REPLACEMENT, text)


def scrub_json(value: Any) -> Any:
    """Return decoded JSON with every string and key scrubbed. The nesting is what the decoder allowed."""
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, dict):
        return {scrub(key): scrub_json(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [scrub_json(inner) for inner in value]
    return value
