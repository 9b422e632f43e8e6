"""`bothways photos`: list both sides, send, bring."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from processor.cli.common import Exit, epilog, fail, json_option, print_json, print_table, working_house
from processor.domain.catalogue import words
from processor.domain.picture import shown_size
from processor.errors import Unfit
from processor.kit import Kit
from processor.photos import ask, read
from processor.photos.keep import Handed, keep
from processor.photos.read import PhotoReport
from processor.photos.tell import photo_json
from processor.report import row_of
from processor.storage import PIECE_BYTES
from processor.uninstall import many

WAIT_SECONDS = 0.3
PAGE = 200


@click.group(
    epilog=epilog(
        "bothways photos ls con_…                    # both sides\n"
        "bothways photos push con_… beach.jpg        # hand a file over and send it\n"
        "bothways photos push con_…                  # send everything that is here only\n"
        "bothways photos pull con_… --all --to photos/   # bring everything, and save it there"
    )
)
def photos() -> None:
    """Carry photos between the platform and Mailchimp."""


@photos.command("ls")
@click.argument("connection_id")
@click.option("--look", is_flag=True, help="Ask Mailchimp anew first, and wait for it.")
@click.option("--wait", "wait_seconds", default=30.0, show_default=True, help="Seconds to wait for --look.")
@json_option
def ls(connection_id: str, look: bool, wait_seconds: float, as_json: bool) -> None:
    """List the photos that are here, and the pictures that are in Mailchimp only."""
    with working_house() as house:
        kit = house.kit
        if look:
            _look(kit, connection_id, wait_seconds)
        here = list(_here(kit, connection_id))
        there = list(_there(kit, connection_id))
    if as_json:
        print_json({"here": [_plain(one) for one in here], "there": there})
        return
    print_table([_plain(one) for one in here], ("id", "name", "size", "state", "what"), "No photo is here.")
    for one in here:
        if one.row.state == "failing":
            click.echo(f"{one.row.id}: {one.words.happened} {one.words.todo}")
    click.echo()
    print_table(there, ("file_id", "name", "size"), "Mailchimp was seen to have nothing else.")


@photos.command("push")
@click.argument("connection_id")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--photo", "photo_ids", multiple=True, help="Send this one, which is here; may be given again.")
def push(connection_id: str, files: tuple[Path, ...], photo_ids: tuple[str, ...]) -> None:
    """Send FILES, or photos that are here, to Mailchimp; without either, all that are here only.

    A file of the same name that was handed over this way before is a new version. Safe to repeat.
    """
    with working_house() as house:
        kit = house.kit
        account_id = row_of(kit, connection_id, None).account_id
        for path in files:
            handed = Handed(path.name, ref=f"file:{path.name}", connection_id=connection_id, push=True)
            try:
                kept = keep(kit, account_id, handed, _pieces(path))
            except Unfit as error:
                said = words(error.code, **{"name": path.name, **error.facts})
                fail(Exit.FAILED, f"{path}: {said.happened} {said.todo}")
            click.echo(f"{kept.photo.id}  {path.name}")
        for photo_id in photo_ids:
            ask.push(kit, photo_id, account_id)
        count = len(files) + len(photo_ids)
        if not count:
            count = ask.push_all(kit, connection_id, None)
    told = "Nothing is left to send." if not count else f"{many(count, 'photo')} on the way to Mailchimp."
    click.echo(f"{told} See: bothways photos ls {connection_id}")


@photos.command("pull")
@click.argument("connection_id")
@click.argument("file_ids", metavar="[FILE_ID]...", nargs=-1, type=int)
@click.option("--all", "everything", is_flag=True, help="Everything that Mailchimp has.")
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path), help="Save them there too.")
@click.option("--wait", "wait_seconds", default=60.0, show_default=True, help="Seconds to wait for --to.")
def pull(
    connection_id: str, file_ids: tuple[int, ...], everything: bool, folder: Path | None, wait_seconds: float
) -> None:
    """Bring pictures of Mailchimp's here, by their numbers (`photos ls`) or all. Safe to repeat."""
    if bool(file_ids) == everything:
        fail(Exit.USAGE, "Name the pictures by their numbers, or say --all.")
    with working_house() as house:
        kit = house.kit
        count = ask.pull(kit, connection_id, None, file_ids=None if everything else file_ids)
        click.echo("Everything is being brought." if everything else f"{many(count, 'picture')} on the way.")
        if folder is not None:
            _save(kit, connection_id, set(file_ids), folder, wait_seconds)


def _look(kit: Kit, connection_id: str, wait_seconds: float) -> None:
    ask.look(kit, connection_id, None)
    deadline = time.monotonic() + wait_seconds
    while read.gallery(kit, connection_id, None).is_looking:
        if time.monotonic() > deadline:
            click.echo("No worker has looked yet; this is how it was seen last.", err=True)
            return
        time.sleep(WAIT_SECONDS)


def _save(kit: Kit, connection_id: str, wanted: set[int], folder: Path, wait_seconds: float) -> None:
    """Save what was brought, as soon as it is here. What is there already under its name is kept."""
    deadline = time.monotonic() + wait_seconds
    while _is_under_way(kit, connection_id) and time.monotonic() < deadline:
        time.sleep(WAIT_SECONDS)
    folder.mkdir(parents=True, exist_ok=True)
    for one in _here(kit, connection_id):
        row = one.row
        if row.stored is None or row.file_id is None or (wanted and row.file_id not in wanted):
            continue
        path = folder / f"{row.file_id}-{row.name}"
        with path.open("wb") as file:
            for piece in read.content(kit, row):
                file.write(piece)
        click.echo(str(path))
    if _is_under_way(kit, connection_id):
        click.echo("Some are still on their way: run it again later.", err=True)


def _is_under_way(kit: Kit, connection_id: str) -> bool:
    found = read.gallery(kit, connection_id, None)
    return found.is_looking or bool(found.counts["waiting"])


def _here(kit: Kit, connection_id: str) -> Iterator[PhotoReport]:
    after = None
    while True:
        page = read.here(kit, connection_id, None, after=after, limit=PAGE)
        yield from page.photos
        if (after := page.cursor) is None:
            return


def _there(kit: Kit, connection_id: str) -> Iterator[dict[str, Any]]:
    after = None
    while True:
        page = read.there(kit, connection_id, None, only_there=True, after=after, limit=PAGE)
        for one in page.pictures:
            size = shown_size(one.view.size_bytes)
            yield {"file_id": one.view.file_id, "name": one.view.name, "size": size}
        if (after := page.cursor) is None:
            return


def _plain(one: PhotoReport) -> dict[str, Any]:
    return {**photo_json(one.row), "size": shown_size(one.row.size_bytes), "what": one.words.title}


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece
