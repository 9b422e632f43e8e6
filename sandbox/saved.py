"""The whole state as JSON and back, so that the demo survives a restart."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import threading
import time
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from sandbox.state.account import Account, Grant
from sandbox.state.audience import Audience, Beside, Category, Hook, Interest, Note, Tag
from sandbox.state.batch import Batch, BatchHook
from sandbox.state.fields import MergeField
from sandbox.state.gallery import File, Folder
from sandbox.state.member import NOBODY, NOTHING, Member
from sandbox.world import Client, World

_VERSION = 1
_PLAIN_ACCOUNT = (
    "id",
    "name",
    "user_id",
    "login_id",
    "email",
    "dc",
    "role",
    "plan_limit",
    "max_audiences",
    "disabled",
    "created_seconds",
)
_PLAIN_AUDIENCE = (
    "id",
    "web_id",
    "name",
    "created_seconds",
    "double_optin",
    "marketing_permissions",
    "settings",
    "permissions",
    "refused",
    "next_merge_id",
    "next_tag_id",
    "last_sub_seconds",
    "last_unsub_seconds",
)
_MEMBER = tuple(field.name for field in fields(Member))

Json = dict[str, Any]


def dump(world: World) -> Json:
    """Everything that should outlive the process. What is broken, seen or on its way is not part of it."""
    return {
        "version": _VERSION,
        "url_key": world.url_key.hex(),
        "clients": [asdict(client) for client in world.clients.values()],
        "grants": [asdict(grant) for grant in world.grants.values()],
        "accounts": [_account(account) for account in world.accounts.values()],
    }


def load(world: World, saved: Json) -> None:
    """Fills an empty world. Raises ValueError for a file of another version."""
    if saved.get("version") != _VERSION:
        raise ValueError(f"the state file is of version {saved.get('version')}, not {_VERSION}; remove it")
    world.url_key = bytes.fromhex(saved["url_key"])
    for client in saved["clients"]:
        world.clients[client["id"]] = Client(**{**client, "redirect_uris": tuple(client["redirect_uris"])})
    for grant in saved["grants"]:
        world.grants[grant["secret"]] = Grant(**grant)
    for about in saved["accounts"]:
        account = _to_account(about)
        world.accounts[account.id] = account
        for batch in account.batches.by_id.values():
            if batch.status != "finished":
                world.batches_waiting.put_nowait((account.id, batch.id))


class Saver:
    """Writes the state where something changed, at most once a second, and at the end."""

    def __init__(self, world: World, path: Path) -> None:
        self._world, self._path = world, path
        self._lock = threading.Lock()
        self._taken = self._written = 0

    def restore(self) -> None:
        """Reads the file if it is there."""
        with contextlib.suppress(FileNotFoundError):
            load(self._world, json.loads(self._path.read_text()))

    async def run(self) -> None:
        """Saves until it is cancelled. A large state is saved less often: a tenth of the time at most."""
        pause_seconds = 1.0
        while True:
            await asyncio.sleep(pause_seconds)
            began = time.monotonic()
            if self._world.dirty:
                await asyncio.to_thread(self._write, *self._take())
            pause_seconds = max(1.0, (time.monotonic() - began) * 10)

    def save(self) -> None:
        """Writes it now."""
        self._write(*self._take())

    def _take(self) -> tuple[int, Json]:
        self._world.dirty = False
        self._taken += 1
        return self._taken, dump(self._world)

    def _write(self, number: int, saved: Json) -> None:
        # A write in a thread may be overtaken by the last one, at shutdown; then it is not made.
        with self._lock:
            if number > self._written:
                self._replace(saved)
                self._written = number

    def _replace(self, saved: Json) -> None:
        fresh = self._path.with_name(f"{self._path.name}.new")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Tokens are in it: nobody else on this machine has to read it.
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(saved, file, separators=(",", ":"))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)


def _account(account: Account) -> Json:
    return {
        **{name: getattr(account, name) for name in _PLAIN_ACCOUNT},
        "audiences": [_audience(audience) for audience in account.audiences.values()],
        "batches": [_batch(batch) for batch in account.batches.by_id.values()],
        "batch_hooks": [asdict(hook) for hook in account.batches.hooks.values()],
        "folders": [asdict(folder) for folder in account.gallery.folders.values()],
        "files": [_file(file) for file in account.gallery.files.values()],
    }


def _to_account(saved: Json) -> Account:
    account = Account(**{name: saved[name] for name in _PLAIN_ACCOUNT})
    account.audiences = {about["id"]: _to_audience(about) for about in saved["audiences"]}
    for about in saved["batches"]:
        batch = Batch(**{**about, "archive": base64.b64decode(about["archive"])})
        # One that had begun cannot be begun again without doing things twice.
        if batch.status in ("pending", "finished"):
            account.batches.by_id[batch.id] = batch
    account.batches.hooks = {about["id"]: BatchHook(**about) for about in saved["batch_hooks"]}
    account.gallery.folders = {about["id"]: Folder(**about) for about in saved["folders"]}
    account.gallery.files = {about["id"]: _to_file(about) for about in saved["files"]}
    return account


def _audience(audience: Audience) -> Json:
    return {
        **{name: getattr(audience, name) for name in _PLAIN_AUDIENCE},
        "fields": [asdict(known) for known in audience.fields.values()],
        "categories": [asdict(category) for category in audience.categories.values()],
        "tags": [asdict(tag) for tag in audience.tags.values()],
        "hooks": [asdict(hook) for hook in audience.hooks.values()],
        "forgotten": sorted(known.hex() for known in audience.forgotten),
        "beside": {str(serial): asdict(beside) for serial, beside in audience.beside.items()},
        "next_serial": audience.members.next_serial(),
        "members": [_member(member) for member in audience.members],
    }


def _to_audience(saved: Json) -> Audience:
    audience = Audience(**{name: saved[name] for name in _PLAIN_AUDIENCE})
    audience.fields = {about["merge_id"]: MergeField(**about) for about in saved["fields"]}
    for about in saved["categories"]:
        interests = {key: Interest(**interest) for key, interest in about["interests"].items()}
        audience.categories[about["id"]] = Category(**{**about, "interests": interests})
    audience.tags = {about["id"]: Tag(**about) for about in saved["tags"]}
    audience.hooks = {about["id"]: Hook(**about) for about in saved["hooks"]}
    audience.forgotten = {bytes.fromhex(known) for known in saved["forgotten"]}
    for serial, about in saved["beside"].items():
        notes = [Note(**note) for note in about["notes"]]
        audience.beside[int(serial)] = Beside(notes, about["events"], about["activity"])
    audience.members.restore([_to_member(row) for row in saved["members"]], saved["next_serial"])
    return audience


def _member(member: Member) -> list[Any]:
    row: list[Any] = [getattr(member, name) for name in _MEMBER]
    for n, name in enumerate(_MEMBER):
        if name in ("merges", "tags"):
            row[n] = dict(row[n])
        elif name in ("interests", "permissions"):
            row[n] = sorted(row[n])
    return row


def _to_member(row: list[Any]) -> Member:
    about = dict(zip(_MEMBER, row, strict=False))  # one saved before a field was added lacks it
    for name in ("merges", "tags"):
        # JSON has made the whole-number keys into texts.
        about[name] = {int(key): value for key, value in about[name].items()} or NOTHING
    for name in ("interests", "permissions"):
        about[name] = frozenset(about[name]) or NOBODY
    if about["location"]:
        about["location"] = tuple(about["location"])
    return Member(**about)


def _batch(batch: Batch) -> Json:
    return {**asdict(batch), "archive": base64.b64encode(batch.archive).decode()}


def _file(file: File) -> Json:
    encoded = {name: base64.b64encode(getattr(file, name)).decode() for name in ("data", "thumbnail")}
    return {**asdict(file), **encoded}


def _to_file(saved: Json) -> File:
    decoded = {name: base64.b64decode(saved[name]) for name in ("data", "thumbnail")}
    return File(**{**saved, **decoded})
