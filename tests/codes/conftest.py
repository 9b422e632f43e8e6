"""One installation for the tests of a module: each test brings customers of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.codes.place import Town, town


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """The installation."""
    with town(tmp_path_factory.mktemp("town")) as running:
        yield running
