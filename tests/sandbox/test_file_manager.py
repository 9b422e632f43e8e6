"""Photos in the gallery."""

from __future__ import annotations

import base64
import io
from typing import Any

import httpx
from PIL import Image

from tests.sandbox.conftest import House


def _photo(width: int = 640, height: int = 480, form: str = "JPEG") -> bytes:
    packet = io.BytesIO()
    Image.new("RGB", (width, height), (10, 90, 120)).save(packet, form)
    return packet.getvalue()


def _upload(house: House, name: str, data: bytes, **more: Any) -> httpx.Response:
    body = {"name": name, "file_data": base64.b64encode(data).decode(), **more}
    return house.api.post("/file-manager/files", json=body, timeout=30)


def test_a_photo_comes_back_byte_for_byte_without_a_token(house: House) -> None:
    """Dimensions and type are found, the image host asks for no credentials."""
    data = _photo()
    made = _upload(house, "beach.jpg", data).json()
    assert (made["type"], made["width"], made["height"], made["size"]) == ("image", 640, 480, len(data))
    found = httpx.get(made["full_size_url"], trust_env=False)
    assert (found.content, found.headers["Content-Type"]) == (data, "image/jpeg")
    small = Image.open(io.BytesIO(httpx.get(made["thumbnail_url"], trust_env=False).content))
    assert max(small.size) <= 180


def test_a_token_that_is_sent_to_the_image_host_is_seen(house: House) -> None:
    """As a leak."""
    made = _upload(house, "beach.jpg", _photo()).json()
    httpx.get(made["full_size_url"], headers={"Authorization": f"Bearer {house.token}"}, trust_env=False)
    assert house.control.leaks() == [httpx.URL(made["full_size_url"]).path]


def test_the_content_decides_the_type_and_the_extension(house: House) -> None:
    """A PNG that calls itself .jpg is renamed, a text stays a file."""
    assert _upload(house, "chart.jpg", _photo(form="PNG")).json()["name"] == "chart.png"
    text = _upload(house, "notes.txt", b"hello").json()
    assert (text["type"], text["name"], text["width"]) == ("file", "notes.txt", 0)


def test_ten_megabytes_are_the_limit(house: House) -> None:
    """And what is no base64 is refused; both as Invalid Resource."""
    big = _upload(house, "big.bin", b"x" * (10 * 1024 * 1024 + 1))
    assert (big.status_code, big.json()["errors"][0]["field"]) == (400, "file_data")
    bad = house.api.post("/file-manager/files", json={"name": "x.jpg", "file_data": "not base64!"})
    assert bad.status_code == 400


def test_files_are_sorted_filtered_and_paged(house: House) -> None:
    """By name, size and date; by type; with the size of all."""
    for name, side in (("b.png", 30), ("a.png", 300)):
        _upload(house, name, _photo(side, side, "PNG"))
    _upload(house, "c.txt", b"hello")

    def names(**query: Any) -> list[str]:
        return [file["name"] for file in house.api.get("/file-manager/files", params=query).json()["files"]]

    assert names(sort_field="name") == ["a.png", "b.png", "c.txt"]
    assert names(sort_field="size", sort_dir="DESC")[0] == "a.png"
    assert names(type="file") == ["c.txt"]
    assert names(sort_field="name", count=1, offset=1) == ["b.png"]
    assert names(since_created_at="2999-01-01T00:00:00Z") == []
    body = house.api.get("/file-manager/files").json()
    assert body["total_items"] == 3
    assert body["total_file_size"] == sum(file["size"] for file in body["files"])


def test_folders_hold_files(house: House) -> None:
    """0 takes a file out; a deleted folder leaves its files; an unknown one is refused."""
    folder = house.api.post("/file-manager/folders", json={"name": "Photos"}).json()["id"]
    file = _upload(house, "a.jpg", _photo(), folder_id=folder).json()
    assert house.api.get(f"/file-manager/folders/{folder}").json()["file_count"] == 1
    assert house.api.get(f"/file-manager/folders/{folder}/files").json()["total_items"] == 1
    path = f"/file-manager/files/{file['id']}"
    assert house.api.patch(path, json={"folder_id": 0}).json()["folder_id"] == 0
    assert house.api.patch(path, json={"folder_id": 12345}).status_code == 400
    house.api.patch(path, json={"folder_id": folder})
    assert house.api.delete(f"/file-manager/folders/{folder}").status_code == 204
    assert house.api.get(path).json()["folder_id"] == 0
    assert house.api.delete(path).status_code == 204
    assert house.api.get(path).status_code == 404


def test_two_files_may_have_one_name(house: House) -> None:
    """They are two files."""
    ids = {_upload(house, "same.jpg", _photo()).json()["id"] for _ in range(2)}
    assert len(ids) == 2
