"""Ids that people see: a prefix that says of what, and sixteen letters that nobody can guess."""

from __future__ import annotations

import base64
import secrets

CONNECTION = "con"
API_KEY = "key"


def new_id(prefix: str) -> str:
    """Return a new id such as `con_mfzwizltoq2gk3tu` (80 random bits, base32)."""
    return f"{prefix}_{base64.b32encode(secrets.token_bytes(10)).decode().lower()}"
