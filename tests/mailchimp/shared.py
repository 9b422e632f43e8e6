"""Where the recorded and documented material lies, and how to do without it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

MATERIAL = Path(__file__).parents[2].parent / "shared" / "mailchimp"

needs_material = pytest.mark.skipif(
    not MATERIAL.is_dir(), reason="the shared Mailchimp material is not beside this project"
)


def sample(name: str) -> bytes:
    """The raw body of one webhook sample, byte for byte."""
    return (MATERIAL / "webhook-samples" / f"{name}.form").read_bytes()


def recorded_exchanges() -> list[dict[str, Any]]:
    """Recorded requests and answers, in their order."""
    exchanges: list[dict[str, Any]] = json.loads((MATERIAL / "recorded" / "exchanges.json").read_text())[
        "exchanges"
    ]
    return exchanges
