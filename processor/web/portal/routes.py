"""Every address of the portal."""

from __future__ import annotations

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from processor.kit import Kit
from processor.web.portal import (
    connecting,
    contact,
    first,
    home,
    issues,
    leaving,
    notifying,
    outside,
    people,
    photos,
    previewing,
    setting_up,
    signing_up,
    syncing,
)
from processor.web.portal.asked import PORTAL
from processor.web.portal.door import Door

ONE = "/connections/{connection}"


def routes(kit: Kit, http: httpx.Client) -> list[Route]:
    """Return the routes; `http` is for the calls to the login host."""
    door = Door(kit, http)
    within = door.to("", get=first.first)

    async def entrance(request: Request) -> Response:
        if "link" in request.query_params:
            return await outside.enter(kit, request)
        answer: Response = await within.endpoint(request)
        return answer

    return [
        Route(PORTAL, entrance, methods=["GET"], name="portal"),
        door.to("/leave", post=first.leave),
        door.to("/connect", get=connecting.offer, post=connecting.begin),
        door.to("/connect/waiting", get=connecting.waiting),
        door.to("/issues/{issue}", get=issues.lead),
        door.to("/receipts/{receipt}.json", get=leaving.receipt_file),
        door.to("/receipts/{receipt}", get=leaving.receipt),
        door.to(ONE, get=home.home),
        door.to(f"{ONE}/another", post=connecting.another),
        door.to(f"{ONE}/reconnect", post=connecting.reconnect),
        door.to(f"{ONE}/setup", get=setting_up.form, post=setting_up.save),
        door.to(f"{ONE}/setup/fields", post=setting_up.fields),
        door.to(f"{ONE}/setup/value", get=setting_up.value),
        door.to(f"{ONE}/setup/findings", get=setting_up.findings),
        door.to(f"{ONE}/preview", get=previewing.show, post=previewing.begin),
        door.to(f"{ONE}/preview.csv", get=previewing.sheet),
        door.to(f"{ONE}/sync", get=syncing.watch, post=syncing.start),
        door.to(f"{ONE}/pause", post=syncing.pause),
        door.to(f"{ONE}/resume", post=syncing.resume),
        door.to(f"{ONE}/cancel", post=syncing.cancel),
        door.to(f"{ONE}/contacts", get=people.people),
        door.to(f"{ONE}/contact", get=contact.contact),
        door.to(f"{ONE}/contact/consents.csv", get=contact.sheet),
        door.to(f"{ONE}/conflicts", get=contact.conflicts, post=contact.use_other),
        door.to(f"{ONE}/retry", post=people.retry),
        door.to(f"{ONE}/leave-out", post=people.leave),
        door.to(f"{ONE}/take-back", post=people.take_back),
        door.to(f"{ONE}/photos", get=photos.photos),
        door.to(f"{ONE}/photos/send", post=photos.send),
        door.to(f"{ONE}/photos/bring", post=photos.bring),
        door.to(f"{ONE}/photos/look", post=photos.look),
        door.to(f"{ONE}/photos/rules", post=photos.rules),
        door.to(f"{ONE}/photos/there/{{file}}", get=photos.thumbnail),
        door.to(f"{ONE}/photos/{{photo}}/picture", get=photos.kept),
        door.to(f"{ONE}/issues/{{issue}}", get=issues.one),
        door.to(f"{ONE}/issues/{{issue}}/retry", post=issues.retry),
        door.to(f"{ONE}/issues/{{issue}}/leave-out", post=issues.leave),
        door.to(f"{ONE}/issues/{{issue}}/acknowledge", post=issues.acknowledge),
        door.to(f"{ONE}/issues/{{issue}}/mute", post=issues.mute),
        door.to(f"{ONE}/issues/{{issue}}/unmute", post=issues.unmute),
        door.to(f"{ONE}/notify", get=notifying.form, post=notifying.save),
        door.to(f"{ONE}/notify/test", post=notifying.test),
        door.to(f"{ONE}/sign-up-form", get=signing_up.form),
        door.to(f"{ONE}/disconnect", get=leaving.ask, post=leaving.disconnect),
    ]
