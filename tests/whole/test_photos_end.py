"""Photos when somebody leaves, and when a worker dies with them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from processor.erase import erase, get
from processor.photos import ask
from processor.store import photos
from processor.uninstall import receipt_lines, uninstall
from tests.whole.photos import bytes_there, hand, kept_files, picture, put_there, row, rows, there
from tests.whole.world import ACCOUNT, SUBSCRIBED, World, until


def _sent(acme: World, *photo_ids: str) -> bool:
    return all(row(acme, one).state == "in_sync" for one in photo_ids)


def test_uninstalling_deletes_what_is_here_and_leaves_what_is_there(acme: World, tmp_path: Path) -> None:
    """The receipt counts the copies, and says that the pictures stay."""
    one, two = hand(acme, picture(1), push=True), hand(acme, picture(2))
    until(lambda: _sent(acme, one.id))
    assert len(list(kept_files(tmp_path))) == 2
    receipt = uninstall(acme.kit, acme.connection_id)
    assert receipt.finished_at is not None
    assert receipt.what["removed"]["photos"] == 2
    assert list(kept_files(tmp_path)) == []
    assert len(there(acme)) == 1
    with acme.house.store.read() as c:
        assert (photos.get(c, one.id), photos.get(c, two.id)) == (None, None)
    lines = "\n".join(receipt_lines(receipt))
    assert "2 photos kept here" in lines
    assert "in Mailchimp every member and every picture, as they are" in lines


def test_erasing_somebody_deletes_their_photos_here(acme: World, tmp_path: Path) -> None:
    """Nobody else's."""
    acme.put("1", email="jo@maple-street.test", consent=SUBSCRIBED)
    hand(acme, picture(1), contact_id="1")
    other = hand(acme, picture(2), contact_id="2")
    erasure = erase(acme.kit, ACCOUNT, "1")
    until(lambda: get(acme.kit, erasure.id, ACCOUNT).finished_at)
    assert [one.id for one in rows(acme)] == [other.id]
    assert len(list(kept_files(tmp_path))) == 1
    assert get(acme.kit, erasure.id, ACCOUNT).what["removed"]["photos"] == 1


def _dies_with(acme: World, photo_id: str, **columns: Any) -> None:
    """Leave the photo as a worker does that was killed while it held it."""
    now = acme.kit.now()
    with acme.house.store.write() as c:
        held = {"claim": "c0ffee", "claimed_by": "dead:1:0", "attempts": 1, "errand": "push"}
        lease = now + timedelta(seconds=300)
        photos.change(c, photo_id, now, state="waiting", reason=None, due_at=lease, **{**held, **columns})


def test_what_a_dead_worker_held_is_taken_over_without_a_double(acme: World) -> None:
    """One picture had arrived before the worker died, one had not: both are there once."""
    put_there(acme, picture(3), "decoy.png")
    arrived, never = hand(acme, picture(1), "a.png"), hand(acme, picture(2), "b.png")
    file = put_there(acme, picture(1), "a.png")
    before = acme.kit.now() - timedelta(minutes=2)
    _dies_with(acme, arrived.id, sending_at=before)
    _dies_with(acme, never.id, sending_at=before)
    until(lambda: _sent(acme, arrived.id, never.id))
    assert len(there(acme)) == 3
    assert row(acme, arrived.id).file_id == file["id"]
    assert bytes_there(acme, row(acme, never.id)) == picture(2)


def test_a_death_between_the_new_version_and_the_old_ones_end_leaves_one(acme: World) -> None:
    """The old file is still to be deleted, and nothing is sent again."""
    photo = hand(acme, picture(1), push=True)
    until(lambda: _sent(acme, photo.id))
    old = put_there(acme, picture(9), "old.png")
    acme.control.forget_requests()
    _dies_with(acme, photo.id, stale=[old["id"]])
    until(lambda: _sent(acme, photo.id))
    assert [file["id"] for file in there(acme)] == [row(acme, photo.id).file_id]
    assert "POST /file-manager/files" not in acme.control.calls(acme.mailchimp_account)


def test_pulling_goes_on_where_a_worker_died(acme: World) -> None:
    """What was held is brought once, whole."""
    file = put_there(acme, picture(4))
    ask.look(acme.kit, acme.connection_id, ACCOUNT)
    ask.pull(acme.kit, acme.connection_id, ACCOUNT)
    until(lambda: rows(acme) and _sent(acme, rows(acme)[0].id))
    (photo,) = rows(acme)
    _dies_with(acme, photo.id, errand="pull", digest=None, stored=None)
    until(lambda: _sent(acme, photo.id))
    assert b"".join(acme.kit.storage.open(row(acme, photo.id).key)) == picture(4)
    assert row(acme, photo.id).file_id == file["id"]
