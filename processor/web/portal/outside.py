"""The entrance, and what it says to whoever cannot be let in. It never sends a browser round in circles."""

from __future__ import annotations

from contextlib import suppress

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from processor import visit
from processor.config import Settings
from processor.errors import Invalid, StoreDown
from processor.kit import Kit
from processor.web.pages import page
from processor.web.portal import cookie
from processor.web.portal.asked import PORTAL, is_framed
from processor.web.portal.show import headers
from processor.web.portal.trouble import IN_A_FRAME, NO_SESSION, Trouble, bad_link, trouble

SPARE = "tab"
"""In a frame, beside the address: a link for a tab of its own, should the cookie not come back."""
ISSUE = "issue"
"""In a mail, beside the address: the issue to open."""
NO_STORE = {"Cache-Control": "no-store"}


async def enter(kit: Kit, request: Request) -> Response:
    """Use the link up, and send the browser on with its session. HEAD and prefetching use nothing up: they
    come from whatever previews links, not from a person."""
    if request.method == "HEAD":
        return Response(headers=NO_STORE)
    if is_prefetch(request):
        return Response(status_code=503, headers=NO_STORE)  # so that the browser asks again when it matters
    return await run_in_threadpool(_enter, kit, request)


def is_prefetch(request: Request) -> bool:
    """Whether a browser loads the page before anybody asked for it."""
    purpose = request.headers.get("sec-purpose", "") + request.headers.get("purpose", "")
    return "prefetch" in purpose or "prerender" in purpose


def _enter(kit: Kit, request: Request) -> Response:
    try:
        came = visit.enter(kit, request.query_params.get("link", ""))
        spare = visit.make_link(kit, came.account_id).url if is_framed(request) else None
    except Invalid as error:
        return _refused(kit, request, bad_link(str(error)))
    except StoreDown as error:
        return in_words(kit.settings, trouble(error))
    where = f"{PORTAL}?{SPARE}={spare.partition('=')[2]}" if spare else _whereto(request)
    answer = RedirectResponse(where, 303, NO_STORE)
    cookie.remember(answer, kit.settings, came)
    return answer


def _whereto(request: Request) -> str:
    """Return the page that a link from a mail is about, else the first one."""
    issue = request.query_params.get(ISSUE, "")
    return f"{PORTAL}/issues/{issue}" if _is_token(issue) else PORTAL


def _refused(kit: Kit, request: Request, said: Trouble) -> Response:
    """Say so; whoever is in already, and only loaded the old address again, is shown the way on."""
    account_id = None
    with suppress(StoreDown):
        account_id = visit.visitor(kit, cookie.token_of(request, kit.settings))
    way_on = (PORTAL, f"Go on as {account_id}") if account_id else None
    return in_words(kit.settings, said, way_on=way_on)


def no_session(settings: Settings, request: Request) -> Response:
    """Say that this browser has not been let in; in a frame, how to get in all the same."""
    if is_framed(request):
        spare = request.query_params.get(SPARE, "")
        way_on = (f"{PORTAL}?link={spare}", "Open in a tab of its own") if _is_token(spare) else None
        return in_words(settings, IN_A_FRAME, way_on=way_on, is_new_tab=True)
    answer = in_words(settings, NO_SESSION)
    if request.headers.get("hx-request") == "true":
        answer.headers["HX-Refresh"] = "true"
    return answer


def in_words(
    settings: Settings, said: Trouble, *, way_on: tuple[str, str] | None = None, is_new_tab: bool = False
) -> Response:
    """Return the page that says it, with one link on where there is one."""
    return page(
        "portal/trouble.html",
        said.status,
        headers=headers(settings),
        title=said.title,
        failed=said,
        way_on=way_on or said.way_on,
        is_new_tab=is_new_tab,
    )


def _is_token(text: str) -> bool:
    return 0 < len(text) <= 100 and all(letter.isalnum() or letter in "-_" for letter in text)
