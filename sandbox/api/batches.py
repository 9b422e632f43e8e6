"""Batch operations and the webhooks that hear of them."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from sandbox import problem
from sandbox.api.call import NO_CONTENT, Answer, Call
from sandbox.api.webhooks import check_url
from sandbox.clock import iso
from sandbox.state.batch import KEPT_SECONDS, MOST_PENDING, Batch, BatchHook
from sandbox.world import World

URL_SECONDS = 600
MOST_HOOKS = 20
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def create(call: Call) -> Answer:
    """POST /batches: answers at once, the work is done later."""
    operations = call.required("operations")["operations"]
    if not isinstance(operations, list):
        raise problem.invalid_field("operations", "Schema describes array, object found instead")
    for n, operation in enumerate(operations):
        _check(n, operation)
    held = call.account.batches
    if held.pending() >= MOST_PENDING:
        detail = f"You have more than {MOST_PENDING} pending batches."
        raise problem.Problem(429, "TooManyRequests", detail)
    world = call.world
    batch = Batch(
        world.ids.hex(10), call.secret, call.base_url, operations, world.clock.second(), len(operations)
    )
    held.by_id[batch.id] = batch
    world.batches_waiting.put_nowait((call.account.id, batch.id))
    return Answer(_shown(call, batch))


def listing(call: Call) -> Answer:
    """GET /batches: those of the last seven days."""
    items = [
        _shown(call, batch) for batch in reversed(call.account.batches.by_id.values()) if _kept(call, batch)
    ]
    return call.listed("batches", items, "/batches")


def read(call: Call) -> Answer:
    """GET /batches/{batch_id}: each time with a new address of the results."""
    return call.chosen(_shown(call, _batch(call)))


def delete(call: Call) -> Answer:
    """DELETE /batches/{batch_id}: stops it where it runs, and forgets it."""
    batch = _batch(call)
    batch.stopped = True
    del call.account.batches.by_id[batch.id]
    return NO_CONTENT


def view(batch: Batch, url: str) -> dict[str, Any]:
    """A batch as the API and the batch webhooks show it; `url` is where its results are."""
    base = f"{batch.base_url}/3.0/batches"
    return {
        "id": batch.id,
        "status": batch.status,
        "total_operations": batch.total,
        "finished_operations": batch.finished,
        "errored_operations": batch.errored,
        "submitted_at": iso(batch.submitted_seconds),
        "completed_at": iso(batch.completed_seconds),
        "response_body_url": url,
        "_links": [
            {"rel": "parent", "href": base, "method": "GET"},
            {"rel": "self", "href": f"{base}/{batch.id}", "method": "GET"},
            {"rel": "delete", "href": f"{base}/{batch.id}", "method": "DELETE"},
        ],
    }


def results_url(world: World, batch: Batch, base_url: str) -> str:
    """Where the results are, good for ten minutes and without credentials; "" until it is finished."""
    if batch.status != "finished":
        return ""
    expires = world.clock.second() + URL_SECONDS
    signed = sign(world, batch.id, expires)
    return f"{base_url}/batch-results/{batch.id}-response.tar.gz?Expires={expires}&Signature={signed}"


def sign(world: World, batch_id: str, expires: int) -> str:
    """The mark that makes a results URL good."""
    return hmac.new(world.url_key, f"{batch_id}.{expires}".encode(), hashlib.sha256).hexdigest()[:32]


def _check(n: int, operation: Any) -> None:
    where = f"operations.item:{n}"
    if not isinstance(operation, dict) or not operation.get("path"):
        raise problem.invalid_field(f"{where}.path", "Required fields were not provided: path")
    if operation.get("method") not in _METHODS:
        accepted = ", ".join(_METHODS)
        message = f"Data presented is not one of the accepted values: {accepted}."
        raise problem.invalid_field(f"{where}.method", message)
    if not isinstance(operation.get("body", ""), str):
        # The body of an operation is JSON as a string: the mistake that everybody makes once.
        raise problem.invalid_field(f"{where}.body", "Schema describes string, object found instead")


def _kept(call: Call, batch: Batch) -> bool:
    return batch.submitted_seconds + KEPT_SECONDS > call.world.clock.second()


def _batch(call: Call) -> Batch:
    found = call.account.batches.by_id.get(call.params["batch_id"])
    if found is None or not _kept(call, found):
        raise problem.not_found()
    return found


def _shown(call: Call, batch: Batch) -> dict[str, Any]:
    return view(batch, results_url(call.world, batch, call.base_url))


# -- batch webhooks


async def create_hook(call: Call) -> Answer:
    """POST /batch-webhooks: the URL is asked by GET; only this answer holds the signing secret."""
    url = str(call.required("url")["url"])
    held = call.account.batches.hooks
    if len(held) >= MOST_HOOKS:
        raise problem.invalid(f"You may only have {MOST_HOOKS} batch webhooks.")
    if any(hook.url == url for hook in held.values()):
        raise problem.invalid_field("url", "Sorry, you can't set up multiple WebHooks for one URL")
    await check_url(call, url)
    signing = call.world.faults.post.signing
    made = BatchHook(
        id=call.world.ids.hex(10),
        url=url,
        owner=call.secret,
        enabled=bool(call.document().get("enabled", True)),
        secret=call.world.ids.hex(40) if signing else "",
    )
    held[made.id] = made
    shown = _hook_view(call, made)
    if made.secret:
        shown["signing_secret"] = made.secret
    return Answer(shown)


def list_hooks(call: Call) -> Answer:
    """GET /batch-webhooks."""
    items = [_hook_view(call, hook) for hook in call.account.batches.hooks.values()]
    return call.listed("webhooks", items, "/batch-webhooks")


def read_hook(call: Call) -> Answer:
    """GET /batch-webhooks/{batch_webhook_id}."""
    return call.chosen(_hook_view(call, _hook(call)))


async def update_hook(call: Call) -> Answer:
    """PATCH /batch-webhooks/{batch_webhook_id}: a new URL is asked again."""
    hook, body = _hook(call), call.document()
    url = str(body.get("url") or hook.url)
    if url != hook.url:
        await check_url(call, url)
        hook.url = url
    hook.enabled = bool(body.get("enabled", hook.enabled))
    return Answer(_hook_view(call, hook))


def delete_hook(call: Call) -> Answer:
    """DELETE /batch-webhooks/{batch_webhook_id}."""
    del call.account.batches.hooks[_hook(call).id]
    return NO_CONTENT


def _hook(call: Call) -> BatchHook:
    found = call.account.batches.hooks.get(call.params["batch_webhook_id"])
    if found is None:
        raise problem.not_found()
    return found


def _hook_view(call: Call, hook: BatchHook) -> dict[str, Any]:
    return {
        "id": hook.id,
        "url": hook.url,
        "enabled": hook.enabled,
        "signing_enabled": bool(hook.secret),
        "_links": call.links(
            ("self", f"/batch-webhooks/{hook.id}", "GET"), ("parent", "/batch-webhooks", "GET")
        ),
    }
