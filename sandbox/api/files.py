"""File Manager: files and folders of the account."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable
from typing import Any, TypeVar

from sandbox import problem
from sandbox.api.call import NO_CONTENT, Answer, Call
from sandbox.clock import iso
from sandbox.state.account import Account
from sandbox.state.gallery import File, Folder, inspect
from sandbox.world import World

Dated = TypeVar("Dated", File, Folder)

_SORTS: dict[str, Callable[[File], Any]] = {
    "added_date": lambda file: (file.created_seconds, file.id),
    "name": lambda file: (file.name.lower(), file.id),
    "size": lambda file: (len(file.data), file.id),
}


def listing(call: Call) -> Answer:
    """GET /file-manager/files."""
    return _listed(call, list(call.account.gallery.files.values()), "/file-manager/files")


def in_folder(call: Call) -> Answer:
    """GET /file-manager/folders/{folder_id}/files."""
    folder = _folder(call)
    found = [file for file in call.account.gallery.files.values() if file.folder_id == folder.id]
    return _listed(call, found, f"/file-manager/folders/{folder.id}/files")


def read(call: Call) -> Answer:
    """GET /file-manager/files/{file_id}."""
    return call.chosen(view(call, _file(call)))


async def create(call: Call) -> Answer:
    """POST /file-manager/files: `name`, `file_data` in base64, `folder_id`."""
    body = call.required("name", "file_data")
    try:
        data = base64.b64decode("".join(str(body["file_data"]).split()), validate=True)
    except (binascii.Error, ValueError):
        raise problem.invalid_field("file_data", "Please provide valid base64-encoded file data.") from None
    folder_id = _known_folder(call, body.get("folder_id"))
    return Answer(view(call, await keep(call.world, call.account, str(body["name"]), data, folder_id)))


def update(call: Call) -> Answer:
    """PATCH /file-manager/files/{file_id}: `name`, `folder_id` (0 takes it out of its folder)."""
    file, body = _file(call), call.document()
    file.name = str(body.get("name") or file.name)
    if "folder_id" in body:
        file.folder_id = _known_folder(call, body["folder_id"])
    return Answer(view(call, file))


def delete(call: Call) -> Answer:
    """DELETE /file-manager/files/{file_id}."""
    del call.account.gallery.files[_file(call).id]
    return NO_CONTENT


def folders(call: Call) -> Answer:
    """GET /file-manager/folders."""
    found = _created(call, list(call.account.gallery.folders.values()))
    return call.listed("folders", [_folder_view(call, folder) for folder in found], "/file-manager/folders")


def create_folder(call: Call) -> Answer:
    """POST /file-manager/folders."""
    name = str(call.required("name")["name"])
    world = call.world
    made = Folder(world.ids.number(1, 2**31), name, world.clock.second(), call.account.email)
    call.account.gallery.folders[made.id] = made
    return Answer(_folder_view(call, made))


def read_folder(call: Call) -> Answer:
    """GET /file-manager/folders/{folder_id}."""
    return call.chosen(_folder_view(call, _folder(call)))


def update_folder(call: Call) -> Answer:
    """PATCH /file-manager/folders/{folder_id}."""
    folder = _folder(call)
    folder.name = str(call.required("name")["name"])
    return Answer(_folder_view(call, folder))


def delete_folder(call: Call) -> Answer:
    """DELETE /file-manager/folders/{folder_id}: its files stay, in no folder."""
    folder = _folder(call)
    del call.account.gallery.folders[folder.id]
    for file in call.account.gallery.files.values():
        if file.folder_id == folder.id:
            file.folder_id = 0
    return NO_CONTENT


async def keep(world: World, account: Account, name: str, data: bytes, folder_id: int = 0) -> File:
    """Puts a file into an account's gallery; a name that is there already stays as well. Raises Problem."""
    content = await asyncio.to_thread(inspect, name, data)
    file = File(
        id=world.ids.number(1, 2**31),
        key=world.ids.uuid(),
        name=content.name,
        data=data,
        created_seconds=world.clock.second(),
        created_by=account.email,
        folder_id=folder_id,
        media_type=content.media_type,
        width=content.width,
        height=content.height,
        thumbnail=content.thumbnail,
    )
    account.gallery.files[file.id] = file
    world.dirty = True
    return file


