"""An audience and its members, and the sign-up form that contacts fill in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox import control_acts
from sandbox.api.member_view import merge_values
from sandbox.page.common import audience_of, back, member_of, text, words, world_of
from sandbox.page.render import page
from sandbox.problem import Problem
from sandbox.state.audience import Audience
from sandbox.state.member import STATUSES, Member
from sandbox.state.members import VISIBLE, Query

PAGE = 50
_PARTS = {
    "addr1": "Street",
    "addr2": "Second line",
    "city": "City",
    "state": "State",
    "zip": "Postal code",
    "country": "Country",
}

# What a button does: the act, what goes with it, and what the page says afterwards.
_BUTTONS: dict[str, tuple[str, dict[str, Any], str]] = {
    "unsubscribe": ("unsubscribe", {"by": "user"}, "They unsubscribed. Only they can come back."),
    "unsubscribe-admin": ("unsubscribe", {"by": "admin"}, "You unsubscribed them."),
    "complain": ("complain", {}, "They marked a campaign as spam."),
    "bounce": ("clean", {}, "The address bounced and was cleaned."),
    "confirm": ("confirm", {}, "They confirmed."),
    "sign-up": ("subscribe", {}, "They filled in the sign-up form."),
    "archive": ("archive", {}, "Archived."),
    "resubscribe": ("resubscribe", {}, "Subscribed again."),
    "delete": ("delete", {}, "Deleted for good."),
}


async def audience(request: Request) -> Response:
    """GET /lists/{list_id}: members, with `q` (part of a name or address), `status` and `page`."""
    account, about = audience_of(request)
    asked = request.query_params
    wanted, status = asked.get("q", "").strip(), asked.get("status", VISIBLE)
    status = status if status in STATUSES else VISIBLE
    number = int(asked["page"]) if asked.get("page", "").isdigit() else 0
    query = Query(
        status=status,
        keep=_holding(wanted) if wanted else None,
        sort_field="last_changed",
        descending=True,
        offset=number * PAGE,
        count=PAGE,
    )
    members, total = about.members.select(query)
    values = {
        "title": about.name,
        "account": account,
        "audience": about,
        "rows": [_row(about, member) for member in members],
        "total": total,
        "q": wanted,
        "status": status,
        "counts": {name: about.members.count(name) for name in STATUSES},
        "page": number,
        "more": total > (number + 1) * PAGE,
    }
    return page(request, "audience.html", values)


async def add_member(request: Request) -> Response:
    """POST /lists/{list_id}/members: the marketer adds somebody."""
    world, (_, about), form = world_of(request), audience_of(request), await request.form()
    sent = {
        "email": text(form, "email"),
        "status": text(form, "status") or "subscribed",
        "merge_fields": {"FNAME": text(form, "first_name"), "LNAME": text(form, "last_name")},
    }
    try:
        member = control_acts.act(world, about, "add", sent)
    except Problem as error:
        return back(f"/lists/{about.id}", words(error))
    return _to_member(about, member, "Added.")


async def member(request: Request) -> Response:
    """GET /lists/{list_id}/members/{key}."""
    account, about = audience_of(request)
    held = member_of(request, about)
    values = {
        "title": held.email,
        "account": account,
        "audience": about,
        "member": held,
        "contact_id": about.members.contact_id(held),
        "merges": merge_values(about, held),
        "fields": sorted(about.fields.values(), key=lambda known: known.display_order),
        "parts": _PARTS,
        "tags": sorted(about.tags[tag_id].name for tag_id in held.tags),
        "beside": about.beside.get(held.serial),
    }
    return page(request, "member.html", values)


async def edit(request: Request) -> Response:
    """POST …/edit: merge fields and interests, as the marketer."""
    world, (_, about), form = world_of(request), audience_of(request), await request.form()
    held = member_of(request, about)
    interests = {known: form.get(f"interest.{known}") == "on" for known in about.interest_ids()}
    sent = {"email": held.email, "merge_fields": _merges(about, form), "interests": interests}
    try:
        control_acts.act(world, about, "edit", sent)
    except Problem as error:
        return _to_member(about, held, words(error))
    return _to_member(about, held, "Saved.")


async def tag(request: Request) -> Response:
    """POST …/tags: a comma between them; those that are left out are taken away."""
    world, (_, about), form = world_of(request), audience_of(request), await request.form()
    held = member_of(request, about)
    wanted = {name.strip() for name in text(form, "tags").split(",") if name.strip()}
    tags = {about.tags[tag_id].name: False for tag_id in held.tags} | dict.fromkeys(wanted, True)
    control_acts.act(world, about, "tag", {"email": held.email, "tags": tags})
    return _to_member(about, held, "Tags saved. No webhook tells of tags.")


async def move(request: Request) -> Response:
    """POST …/address: the contact changes their address."""
    world, (_, about), form = world_of(request), audience_of(request), await request.form()
    held = member_of(request, about)
    try:
        control_acts.act(
            world, about, "change-address", {"email": held.email, "new_email": text(form, "new_email")}
        )
    except Problem as error:
        return _to_member(about, held, words(error))
    return _to_member(about, held, "The address was changed.")


async def press(request: Request) -> Response:
    """POST …/acts/{act}: one of the buttons."""
    world, (_, about) = world_of(request), audience_of(request)
    held = member_of(request, about)
    if request.path_params["act"] not in _BUTTONS:
        return _to_member(about, held, "There is no such button.")
    act, more, said = _BUTTONS[request.path_params["act"]]
    try:
        left = control_acts.act(world, about, act, {"email": held.email, **more})
    except Problem as error:
        return _to_member(about, held, words(error))
    return _to_member(about, left, said)


async def sign_up(request: Request) -> Response:
    """GET, POST /lists/{list_id}/sign-up: the form that a contact sees."""
    world, (_, about) = world_of(request), audience_of(request)
    if request.method == "GET":
        return page(request, "sign_up.html", {"title": f"Join {about.name}", "audience": about})
    form = await request.form()
    sent = {
        "email": text(form, "email"),
        "merge_fields": {"FNAME": text(form, "first_name"), "LNAME": text(form, "last_name")},
    }
    try:
        held = control_acts.act(world, about, "subscribe", sent)
    except Problem as error:
        return back(f"/lists/{about.id}/sign-up", words(error))
    asked = held is not None and held.status == "pending"
    return back(f"/lists/{about.id}/sign-up", "Please confirm." if asked else "You are subscribed.")


def _to_member(about: Audience, held: Member | None, said: str) -> Response:
    if held is None:
        return back(f"/lists/{about.id}", said)
    return back(f"/lists/{about.id}/members/{about.members.contact_id(held)}", said)


def _holding(wanted: str) -> Callable[[Member], bool]:
    wanted = wanted.lower()
    return lambda member: (
        wanted in member.email.lower()
        or any(isinstance(value, str) and wanted in value.lower() for value in member.merges.values())
    )


def _row(about: Audience, held: Member) -> dict[str, Any]:
    merges = merge_values(about, held)
    return {
        "contact_id": about.members.contact_id(held),
        "email": held.email,
        "name": f"{merges.get('FNAME', '')} {merges.get('LNAME', '')}".strip(),
        "status": held.status,
        "tags": sorted(about.tags[tag_id].name for tag_id in held.tags),
        "changed_seconds": held.last_changed_seconds,
    }


def _merges(about: Audience, form: FormData) -> dict[str, Any]:
    sent: dict[str, Any] = {}
    for known in about.fields.values():
        if known.type == "address":
            parts = {part: text(form, f"merge.{known.tag}.{part}") for part in _PARTS}
            sent[known.tag] = parts if any(parts.values()) else ""
        else:
            sent[known.tag] = text(form, f"merge.{known.tag}")
    return sent


_MEMBER = "/lists/{list_id}/members/{key}"
ROUTES = [
    Route("/lists/{list_id}", audience, methods=["GET"]),
    Route("/lists/{list_id}/members", add_member, methods=["POST"]),
    Route("/lists/{list_id}/sign-up", sign_up, methods=["GET", "POST"]),
    Route(_MEMBER, member, methods=["GET"]),
    Route(f"{_MEMBER}/edit", edit, methods=["POST"]),
    Route(f"{_MEMBER}/tags", tag, methods=["POST"]),
    Route(f"{_MEMBER}/address", move, methods=["POST"]),
    Route(f"{_MEMBER}/acts/{{act}}", press, methods=["POST"]),
]
