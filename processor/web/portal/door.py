"""Lets a visitor's request through to its page: the session, the form, the fence around the account.

What goes wrong behind it becomes a page in words, and a form that is not this session's changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import httpx
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from processor import report, visit
from processor.errors import BothwaysError, Invalid, NotFound
from processor.kit import Kit
from processor.log import say
from processor.web import access, problem
from processor.web.forms import form_of, is_own
from processor.web.models.kinds import is_id
from processor.web.portal import cookie
from processor.web.portal.asked import PORTAL, Asked, is_framed, is_partial
from processor.web.portal.outside import in_words, no_session
from processor.web.portal.trouble import STALE_FORM, Trouble, our_mistake, trouble

logger = logging.getLogger(__name__)

Page = Callable[[Asked], Response]


class Door:
    """Makes routes to pages for whoever has a session. The pages are plain functions, run in a thread."""

    def __init__(self, kit: Kit, http: httpx.Client) -> None:
        self._kit = kit
        self._http = http

    def to(self, path: str, *, get: Page | None = None, post: Page | None = None) -> Route:
        """Return the route to a page below `/portal`, and to what its form does."""

        async def serve(request: Request) -> Response:
            try:
                form = await self._form(request)
            except Invalid as error:
                return self.in_words(request, trouble(error))
            handler = post if request.method == "POST" else get
            assert handler is not None  # Starlette answers 405 for what is not among the methods
            return await run_in_threadpool(self._answer, request, handler, form)

        methods = [*(["GET"] if get else []), *(["POST"] if post else [])]
        name = "portal" + path.replace("/", "_").replace("{", "").replace("}", "")
        return Route(PORTAL + path, serve, methods=methods, name=name)

    async def _form(self, request: Request) -> FormData:
        if request.method != "POST":
            return FormData()
        return await form_of(request, self._kit.settings.body_timeout_seconds)

    def _answer(self, request: Request, handler: Page, form: FormData) -> Response:
        session = cookie.token_of(request, self._kit.settings)
        try:
            account_id = visit.visitor(self._kit, session)
            if account_id is None:
                return no_session(self._kit.settings, request)
            if request.method == "POST" and not _is_ours(request, session, form):
                return self.in_words(request, STALE_FORM)
            self._enter(request, account_id)
            return handler(self._asked(request, account_id, session, form))
        except BothwaysError as error:
            _log(error)
            return self.in_words(request, trouble(error))
        except Exception:
            logger.exception("a page of the portal failed")
            return self.in_words(request, our_mistake(request.scope.get(access.ID, "")))

    def _enter(self, request: Request, account_id: str) -> None:
        """Return inside the account's fence. Raises NotFound for what is not this account's, and for an
        address with a line break at its end, which the router's patterns pass over."""
        parts = request.path_params
        if request.scope["path"].endswith("\n") or not all(is_id(part) for part in parts.values()):
            raise NotFound("There is no such page.")
        if "connection" in parts:
            report.row_of(self._kit, parts["connection"], account_id)

    def _asked(self, request: Request, account_id: str, session: str, form: FormData) -> Asked:
        return Asked(
            kit=self._kit,
            http=self._http,
            account_id=account_id,
            session=session,
            path=request.path_params,
            query=request.query_params,
            form=form,
            is_framed=is_framed(request),
            is_partial=is_partial(request),
        )

    def in_words(self, request: Request, said: Trouble) -> Response:
        """Return the page that says what happened, what it means and what to do."""
        shown = in_words(self._kit.settings, said)
        if is_partial(request):
            # The page that asked loads itself anew, and whoever reads it gets the words.
            shown.headers["HX-Refresh"] = "true"
        return shown


def _is_ours(request: Request, session: str, form: FormData) -> bool:
    sent = form.get("csrf", "")
    return is_own(request) and isinstance(sent, str) and cookie.is_form_of(session, sent)


def _log(error: BothwaysError) -> None:
    level = logging.WARNING if problem.status_of(error) >= 500 else logging.INFO
    say(logger, level, "a page of the portal failed", code=error.code, error=type(error).__name__)
