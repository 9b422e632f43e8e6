"""Pictures are known by their bytes, and nothing that pretends to be one gets through."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from processor.domain.picture import (
    NAME_LENGTH,
    Picture,
    clean_name,
    is_too_many_pixels,
    look_at,
    shown_size,
)


def _made(form: str, size: tuple[int, int] = (320, 200), **more: object) -> bytes:
    packet = io.BytesIO()
    Image.new("RGB", size, (10, 90, 120)).save(packet, form, **more)
    return packet.getvalue()


@pytest.mark.parametrize(
    ("form", "media_type", "more"),
    [
        ("PNG", "image/png", {}),
        ("GIF", "image/gif", {}),
        ("JPEG", "image/jpeg", {}),
        ("JPEG", "image/jpeg", {"progressive": True, "icc_profile": b"x" * 100_000}),
        ("WEBP", "image/webp", {}),
        ("WEBP", "image/webp", {"lossless": True}),
        ("WEBP", "image/webp", {"icc_profile": b"x" * 64}),
    ],
)
def test_kind_and_dimensions_are_read_from_the_content(
    form: str, media_type: str, more: dict[str, object]
) -> None:
    """As those who made the files write them."""
    assert look_at(_made(form, **more)) == Picture(media_type, 320, 200)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<!doctype html><script>alert(1)</script>",
        b"%PDF-1.7",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xd9",
        b"GIF88a" + b"\1" * 20,
        b"RIFF\0\0\0\0WAVEfmt ",
        _made("PNG")[:19],
    ],
)
def test_what_is_no_picture_is_none(data: bytes) -> None:
    """Pages, documents, drawings with scripts, and pictures that end too soon."""
    assert look_at(data) is None


def test_a_bomb_is_refused_by_its_claim() -> None:
    """60,000 by 60,000 pixels in a file of a few bytes: nothing is unpacked to find that out."""
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", 60_000, 60_000, 8, 2, 0, 0, 0)
    found = look_at(bomb)
    assert found is not None
    assert is_too_many_pixels(found)
    assert not is_too_many_pixels(Picture("image/png", 8000, 6000))


@given(
    st.sampled_from([_made(form)[:700] for form in ("PNG", "GIF", "JPEG", "WEBP")]), st.binary(), st.data()
)
def test_no_bytes_bring_it_down(start: bytes, noise: bytes, data: st.DataObject) -> None:
    """Whatever follows a good beginning, however much of it is there."""
    cut = data.draw(st.integers(0, len(start)))
    look_at(start[:cut] + noise)


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("beach.jpg", "beach.png"),
        ("beach.PNG", "beach.PNG"),
        ("../../etc/passwd", "passwd.png"),
        ("C:\\photos\\a\0b\r\n.png", "a b.png"),
        ("invoice\u202egnp.exe", "invoice gnp.exe.png"),
        ("...", "photo.png"),
        ("", "photo.png"),
        ("Sommer in Älvsjö 2.5", "Sommer in Älvsjö 2.5.png"),
    ],
)
def test_names_are_cleaned(name: str, cleaned: str) -> None:
    """No folder, no control character, the ending that the content has."""
    assert clean_name(name, "image/png") == cleaned


@given(st.text(max_size=300))
def test_a_cleaned_name_stays_as_it_is(name: str) -> None:
    """And is never longer than it may be."""
    once = clean_name(name, "image/webp")
    assert clean_name(once, "image/webp") == once
    assert len(once) <= NAME_LENGTH


def test_sizes_are_written_as_people_write_them() -> None:
    """For the words about what is too large."""
    assert [shown_size(n) for n in (10, 655_360, 10_485_760, 15_099_494)] == [
        "1 KB",
        "640 KB",
        "10 MB",
        "14.4 MB",
    ]
