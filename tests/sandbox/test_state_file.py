"""The demo survives a restart."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from pathlib import Path

import httpx
import pytest

from sandbox.app import build
from sandbox.saved import load
from sandbox.server import Running
from sandbox.settings import Settings


def _api(running: Running, token: str) -> httpx.Client:
    return httpx.Client(
        base_url=f"{running.url}/3.0", headers={"Authorization": f"Bearer {token}"}, trust_env=False
    )


def _live(running: Running) -> tuple[str, str]:
    control = running.control
    account = control.account("Maple Street")
    one = control.audience(
        account.id, interests=[{"title": "T", "names": ["Tea"]}], marketing_permissions=True
    )
    token = control.token(account.id)
    control.add(one.id, "jo@maple.test", tags=["vip"], merge_fields={"FNAME": "Jo"})
    control.edit(one.id, "jo@maple.test", interests={one.interests["Tea"]: True})
    control.add(one.id, "left@maple.test")
    control.unsubscribe(one.id, "left@maple.test")
    control.add(one.id, "gone@maple.test")
    control.delete(one.id, "gone@maple.test")
    control.add(one.id, "last@maple.test", vip=True)
    with _api(running, token) as api:
        photo = {"name": "x.txt", "file_data": base64.b64encode(b"hello").decode()}
        api.post("/file-manager/files", json=photo)
        digest = hashlib.md5(b"jo@maple.test", usedforsecurity=False).hexdigest()
        api.post(f"/lists/{one.id}/members/{digest}/notes", json={"note": "Called."})
        location = {"location": {"latitude": 1.5, "longitude": 2.5}}
        api.patch(f"/lists/{one.id}/members/jo@maple.test", json=location)
    return one.id, token


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    """Members with contact ids, tags, opt-outs; tokens; files; forgotten addresses."""
    settings = Settings(port=0, state_file=tmp_path / "state" / "sandbox.json")
    with Running(settings) as first:
        one, token = _live(first)
        before = first.control.members(one)
        with _api(first, token) as api:
            shown = api.get(f"/lists/{one}/members/jo@maple.test", params={"exclude_fields": "_links"}).json()
    with Running(settings) as second:
        assert second.control.members(one) == before
        with _api(second, token) as api:
            again = api.get(f"/lists/{one}/members/jo@maple.test", params={"exclude_fields": "_links"}).json()
            assert again == shown
            assert api.get("/file-manager/files").json()["files"][0]["size"] == 5
            gone = api.post(
                f"/lists/{one}/members", json={"email_address": "gone@maple.test", "status": "subscribed"}
            )
            assert gone.json()["title"] == "Forgotten Email Not Subscribed"
        # A new member gets a serial of its own, though one before it was forgotten.
        added = second.control.add(one, "new@maple.test")
        assert added["contact_id"] not in {member["contact_id"] for member in before.values()}


def test_a_change_is_written_within_moments_and_for_the_owner_only(tmp_path: Path) -> None:
    """Without a shutdown; tokens are in the file."""
    path = tmp_path / "sandbox.json"
    with Running(Settings(port=0, state_file=path)) as running:
        running.control.account("Maple Street")
        until = time.monotonic() + 5
        while not path.exists() and time.monotonic() < until:
            time.sleep(0.05)
        assert json.loads(path.read_text())["accounts"][0]["name"] == "Maple Street"
        assert path.stat().st_mode & 0o077 == 0
        assert [file.name for file in tmp_path.iterdir()] == ["sandbox.json"]


def test_a_file_of_another_version_is_refused() -> None:
    """With a word on what to do."""
    world = build(Settings()).state.world
    with pytest.raises(ValueError, match="remove it"):
        load(world, {"version": 99})
