"""Photos kept in a bucket, as web and worker on different machines need it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from processor.photos import ask
from processor.uninstall import uninstall
from tests.storage.bucket import Bucket, running
from tests.whole.photos import bytes_there, content, hand, heavy, put_there, row, rows
from tests.whole.world import ACCOUNT, World, until, world


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Bucket, str]]:
    """A bucket that runs, with its PHOTO_STORAGE."""
    with running(monkeypatch) as made:
        yield made


@pytest.fixture
def acme(tmp_path: Path, bucket: tuple[Bucket, str]) -> Iterator[World]:
    """The whole product, with the bucket for its photos."""
    with world(tmp_path, photo_storage=bucket[1]) as made:
        yield made


def test_pictures_wait_for_a_bucket_that_is_down(acme: World, bucket: tuple[Bucket, str]) -> None:
    """They come by themselves when it answers again, byte for byte."""
    put_there(acme, heavy(1, 300_000))
    bucket[0].refusals = [503] * 3
    ask.look(acme.kit, acme.connection_id, ACCOUNT)
    ask.pull(acme.kit, acme.connection_id, ACCOUNT)
    until(lambda: rows(acme) and rows(acme)[0].state == "in_sync")
    assert bucket[0].refusals == []
    assert bucket[0].kept == {rows(acme)[0].key: heavy(1, 300_000)}
    assert content(acme, rows(acme)[0]) == heavy(1, 300_000)


def test_a_photo_goes_up_from_the_bucket_and_uninstalling_empties_it(
    acme: World, bucket: tuple[Bucket, str]
) -> None:
    """Byte for byte."""
    photo = hand(acme, heavy(2, 300_000), push=True)
    until(lambda: row(acme, photo.id).state == "in_sync")
    assert bytes_there(acme, row(acme, photo.id)) == heavy(2, 300_000)
    uninstall(acme.kit, acme.connection_id)
    assert bucket[0].kept == {}
