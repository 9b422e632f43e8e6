"""Photos both ways: sent up once, brought down whole, and every failure in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from processor import install
from processor.domain.connection import ConnectionState
from processor.domain.plan import MemberState
from processor.errors import Conflict, Unfit
from processor.photos import ask, work
from processor.photos.keep import Handed, fetch
from tests.whole.photos import (
    BOMB,
    api,
    bytes_there,
    content,
    hand,
    heavy,
    kept_files,
    picture,
    put_there,
    row,
    rows,
    seen,
    there,
)
from tests.whole.world import ACCOUNT, World, until


def _in_sync(acme: World, *photo_ids: str) -> bool:
    return all(row(acme, one).state == MemberState.IN_SYNC for one in photo_ids)


def _posts(acme: World) -> int:
    return acme.control.calls(acme.mailchimp_account).get("POST /file-manager/files", 0)


def test_a_photo_goes_up_byte_for_byte_and_the_platform_is_told(acme: World) -> None:
    """Nothing is sent before it is asked for; then Mailchimp's number and address come with the feed."""
    photo = hand(acme, heavy(1, 700_001), "My beach.png", ref="p-1")
    assert (photo.state, photo.reason) == ("excluded", "photo_not_sent")
    assert there(acme) == []
    ask.push(acme.kit, photo.id, ACCOUNT)
    until(lambda: _in_sync(acme, photo.id))
    (file,) = there(acme)
    assert (file["name"], file["size"]) == ("My beach.png", photo.size_bytes)
    assert bytes_there(acme, row(acme, photo.id)) == heavy(1, 700_001)
    told = [one.change for one in acme.changes() if one.change.kind == "photo"]
    assert told[-1].contact_id == photo.id
    assert told[-1].contact is not None
    assert told[-1].contact["mailchimp"] == {
        "file_id": file["id"],
        "full_size_url": file["full_size_url"],
        "is_newest": True,
    }
    assert acme.control.leaks() == []


def test_the_same_content_is_not_sent_twice(acme: World) -> None:
    """Neither under another name at the same time, nor again, nor for asking twice."""
    first = hand(acme, picture(1), "a.png", push=True)
    second = hand(acme, picture(1), "b.png", push=True)
    until(lambda: _in_sync(acme, first.id, second.id))
    ask.push(acme.kit, first.id, ACCOUNT)
    third = hand(acme, picture(1), "c.png", push=True)
    until(lambda: _in_sync(acme, third.id))
    assert len(there(acme)) == _posts(acme) == 1
    assert {row(acme, one.id).file_id for one in (first, second, third)} == {there(acme)[0]["id"]}


@pytest.mark.parametrize("replace", [True, False])
def test_a_new_version_takes_the_old_ones_place_by_rule(acme: World, replace: bool) -> None:
    """Or stays beside it. Handing over what is there already changes nothing."""
    ask.change_rules(
        acme.kit, acme.connection_id, ACCOUNT, {"push_at_once": True, "replace": replace, "folder": "Shop"}
    )
    photo = hand(acme, picture(1), ref="p-1")
    until(lambda: _in_sync(acme, photo.id))
    assert hand(acme, picture(1), ref="p-1").version == 1
    assert hand(acme, picture(2), ref="p-1").version == 2
    until(lambda: row(acme, photo.id).sent_digest == row(acme, photo.id).digest)
    until(lambda: _in_sync(acme, photo.id))
    assert len(there(acme)) == (1 if replace else 2)
    assert bytes_there(acme, row(acme, photo.id)) == picture(2)
    folders = api(acme, "GET", "/file-manager/folders")["folders"]
    assert [folder["name"] for folder in folders] == ["Shop"]
    assert {file["folder_id"] for file in there(acme)} == {folders[0]["id"]}
    assert content(acme, row(acme, photo.id)) == picture(2)


