"""Lets an operator's request through to its page; whoever is not let in gets the sign-in."""

from __future__ import annotations

import logging
from collections.abc import Callable
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from processor import sign_in
from processor.errors import BothwaysError, Conflict, Invalid, NotFound
from processor.kit import Kit
from processor.log import say
from processor.web import access, problem
from processor.web.forms import form_of, is_own
from processor.web.models.kinds import is_id
from processor.web.ops import cookie
from processor.web.ops.asked import OPS, Asked
from processor.web.ops.show import NO_STORE, closed, in_words
from processor.web.portal.asked import is_partial
from processor.web.portal.trouble import Trouble, trouble

logger = logging.getLogger(__name__)

Page = Callable[[Asked], Response]
SECRET_HEADER = "x-ops-proxy-secret"  # noqa: S105 - a header's name
STALE_FORM = Trouble(
    403,
    "This form is too old",
    "It was opened before you came in anew, or on another site. Nothing has been changed.",
    "Load the page again and do it there.",
    way_on=(OPS, "Back to the overview"),
)


class Door:
    """Makes routes to pages for operators. The pages are plain functions, run in a thread."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    def to(self, path: str, *, get: Page | None = None, post: Page | None = None) -> Route:
        """Return the route to a page below `/ops`, and to what its form does."""

        async def serve(request: Request) -> Response:
            try:
                form = await self._form(request)
            except Invalid as error:
                return in_words(trouble(error))
            handler = post if request.method == "POST" else get
            assert handler is not None  # Starlette answers 405 for what is not among the methods
            return await run_in_threadpool(self._answer, request, handler, form)

        methods = [*(["GET"] if get else []), *(["POST"] if post else [])]
        name = "ops" + path.replace("/", "_").replace("{", "").replace("}", "")
        return Route(OPS + path, serve, methods=methods, name=name)

    async def _form(self, request: Request) -> FormData:
        if request.method != "POST":
            return FormData()
        return await form_of(request, self._kit.settings.body_timeout_seconds)

    def _answer(self, request: Request, handler: Page, form: FormData) -> Response:
        try:
            found = self._who(request)
            if found is None:
                return self._outside(request)
            who, whose = found
            if request.method == "POST" and not self._is_ours(request, whose, form):
                return in_words(STALE_FORM)
            _check(request)
            return handler(
                Asked(
                    kit=self._kit,
                    who=who,
                    whose=whose,
                    path=request.path_params,
                    query=request.query_params,
                    form=form,
                    is_partial=is_partial(request),
                )
            )
        except BothwaysError as error:
            return self._in_words(request, error)
        except Exception:
            logger.exception("an ops page failed")
            reference = request.scope.get(access.ID, "")
            return in_words(Trouble(500, "Our mistake", f"The log has it under request {reference}.", ""))

    def _who(self, request: Request) -> tuple[str, str] | None:
        """Return (who, what their forms are tied to), or None for whoever is not let in."""
        settings = self._kit.settings
        header = settings.ops_proxy_header
        if header:
            said, secret = request.headers.get(header, ""), request.headers.get(SECRET_HEADER, "")
            name = sign_in.named_by_proxy(settings, said, secret)
            if name is not None:
                return f"ops:{name}", f"proxy {name}"
        token = cookie.token_of(request, settings)
        return ("ops", f"session {token}") if sign_in.is_in(self._kit, token) else None

    def _outside(self, request: Request) -> Response:
        if not sign_in.by_password(self._kit.settings):
            return closed(self._kit.settings)
        if is_partial(request):
            return Response(status_code=403, headers={"HX-Refresh": "true", **NO_STORE})
        where = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        back = f"?to={quote(where, safe='')}" if request.method == "GET" and where != OPS else ""
        return RedirectResponse(f"{OPS}/sign-in{back}", 303, NO_STORE)

    def _is_ours(self, request: Request, whose: str, form: FormData) -> bool:
        sent = form.get("csrf", "")
        return (
            is_own(request) and isinstance(sent, str) and sign_in.is_form_of(self._kit.settings, whose, sent)
        )

    def _in_words(self, request: Request, error: BothwaysError) -> Response:
        if not isinstance(error, NotFound | Invalid | Conflict):
            say(logger, logging.WARNING, "an ops page failed", code=error.code, error=type(error).__name__)
        shown = in_words(trouble(error)) if problem.status_of(error) != 404 else in_words(_nothing(error))
        if is_partial(request):
            shown.headers["HX-Refresh"] = "true"
        return shown


def _check(request: Request) -> None:
    parts = request.path_params
    if request.scope["path"].endswith("\n") or not all(is_id(part) for part in parts.values()):
        raise NotFound("There is no such page.")


def _nothing(error: BothwaysError) -> Trouble:
    return Trouble(404, "There is nothing here", str(error), "", way_on=(OPS, "Back to the overview"))
