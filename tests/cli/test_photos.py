"""Photos on the command line."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from tests.cli.test_cli import Desk, desk

__all__ = ["desk"]


def picture(folder: Path, name: str, colour: int = 90) -> str:
    """Save a small picture and return its path."""
    packet = io.BytesIO()
    Image.new("RGB", (64, 48), (colour, 10, 120)).save(packet, "PNG")
    path = folder / name
    path.write_bytes(packet.getvalue())
    return str(path)


def test_files_are_handed_over_and_listed(desk: Desk, tmp_path: Path) -> None:
    """A file of the same name is a new version; what is no picture is refused in words."""
    beach = picture(tmp_path, "beach.png")
    sent = desk.run("photos", "push", "con_a", beach)
    assert (sent.exit_code, "1 photo on the way to Mailchimp." in sent.output) == (0, True)
    picture(tmp_path, "beach.png", 7)
    assert desk.run("photos", "push", "con_a", beach).exit_code == 0
    listed = desk.said("photos", "ls", "con_a")
    assert [(one["name"], one["version"], one["state"]) for one in listed["here"]] == [
        ("beach.png", 2, "waiting")
    ]
    assert listed["there"] == []
    assert "Being sent to Mailchimp" in desk.run("photos", "ls", "con_a").output
    (tmp_path / "page.png").write_text("<!doctype html>")
    refused = desk.run("photos", "push", "con_a", str(tmp_path / "page.png"))
    assert refused.exit_code == 1
    assert "is not a kind of file" in refused.output


def test_what_is_to_be_brought_is_named(desk: Desk) -> None:
    """By numbers that were seen, or all; a connection that is not there is said not to be."""
    assert desk.run("photos", "pull", "con_a").exit_code == 2
    assert desk.run("photos", "pull", "con_a", "5").exit_code == 4
    assert "Everything is being brought" in desk.run("photos", "pull", "con_a", "--all").output
    assert desk.run("photos", "ls", "con_x").exit_code == 4
