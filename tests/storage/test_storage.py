"""Where pictures are kept: a directory or a bucket, behind one interface."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from processor.errors import StorageDown, Unfit
from processor.storage import LocalStorage, Storage, receive
from processor.storage.s3 import NOTHING, S3Storage, signed_headers
from processor.web.server import Running
from tests.storage.bucket import BUCKET, KEY_ID, REGION, SECRET, Bucket


@pytest.fixture
def bucket() -> Iterator[tuple[Bucket, S3Storage]]:
    """A bucket that runs, and the way to it."""
    made = Bucket()
    with Running(made.app) as server:
        storage = S3Storage(endpoint=server.url, region=REGION, bucket=BUCKET, key_id=KEY_ID, secret=SECRET)
        yield made, storage
        storage.close()


def _put(storage: Storage, key: str, data: bytes) -> None:
    with receive(storage.scratch, iter([data[:5], data[5:]]), 1_000_000) as received:
        storage.put(key, received)


def _read(storage: Storage, key: str) -> bytes:
    return b"".join(storage.open(key))


def _behaves(storage: Storage) -> None:
    data = b"abc" * 100_000
    _put(storage, "con_a/one", data)
    _put(storage, "con_a/two", b"second")
    _put(storage, "con_a/three", b"third")
    _put(storage, "con_ab/four", b"other")
    assert (_read(storage, "con_a/one"), _read(storage, "con_a/two")) == (data, b"second")
    storage.delete("con_a/two")
    storage.delete("con_a/two")
    with pytest.raises(FileNotFoundError):
        storage.open("con_a/two")
    for _ in range(2):
        storage.delete_all("con_a")
    for key in ("con_a/one", "con_a/three"):
        with pytest.raises(FileNotFoundError):
            storage.open(key)
    assert _read(storage, "con_ab/four") == b"other"
    for key in ("../x", "con_a/../../x", "/etc/passwd", "con_a/", "a/b/c", "con_a/.."):
        with pytest.raises(ValueError):
            storage.open(key)


def test_a_directory_keeps_pictures(tmp_path: Path) -> None:
    """Whole, in pieces, and nowhere else; what is deleted twice is gone."""
    _behaves(LocalStorage(tmp_path))


def test_a_bucket_keeps_pictures(bucket: tuple[Bucket, S3Storage]) -> None:
    """The same, over signed calls; names come in pages."""
    _behaves(bucket[1])
    assert list(bucket[0].kept) == ["con_ab/four"]


def test_a_bucket_that_is_down_or_refuses_is_said_to_be(bucket: tuple[Bucket, S3Storage]) -> None:
    """Nothing is taken for kept, and no secret is in the words."""
    made, storage = bucket
    made.is_down = True
    with pytest.raises(StorageDown):
        _put(storage, "con_a/one", b"x")
    made.is_down = False
    nobody = S3Storage(
        endpoint=storage._endpoint, region=REGION, bucket=BUCKET, key_id=KEY_ID, secret="another"
    )
    with pytest.raises(StorageDown) as refused:
        _put(nobody, "con_a/one", b"x")
    nobody.close()
    assert "another" not in str(refused.value)
    assert made.kept == {}


def test_what_arrives_is_bounded_and_leaves_nothing(tmp_path: Path) -> None:
    """Neither when it is too much, nor when it is not kept, nor when it breaks off."""
    with pytest.raises(Unfit), receive(tmp_path, iter([b"x" * 11]), 10):
        pass
    with receive(tmp_path, iter([b"x" * 10]), 10) as received:
        assert (received.size_bytes, received.head) == (10, b"x" * 10)

    def broken() -> Iterator[bytes]:
        yield b"x"
        raise ConnectionResetError

    with pytest.raises(StorageDown), receive(tmp_path, broken(), 10):
        pass
    assert list(tmp_path.iterdir()) == []


def test_many_may_arrive_at_once(tmp_path: Path) -> None:
    """Each has a file of its own."""
    storage = LocalStorage(tmp_path)
    threads = [
        threading.Thread(target=_put, args=(storage, f"con_a/n{n}", bytes([n]) * 70_000)) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [_read(storage, f"con_a/n{n}") for n in range(8)] == [bytes([n]) * 70_000 for n in range(8)]


def test_calls_are_signed_as_aws_signs_them() -> None:
    """The worked example of AWS's own documentation (GET Object, 24 May 2013)."""
    signed = signed_headers(
        "GET",
        "https://examplebucket.s3.amazonaws.com/test.txt",
        {"Range": "bytes=0-9", "x-amz-content-sha256": NOTHING},
        key_id="AKIAIOSFODNN7EXAMPLE",
        secret="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        region="us-east-1",
        at=datetime(2013, 5, 24, tzinfo=UTC),
    )
    expected = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    assert signed["authorization"].endswith(f"Signature={expected}")
