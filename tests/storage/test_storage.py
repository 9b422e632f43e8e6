"""Where pictures are kept: a directory, and what every place has in common."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from processor import doctor
from processor.doctor import Finding
from processor.errors import StorageDown, Unfit
from processor.storage import LocalStorage, Storage, receive
from tests.web.house import Clock, open_api


def put(storage: Storage, key: str, data: bytes) -> None:
    """Keep this, as somebody hands it over."""
    with receive(storage.scratch, iter([data[:5], data[5:]]), 1_000_000) as received:
        storage.put(key, received)


def read(storage: Storage, key: str) -> bytes:
    """Return what is kept."""
    return b"".join(storage.open(key))


def behaves(storage: Storage) -> None:
    """Whole, in pieces, and nowhere else; what is deleted twice is gone."""
    data = b"abc" * 100_000
    put(storage, "con_a/one", data)
    put(storage, "con_a/two", b"second")
    put(storage, "con_a/three", b"third")
    put(storage, "con_ab/four", b"other")
    assert (read(storage, "con_a/one"), read(storage, "con_a/two")) == (data, b"second")
    storage.delete("con_a/two")
    storage.delete("con_a/two")
    with pytest.raises(FileNotFoundError):
        storage.open("con_a/two")
    for _ in range(2):
        storage.delete_all("con_a")
    for key in ("con_a/one", "con_a/three"):
        with pytest.raises(FileNotFoundError):
            storage.open(key)
    assert read(storage, "con_ab/four") == b"other"
    for key in ("../x", "con_a/../../x", "/etc/passwd", "con_a/", "a/b/c", "con_a/.."):
        with pytest.raises(ValueError):
            storage.open(key)


def test_a_directory_keeps_pictures(tmp_path: Path) -> None:
    """As any place does."""
    behaves(LocalStorage(tmp_path))


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
        threading.Thread(target=put, args=(storage, f"con_a/n{n}", bytes([n]) * 70_000)) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [read(storage, f"con_a/n{n}") for n in range(8)] == [bytes([n]) * 70_000 for n in range(8)]


def test_the_doctor_keeps_reads_and_deletes_a_probe(tmp_path: Path) -> None:
    """And leaves nothing behind; where the directory cannot be written to, it says what to check."""
    with open_api(tmp_path, Clock()) as api:
        directory = tmp_path / "photos"

        def photos() -> Finding:
            found = doctor.examine(api.kit, None, api.house.http)
            return next(one for one in found if one.part == "photos")

        assert photos().ok
        assert [one for one in directory.rglob("*") if one.is_file()] == []
        shutil.rmtree(directory)
        directory.write_text("a file stands where the directory is to be")
        assert not photos().ok
        assert "DATA_DIR" in photos().remedy
