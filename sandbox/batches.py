"""Carries out batch operations, one batch at a time for each account, in no order that can be relied on."""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
from typing import Any

from sandbox import payload
from sandbox.api.batches import results_url, view
from sandbox.api.gate import Asked, answer
from sandbox.clock import fired_at
from sandbox.state.account import Account
from sandbox.state.batch import Batch
from sandbox.world import World

_FILES = 3
_BREATH = 25


class BatchRunner:
    """Takes batches from `world.batches_waiting` until it is stopped."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._turns: dict[str, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Runs until it is cancelled; what is half done then stays half done."""
        try:
            while True:
                account_id, batch_id = await self._world.batches_waiting.get()
                task = asyncio.create_task(self._turn(account_id, batch_id))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        finally:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _turn(self, account_id: str, batch_id: str) -> None:
        async with self._turns.setdefault(account_id, asyncio.Lock()):
            account = self._world.accounts.get(account_id)
            batch = account.batches.by_id.get(batch_id) if account else None
            if account and batch:
                await self._carry_out(account, batch)

    async def _carry_out(self, account: Account, batch: Batch) -> None:
        pause_seconds = self._world.faults.batch_seconds / 3
        for status in ("pending", "preprocessing", "started"):
            batch.status = status
            await asyncio.sleep(pause_seconds)
        results = []
        for n, operation in enumerate(self._world.ids.shuffled(batch.operations)):
            if batch.stopped:
                return
            results.append(await self._operate(batch, operation))
            if n % _BREATH == 0:
                await asyncio.sleep(0)
        batch.status = "finalizing"
        batch.archive = await asyncio.to_thread(packed, results)
        batch.completed_seconds = self._world.clock.second()
        batch.operations, batch.status = [], "finished"
        self._world.dirty = True
        self._tell(account, batch)

    async def _operate(self, batch: Batch, operation: dict[str, Any]) -> dict[str, Any]:
        query = {str(key): _text(value) for key, value in (operation.get("params") or {}).items()}
        reply = await answer(
            self._world,
            Asked(
                method=operation["method"],
                path=operation["path"].partition("?")[0],
                query_text="&".join(f"{key}={value}" for key, value in query.items()),
                query=query,
                raw=str(operation.get("body") or "").encode(),
                secrets=(batch.secret,),
                base_url=batch.base_url,
                batch=batch.id,
            ),
        )
        batch.finished += 1
        batch.errored += reply.status >= 400
        return {
            "status_code": reply.status,
            "operation_id": operation.get("operation_id"),
            "response": reply.body.decode(),
        }

    def _tell(self, account: Account, batch: Batch) -> None:
        url = results_url(self._world, batch, batch.base_url)
        pairs: payload.Pairs = [
            ("type", "batch_operation_completed"),
            ("fired_at", fired_at(self._world.clock.now_seconds())),
        ]
        about = view(batch, url)
        links = about.pop("_links")
        pairs += [(f"data[{key}]", str(value)) for key, value in about.items()]
        for n, link in enumerate(links):
            pairs += [(f"data[_links][{n}][{key}]", value) for key, value in link.items()]
        for hook in account.batches.hooks.values():
            if hook.enabled:
                raw = payload.form(pairs)
                self._world.courier.send(hook, "", "batch_operation_completed", raw)


def packed(results: list[dict[str, Any]]) -> bytes:
    """Results as the real thing packs them: `./` first, several files, one of which holds `[]`."""
    packet = io.BytesIO()
    with tarfile.open(fileobj=packet, mode="w:gz") as tar:
        root = tarfile.TarInfo("./")
        root.type, root.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(root)
        chunks = [results[n::_FILES] for n in range(_FILES)] + [[]]
        for n, chunk in enumerate(chunks):
            data = json.dumps(chunk).encode()
            entry = tarfile.TarInfo(f"./{n:010x}.json")
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return packet.getvalue()


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
