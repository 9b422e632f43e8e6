"""Shows addresses in part, and secrets not at all."""

from __future__ import annotations

import re

from processor.log import redact_secrets

# Bounded, and beginning at a word's edge: a delivery may be a quarter of a megabyte of anything.
_ADDRESS = re.compile(r"(?<![\w.+%-])([\w.+%-])[\w.+%-]{0,200}?(@|%40)([\w-])[\w.-]{0,250}", re.IGNORECASE)


def masked(text: str | None, is_masked: bool) -> str:
    """Return the text without secrets, and, where that is asked for, with addresses as `j…@m…`."""
    if not text:
        return ""
    text = redact_secrets(text)
    return _ADDRESS.sub(r"\1…\2\3…", text) if is_masked else text