def test_pictures_come_down_byte_for_byte(acme: World, tmp_path: Path) -> None:
    """First seen, then the chosen one, then all, without the token, in a form that the platform may fetch."""
    chosen, other = put_there(acme, heavy(1, 300_000)), put_there(acme, picture(2), "logo.png")
    put_there(acme, b"hello", "notes.txt")
    ask.look(acme.kit, acme.connection_id, ACCOUNT)
    until(lambda: {view.file_id for view in seen(acme)} == {chosen["id"], other["id"]})
    assert rows(acme) == []
    ask.pull(acme.kit, acme.connection_id, ACCOUNT, file_ids=[chosen["id"]])
    until(lambda: rows(acme) and _in_sync(acme, rows(acme)[0].id))
    (photo,) = rows(acme)
    assert (content(acme, photo), photo.width, photo.height) == (heavy(1, 300_000), 64, 48)
    assert ask.pull(acme.kit, acme.connection_id, ACCOUNT, file_ids=[chosen["id"]]) == 0
    ask.pull(acme.kit, acme.connection_id, ACCOUNT)
    until(lambda: len(rows(acme)) == 2 and _in_sync(acme, *(one.id for one in rows(acme))))
    assert acme.control.leaks() == []
    assert len(list(kept_files(tmp_path))) == 2
    assert [one.change.origin for one in acme.changes() if one.change.kind == "photo"] == ["mailchimp"] * 2


def test_what_is_new_in_mailchimp_comes_by_itself_where_that_is_wished(acme: World) -> None:
    """Not what was there before, and not what we have sent ourselves."""
    put_there(acme, picture(1), "old.png")
    ask.look(acme.kit, acme.connection_id, ACCOUNT)
    until(lambda: seen(acme))
    acme.control.clock(5)
    ask.change_rules(acme.kit, acme.connection_id, ACCOUNT, {"bring_new": True, "look_minutes": 1})
    mine = hand(acme, picture(2), push=True)
    until(lambda: _in_sync(acme, mine.id))
    new = put_there(acme, picture(3), "new.png")
    ask.look(acme.kit, acme.connection_id, ACCOUNT, whole=False)
    until(lambda: [one.file_id for one in rows(acme) if one.origin == "mailchimp"] == [new["id"]])
    until(lambda: all(one.state == "in_sync" for one in rows(acme)))
    assert len(rows(acme)) == 2


def test_what_somebody_deletes_in_mailchimp_is_said_and_can_be_sent_again(acme: World) -> None:
    """A whole look finds it; nothing is sent by itself."""
    photo = hand(acme, picture(1), push=True)
    until(lambda: _in_sync(acme, photo.id))
    api(acme, "DELETE", f"/file-manager/files/{row(acme, photo.id).file_id}")
    ask.look(acme.kit, acme.connection_id, ACCOUNT)
    until(lambda: row(acme, photo.id).reason == "photo_gone")
    assert seen(acme) == []
    ask.push(acme.kit, photo.id, ACCOUNT)
    until(lambda: _in_sync(acme, photo.id))
    assert len(there(acme)) == 1


def test_a_token_that_is_revoked_in_the_middle_stops_the_connection_and_keeps_the_photos(acme: World) -> None:
    """They wait without having failed, and go on after reconnecting."""
    acme.control.latency(0.1)
    photos = [hand(acme, picture(n), f"{n}.png", push=True) for n in range(12)]
    until(lambda: len(there(acme)) >= 2)
    acme.control.revoke(acme.mailchimp_account)
    until(lambda: acme.state() == ConnectionState.RECONNECT)
    until(lambda: all(row(acme, one.id).claim is None for one in photos))
    left = [row(acme, one.id) for one in photos if row(acme, one.id).state != "in_sync"]
    assert left
    assert {(one.state, one.reason) for one in left} == {("waiting", None)}
    acme.reconnect()
    until(lambda: _in_sync(acme, *(one.id for one in photos)), 30)
    assert len(there(acme)) == 12


def test_an_answer_that_never_came_is_found_again_instead_of_sent_twice(acme: World) -> None:
    """The picture had arrived; another one of the same size is not taken for it."""
    put_there(acme, picture(9), "beach.png")
    acme.control.fail(503, path="/file-manager/files", method="POST", after=True, remaining=1)
    photo = hand(acme, picture(1), push=True)
    until(lambda: _in_sync(acme, photo.id))
    assert len(there(acme)) == 2
    assert bytes_there(acme, row(acme, photo.id)) == picture(1)