def hosted(account: Account, file: File, *, thumbnail: bool = False) -> str:
    """The path of a file on the image host, which asks for no credentials."""
    part = "_thumbs/" if thumbnail else "images/"
    extension = file.name.rpartition(".")[2] if "." in file.name else "bin"
    return f"/gallery/{account.id}/{part}{file.key}.{extension}"


def view(call: Call, file: File) -> dict[str, Any]:
    """A file as the API shows it."""
    path = f"/file-manager/files/{file.id}"
    thumbnail = f"{call.base_url}{hosted(call.account, file, thumbnail=True)}" if file.thumbnail else ""
    return {
        "id": file.id,
        "folder_id": file.folder_id,
        "type": file.kind,
        "name": file.name,
        "full_size_url": f"{call.base_url}{hosted(call.account, file)}",
        "thumbnail_url": thumbnail,
        "size": len(file.data),
        "created_at": iso(file.created_seconds),
        "created_by": file.created_by,
        "width": file.width,
        "height": file.height,
        "_links": call.links(
            ("self", path, "GET"),
            ("parent", "/file-manager/files", "GET"),
            ("update", path, "PATCH"),
            ("delete", path, "DELETE"),
        ),
    }


def _listed(call: Call, found: list[File], path: str) -> Answer:
    found = _created(call, found)
    if kind := call.query.get("type"):
        found = [file for file in found if file.kind == kind]
    sort_field = call.query.get("sort_field") or "added_date"
    if sort_field not in _SORTS:
        accepted = ", ".join(_SORTS)
        raise problem.invalid_field(
            "sort_field", f"Data presented is not one of the accepted values: {accepted}."
        )
    found.sort(key=_SORTS[sort_field], reverse=call.query.get("sort_dir", "").upper() == "DESC")
    size = sum(len(file.data) for file in found)
    offset, count = call.page()
    page = [view(call, file) for file in found[offset : offset + count]]
    return call.listed("files", page, path, len(found), total_file_size=size)


def _created(call: Call, found: list[Dated]) -> list[Dated]:
    since, before = call.moment("since_created_at"), call.moment("before_created_at")
    by = call.query.get("created_by")
    return [
        item
        for item in found
        if (since is None or item.created_seconds > since)
        and (before is None or item.created_seconds < before)
        and (not by or item.created_by == by)
    ]


def _file(call: Call) -> File:
    text = call.params["file_id"]
    found = call.account.gallery.files.get(int(text)) if text.isdigit() else None
    if found is None:
        raise problem.not_found()
    return found


def _folder(call: Call) -> Folder:
    text = call.params["folder_id"]
    found = call.account.gallery.folders.get(int(text)) if text.isdigit() else None
    if found is None:
        raise problem.not_found()
    return found


def _known_folder(call: Call, folder_id: Any) -> int:
    wanted = int(folder_id or 0)
    if wanted and wanted not in call.account.gallery.folders:
        raise problem.invalid_field("folder_id", "Please provide a valid folder_id.")
    return wanted


def _folder_view(call: Call, folder: Folder) -> dict[str, Any]:
    path = f"/file-manager/folders/{folder.id}"
    held = call.account.gallery.files.values()
    return {
        "id": folder.id,
        "name": folder.name,
        "file_count": sum(1 for file in held if file.folder_id == folder.id),
        "created_at": iso(folder.created_seconds),
        "created_by": folder.created_by,
        "_links": call.links(("self", path, "GET"), ("files", f"{path}/files", "GET")),
    }
