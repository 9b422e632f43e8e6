"""One installation for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.whole.world import World, world


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[World]:
    """The whole product with one connected audience, embedded, beside the sandbox."""
    with world(tmp_path) as made:
        yield made
