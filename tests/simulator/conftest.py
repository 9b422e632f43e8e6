"""One sandbox and one database for all histories of a test run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulator.ground import Ground, ground


@pytest.fixture(scope="session")
def on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A sandbox without a socket, and SQLite."""
    with ground(tmp_path_factory.mktemp("simulated")) as made:
        yield made
