"""`/connect`: the page that begins connecting Mailchimp by a link, and the one that Mailchimp answers to."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import httpx
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from processor import connect, visit
from processor.domain.connection import ConnectionState
from processor.errors import BothwaysError, Invalid
from processor.kit import Kit
from processor.log import say
from processor.store.connections import ConnectionRow
from processor.visit import Visit
from processor.web import problem, signing_in
from processor.web.forms import form_of, is_own
from processor.web.oauth_words import trouble
from processor.web.pages import login_origins, page, policy
from processor.web.portal import cookie
from processor.web.portal.show import home_of

logger = logging.getLogger(__name__)

PATH = "/connect"
Serve = Callable[[Request], Awaitable[Response]]
NO_STORE = {"Cache-Control": "no-store"}


class ConnectPages:
    """The pages. They hold no rule: each calls a verb in a thread, and shows what came of it in words."""

    def __init__(self, kit: Kit, http: httpx.Client) -> None:
        self._kit = kit
        self._http = http

    def routes(self) -> list[Route]:
        """Return the routes to the pages."""
        return [
            Route(PATH, self._told(self.link), methods=["GET", "POST"], name="connect"),
            Route(connect.CALLBACK_PATH, self._told(self.callback), name="connect_callback"),
        ]

    async def link(self, request: Request) -> Response:
        """Show whose account the link connects; with the form, go there."""
        return await (self._begin(request) if request.method == "POST" else self._offer(request))

    async def _offer(self, request: Request) -> Response:
        """Say what is about to happen. Nothing is used up: whatever previews links only looks."""
        if request.method == "HEAD":
            return HTMLResponse(headers=NO_STORE)
        link = request.query_params.get("link", "")
        account_id = await run_in_threadpool(connect.whose, self._kit, link)
        settings = self._kit.settings
        there = {"Content-Security-Policy": policy(forms_go_to=login_origins(settings.mailchimp_login_url))}
        return page(
            "connect.html", headers=there, title="Connect Mailchimp", account_id=account_id, link=link
        )

    async def _begin(self, request: Request) -> Response:
        """Use the link up and send the browser to Mailchimp."""
        if not is_own(request):
            raise Invalid("This form was sent from another site. Nothing has been changed.")
        form = await form_of(request, self._kit.settings.body_timeout_seconds)
        begun = await run_in_threadpool(connect.begin, self._kit, str(form.get("link", "")))
        answer = RedirectResponse(begun.authorize_url, 303, NO_STORE)
        signing_in.remember(answer, self._kit.settings, begun)
        return answer

    async def callback(self, request: Request) -> Response:
        """Take Mailchimp's answer, let this browser into the portal, and go on there."""
        if request.method == "HEAD":
            return HTMLResponse(headers=NO_STORE)
        connection, came = await run_in_threadpool(self._complete, request)
        is_new = connection.state == ConnectionState.SETUP
        where = home_of(connection.id) + ("/setup" if is_new else "?said=reconnected")
        answer = RedirectResponse(where, 303, NO_STORE)
        signing_in.forget(answer, self._kit.settings)
        cookie.remember(answer, self._kit.settings, came)
        return answer

    def _complete(self, request: Request) -> tuple[ConnectionRow, Visit]:
        asked = request.query_params
        connection = connect.complete(
            self._kit,
            self._http,
            state=asked.get("state", ""),
            browser=signing_in.brought(request, self._kit.settings),
            code=asked.get("code"),
        )
        return connection, visit.admit(self._kit, connection.account_id)

    def _told(self, serve: Serve) -> Serve:
        """Return the same page, with errors as pages in words; who is in the portal finds the way back."""

        async def told(request: Request) -> Response:
            try:
                return await serve(request)
            except BothwaysError as error:
                _log(error)
                said = trouble(error)
                is_visitor = bool(cookie.token_of(request, self._kit.settings))
                return page("trouble.html", said.status, title=said.title, failed=said, is_visitor=is_visitor)

        return told


def _log(error: BothwaysError) -> None:
    level = logging.WARNING if problem.status_of(error) >= 500 else logging.INFO
    say(logger, level, "connecting failed", code=error.code, error=type(error).__name__)
