"""Webhooks of an audience."""

from __future__ import annotations

from typing import Any

import httpx

from sandbox import problem
from sandbox.api.call import NO_CONTENT, Answer, Call
from sandbox.state.audience import EVENTS, SOURCES, Audience, Hook


def listing(call: Call) -> Answer:
    """GET: all at once, there is no paging."""
    audience = call.audience()
    items = [view(call, audience, hook) for hook in audience.hooks.values()]
    path = f"/lists/{audience.id}/webhooks"
    return call.listed("webhooks", items, path, len(items), list_id=audience.id)


def read(call: Call) -> Answer:
    """GET one; the signing secret is not shown again."""
    audience = call.audience()
    return call.chosen(view(call, audience, _hook(call, audience)))


async def create(call: Call) -> Answer:
    """POST: answers 200, after a GET of the URL was answered. Only this answer holds the signing secret."""
    audience, body = call.audience(), call.required("url")
    url = str(body["url"])
    _check_free(audience, url)
    await check_url(call, url)
    # Asked again: another call may have taken the URL while ours was being validated.
    _check_free(audience, url)
    signing = call.world.faults.post.signing
    hook = Hook(
        id=call.world.ids.hex(10),
        url=url,
        # What an omitted part means is not documented; nothing is the choice that a careful client notices.
        events=_flags(body, "events", EVENTS),
        sources=_flags(body, "sources", SOURCES),
        secret=call.world.ids.hex(40) if signing else "",
    )
    audience.hooks[hook.id] = hook
    shown = view(call, audience, hook)
    if hook.secret:
        shown["signing_secret"] = hook.secret
    return Answer(shown)


async def update(call: Call) -> Answer:
    """PATCH; a changed URL is validated again (nothing says so, the careful reading is that it is)."""
    audience, body = call.audience(), call.document()
    hook = _hook(call, audience)
    url = str(body.get("url") or hook.url)
    if url != hook.url:
        _check_free(audience, url, apart_from=hook)
        await check_url(call, url)
        hook.url = url
    hook.events = {**hook.events, **_flags(body, "events", EVENTS, only_named=True)}
    hook.sources = {**hook.sources, **_flags(body, "sources", SOURCES, only_named=True)}
    return Answer(view(call, audience, hook))


def delete(call: Call) -> Answer:
    """DELETE."""
    audience = call.audience()
    del audience.hooks[_hook(call, audience).id]
    return NO_CONTENT


def view(call: Call, audience: Audience, hook: Hook) -> dict[str, Any]:
    """A webhook as the API shows it after its creation."""
    path = f"/lists/{audience.id}/webhooks"
    return {
        "id": hook.id,
        "url": hook.url,
        "events": hook.events,
        "sources": hook.sources,
        "signing_enabled": bool(hook.secret),
        "list_id": audience.id,
        "_links": call.links(
            ("self", f"{path}/{hook.id}", "GET"),
            ("parent", path, "GET"),
            ("delete", f"{path}/{hook.id}", "DELETE"),
        ),
    }


async def check_url(call: Call, url: str) -> None:
    """Asks the URL as Mailchimp's validator does. Raises Problem in its words."""
    if not url.startswith(("http://", "https://")):
        raise problem.invalid_field("url", "Invalid URL")
    try:
        status = await call.world.courier.check(url)
    except httpx.InvalidURL:
        status = 0
    if status == 0:
        raise problem.invalid_field("url", "Invalid URL")
    if status != 200:
        message = (
            f"We couldn't verify the URL is working. Please double check and try again. HTTP Code: {status}"
        )
        raise problem.invalid_field("url", message)


def _check_free(audience: Audience, url: str, apart_from: Hook | None = None) -> None:
    # Two URLs that differ only in the query string were refused as the same.
    for hook in audience.hooks.values():
        if hook is not apart_from and hook.url.partition("?")[0] == url.partition("?")[0]:
            raise problem.invalid_field("url", "Sorry, you can't set up multiple WebHooks for one URL")


def _hook(call: Call, audience: Audience) -> Hook:
    found = audience.hooks.get(call.params["webhook_id"])
    if found is None:
        raise problem.not_found()
    return found


def _flags(
    body: dict[str, Any], key: str, names: tuple[str, ...], *, only_named: bool = False
) -> dict[str, bool]:
    sent = body.get(key) or {}
    if not isinstance(sent, dict):
        raise problem.invalid_field(key, "Schema describes object, array found instead")
    return {name: bool(sent.get(name)) for name in names if name in sent or not only_named}
