"""Accounts, their audiences and their gallery."""

from __future__ import annotations

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.api.files import hosted, keep
from sandbox.page.common import account_of, back, number, text, words, world_of
from sandbox.page.render import page
from sandbox.problem import Problem
from sandbox.state.account import ROLES


async def home(request: Request) -> Response:
    """GET /: all accounts."""
    accounts = list(world_of(request).accounts.values())
    return page(request, "home.html", {"title": "Accounts", "accounts": accounts})


async def open_account(request: Request) -> Response:
    """POST /accounts."""
    form = await request.form()
    made = world_of(request).open_account(text(form, "name") or "New account")
    world_of(request).open_audience(made, "Newsletter")
    return back(f"/accounts/{made.id}", f"{made.name} was opened, with one audience.")


async def account(request: Request) -> Response:
    """GET /accounts/{account_id}: audiences, access, settings."""
    world, about = world_of(request), account_of(request)
    grants = [grant for grant in world.grants.values() if grant.account_id == about.id]
    names = {client.id: client.name or client.id for client in world.clients.values()}
    values = {"title": about.name, "account": about, "grants": grants, "names": names, "roles": ROLES}
    return page(request, "account.html", values)


async def change_account(request: Request) -> Response:
    """POST /accounts/{account_id}: role, plan limit, disabled."""
    about, form = account_of(request), await request.form()
    about.role = text(form, "role") if text(form, "role") in ROLES else about.role
    about.plan_limit = max(0, int(number(form, "plan_limit")))
    about.disabled = form.get("disabled") == "on"
    world_of(request).dirty = True
    return back(f"/accounts/{about.id}", "Saved.")


async def open_audience(request: Request) -> Response:
    """POST /accounts/{account_id}/lists."""
    about, form = account_of(request), await request.form()
    name = text(form, "name") or "New audience"
    made = world_of(request).open_audience(about, name, double_optin=form.get("double_optin") == "on")
    return back(f"/lists/{made.id}", f"{made.name} was made.")


async def new_key(request: Request) -> Response:
    """POST /accounts/{account_id}/keys."""
    about = account_of(request)
    world_of(request).grant(about)
    return back(f"/accounts/{about.id}", "A new API key is below.")


async def revoke(request: Request) -> Response:
    """POST /accounts/{account_id}/revoke: the marketer disconnects an app, or all of them."""
    about, form = account_of(request), await request.form()
    taken = world_of(request).revoke(about, text(form, "secret") or None)
    return back(
        f"/accounts/{about.id}", f"Access was taken back ({taken}). The app finds out at its next call."
    )


async def gallery(request: Request) -> Response:
    """GET /accounts/{account_id}/gallery."""
    about = account_of(request)
    files = [
        {
            "id": file.id,
            "name": file.name,
            "kilobytes": (len(file.data) + 1023) // 1024,
            "width": file.width,
            "height": file.height,
            "folder": about.gallery.folders[file.folder_id].name if file.folder_id else "",
            "url": hosted(about, file),
            "thumbnail": hosted(about, file, thumbnail=True) if file.thumbnail else "",
        }
        for file in reversed(about.gallery.files.values())
    ]
    return page(request, "gallery.html", {"title": "Gallery", "account": about, "files": files})


async def upload(request: Request) -> Response:
    """POST /accounts/{account_id}/gallery."""
    about = account_of(request)
    async with request.form() as form:
        sent = form.get("file")
        if not isinstance(sent, UploadFile) or not sent.filename:
            return back(f"/accounts/{about.id}/gallery", "Choose a file first.")
        name, data = sent.filename, await sent.read()
    try:
        file = await keep(world_of(request), about, name, data)
    except Problem as error:
        return back(f"/accounts/{about.id}/gallery", words(error))
    return back(f"/accounts/{about.id}/gallery", f"{file.name} is in the gallery.")


async def drop_file(request: Request) -> Response:
    """POST /accounts/{account_id}/gallery/{file_id}/delete."""
    about = account_of(request)
    gone = about.gallery.files.pop(request.path_params["file_id"], None)
    world_of(request).dirty = True
    return back(
        f"/accounts/{about.id}/gallery", f"{gone.name} was deleted." if gone else "It was gone already."
    )


ROUTES = [
    Route("/", home, methods=["GET"]),
    Route("/accounts", open_account, methods=["POST"]),
    Route("/accounts/{account_id}", account, methods=["GET"]),
    Route("/accounts/{account_id}", change_account, methods=["POST"]),
    Route("/accounts/{account_id}/lists", open_audience, methods=["POST"]),
    Route("/accounts/{account_id}/keys", new_key, methods=["POST"]),
    Route("/accounts/{account_id}/revoke", revoke, methods=["POST"]),
    Route("/accounts/{account_id}/gallery", gallery, methods=["GET"]),
    Route("/accounts/{account_id}/gallery", upload, methods=["POST"]),
    Route("/accounts/{account_id}/gallery/{file_id:int}/delete", drop_file, methods=["POST"]),
]
