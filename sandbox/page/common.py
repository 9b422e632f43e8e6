"""What the pages share: finding what a path names, and going back with a word on what was done."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sandbox.page.render import page
from sandbox.problem import Problem
from sandbox.state.account import Account
from sandbox.state.audience import Audience
from sandbox.state.member import Member
from sandbox.world import World


def world_of(request: Request) -> World:
    """The one World."""
    world: World = request.app.state.world
    return world


def account_of(request: Request) -> Account:
    """The account that the path names. Raises HTTPException 404."""
    found = world_of(request).accounts.get(request.path_params["account_id"])
    if found is None:
        raise HTTPException(404, "There is no such account.")
    return found


def audience_of(request: Request) -> tuple[Account, Audience]:
    """The audience that the path names and its account. Raises HTTPException 404."""
    found = world_of(request).audience(request.path_params["list_id"])
    if found is None:
        raise HTTPException(404, "There is no such audience.")
    return found


def member_of(request: Request, audience: Audience) -> Member:
    """The member that the path names. Raises HTTPException 404."""
    found = audience.members.find(request.path_params["key"])
    if found is None:
        raise HTTPException(404, "There is no such member.")
    return found


def back(path: str, said: str) -> Response:
    """To a page that shows what was done."""
    return RedirectResponse(f"{path}?{urlencode({'said': said})}", status_code=303)


def text(form: FormData, name: str) -> str:
    """A field of a form, without blanks around it."""
    value = form.get(name)
    return value.strip() if isinstance(value, str) else ""


def number(form: FormData, name: str) -> float:
    """A field of a form as a number, 0 where it is none."""
    try:
        return float(text(form, name) or 0)
    except ValueError:
        return 0.0


def words(error: Problem) -> str:
    """What a refusal says to a person."""
    parts = [" ".join(filter(None, (item["field"], item["message"]))) for item in error.errors or []]
    return "Mailchimp refused that. " + (" ".join(parts) or error.detail)


async def not_there(request: Request, error: Exception) -> Response:
    """The page for an address that leads nowhere."""
    detail = error.detail if isinstance(error, HTTPException) else ""
    said = detail if detail not in ("", "Not Found") else "There is nothing at this address."
    return page(request, "refused.html", {"title": "Not found", "refusal": said}, status_code=404)
