"""Signing in and out."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from processor import sign_in
from processor.errors import BothwaysError, Invalid
from processor.kit import Kit
from processor.web.forms import form_of, is_own
from processor.web.ops import cookie
from processor.web.ops.asked import OPS, Asked
from processor.web.ops.show import NO_STORE, closed, go, headers, in_words
from processor.web.pages import page
from processor.web.portal.trouble import trouble

WRONG = "This is not the password."


def route(kit: Kit) -> Route:
    """Return the route to the sign-in."""

    async def serve(request: Request) -> Response:
        if not sign_in.by_password(kit.settings):
            return closed(kit.settings)
        if request.method != "POST":
            return _form(request.query_params.get("to", ""))
        try:
            form = await form_of(request, kit.settings.body_timeout_seconds)
            return await run_in_threadpool(_enter, kit, request, form)
        except sign_in.TooMany as error:
            return _form("", str(error), 429)
        except BothwaysError as error:
            return in_words(trouble(error))

    return Route(f"{OPS}/sign-in", serve, methods=["GET", "POST"], name="ops_sign_in")


def _enter(kit: Kit, request: Request, form: FormData) -> Response:
    if not is_own(request):
        raise Invalid("This form came from another site.")
    client = request.client.host if request.client else "unknown"
    where = _ours(str(form.get("to", "")))
    token = sign_in.enter(kit, str(form.get("password", "")), client)
    if token is None:
        return _form(where, WRONG, 403)
    answer = RedirectResponse(where, 303, NO_STORE)
    cookie.remember(answer, kit.settings, token)
    return answer


def _form(to: str, wrong: str = "", status: int = 200) -> Response:
    return page(
        "ops/sign_in.html", status, headers=headers(), title="Sign in to operate", to=_ours(to), wrong=wrong
    )


def _ours(where: str) -> str:
    """An address of these pages, and nobody else's: it comes from whoever made the link."""
    is_ours = (where == OPS or where.startswith((f"{OPS}/", f"{OPS}?"))) and where.isprintable()
    return where if is_ours and "\\" not in where and not where.startswith(f"{OPS}/sign-in") else OPS


def leave(asked: Asked) -> Response:
    """End the session."""
    kind, _, token = asked.whose.partition(" ")
    if kind == "session":
        sign_in.leave(asked.kit, token)
    answer = go(asked, f"{OPS}/sign-in")
    cookie.forget(answer, asked.kit.settings)
    return answer
