"""One installation for the tests of a module: they use contacts of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.web.house import DATABASES, open_database
from tests.whole.world import World, world


@pytest.fixture(scope="module", params=DATABASES)
def acme(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The whole product with one connected audience, embedded, beside the sandbox."""
    folder = tmp_path_factory.mktemp("acme")
    with open_database(request.param) as url, world(folder, database_url=url) as made:
        yield made