def test_mailchimps_outage_only_delays(acme: World) -> None:
    """What was refused for a while goes up by itself."""
    acme.control.fail(503, path="/file-manager/*")
    photo = hand(acme, picture(1), push=True)
    until(lambda: row(acme, photo.id).reason == "mailchimp_down")
    acme.control.mend()
    until(lambda: _in_sync(acme, photo.id), 20)


def test_what_is_no_picture_is_not_kept(acme: World, tmp_path: Path) -> None:
    """A page named .png, a bomb, nothing at all, and too much: nothing is left of it on the disk."""
    for data, code in (
        (b"<!doctype html><script>alert(1)</script>", "photo_type"),
        (BOMB, "photo_pixels"),
        (b"", "photo_type"),
        (picture() + b"\0" * (10 * 1024 * 1024), "photo_too_large"),
    ):
        with pytest.raises(Unfit) as refused:
            hand(acme, data, "innocent.png")
        assert refused.value.code == code
    for url in (
        "http://127.0.0.1:9/x.png",
        "https://169.254.169.254/latest",
        "https://10.0.0.1/a.png",
        "file:///etc/passwd",
    ):
        with pytest.raises(Unfit) as refused:
            fetch(acme.kit, ACCOUNT, Handed(""), url)
        assert refused.value.code == "photo_address"
    assert rows(acme) == []
    assert list(kept_files(tmp_path)) == []


def test_an_endless_file_is_refused_as_soon_as_it_is_too_large(acme: World, tmp_path: Path) -> None:
    """200 MB are not read to their end."""
    read = 0

    def pieces() -> object:
        nonlocal read
        yield picture()
        for _ in range(3200):
            read += 64 * 1024
            yield b"\0" * 64 * 1024

    from processor.photos.keep import keep

    with pytest.raises(Unfit):
        keep(acme.kit, ACCOUNT, Handed("big.png"), pieces())  # type: ignore[arg-type]
    assert read < 11 * 1024 * 1024
    assert list(kept_files(tmp_path)) == []


def test_a_picture_that_is_too_large_or_none_is_not_brought_here(acme: World) -> None:
    """With a reason for each; Mailchimp may call something an image that we do not take."""
    import io

    from PIL import Image

    packet = io.BytesIO()
    Image.new("RGB", (8, 8)).save(packet, "BMP")
    file = put_there(acme, packet.getvalue(), "old.bmp")
    ask.look(acme.kit, acme.connection_id, ACCOUNT)
    until(lambda: seen(acme))
    ask.pull(acme.kit, acme.connection_id, ACCOUNT, file_ids=[file["id"]])
    until(lambda: rows(acme) and rows(acme)[0].state == "failing")
    assert rows(acme)[0].reason == "photo_type"


def test_a_photo_that_is_forgotten_stays_in_mailchimp(acme: World, tmp_path: Path) -> None:
    """Its content here goes, and the platform is told."""
    photo = hand(acme, picture(1), push=True)
    until(lambda: _in_sync(acme, photo.id))
    ask.forget(acme.kit, photo.id, ACCOUNT)
    assert (rows(acme), list(kept_files(tmp_path)), len(there(acme))) == ([], [], 1)
    told = [one.change for one in acme.changes() if one.change.kind == "photo"][-1]
    assert (told.contact_id, told.contact) == (photo.id, None)


def test_while_paused_photos_wait(acme: World) -> None:
    """Nothing is carried, what is not here yet cannot be sent, and afterwards it goes on by itself."""
    file = put_there(acme, picture(1))
    ask.look(acme.kit, acme.connection_id, ACCOUNT)
    until(lambda: seen(acme))
    install.pause(acme.kit, acme.connection_id)
    mine = hand(acme, picture(2), push=True)
    assert ask.pull(acme.kit, acme.connection_id, ACCOUNT, file_ids=[file["id"]]) == 1
    (theirs,) = (one for one in rows(acme) if one.id != mine.id)
    with pytest.raises(Conflict):
        ask.push(acme.kit, theirs.id, ACCOUNT)
    work.carry(acme.kit, acme.connection_id)
    assert {one.state for one in rows(acme)} == {"waiting"}
    install.resume(acme.kit, acme.connection_id)
    until(lambda: _in_sync(acme, mine.id, theirs.id))
