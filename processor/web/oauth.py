"""`/connect`: the pages on which a customer connects Mailchimp and chooses the audience."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import httpx
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from processor import choice, connect, report
from processor.domain.connection import ConnectionState
from processor.errors import BothwaysError, Conflict, Invalid, MailchimpError
from processor.kit import Kit
from processor.log import say
from processor.mailchimp.audiences import Audience
from processor.store.connections import ConnectionRow
from processor.web import problem
from processor.web.oauth_words import AUDIENCE, CONNECT, Trouble, trouble
from processor.web.pages import page

logger = logging.getLogger(__name__)

AUDIENCE_PATH = "/connect/audience"
FORM = "application/x-www-form-urlencoded"
MAX_FORM_BYTES = 16_384
OWN_FORMS = frozenset({"same-origin", "none"})
"""`Sec-Fetch-Site` of a form of ours. Not `Origin`: with `Referrer-Policy: no-referrer` it is `null`."""


class ConnectPages:
    """The pages. They hold no rule: each calls a verb in a thread, and shows what came of it in words."""

    def __init__(self, kit: Kit, http: httpx.Client) -> None:
        self._kit = kit
        self._http = http
        self._is_https = kit.settings.public.startswith("https://")
        # A `__Host-` cookie can be set by this very host only, and browsers take it over https alone.
        self.cookie = f"{'__Host-' if self._is_https else ''}bothways-connect"

    def routes(self) -> list[Route]:
        """Return the routes to the pages."""
        return [
            Route("/connect", _told(CONNECT, self.begin), name="connect"),
            Route(connect.CALLBACK_PATH, _told(CONNECT, self.callback), name="connect_callback"),
            Route(AUDIENCE_PATH, _told(AUDIENCE, self.audience), methods=["POST"], name="connect_audience"),
        ]

    async def begin(self, request: Request) -> Response:
        """Use the link up and send the browser to Mailchimp."""
        if request.method == "HEAD":  # whatever previews links must not use them up
            return HTMLResponse()
        begun = await run_in_threadpool(connect.begin, self._kit, request.query_params.get("link", ""))
        headers = {"Cache-Control": "no-store"}
        answer = RedirectResponse(begun.authorize_url, status_code=303, headers=headers)
        self._remember(answer, begun.browser, int(connect.STATE_TTL.total_seconds()))
        return answer

    async def callback(self, request: Request) -> Response:
        """Take Mailchimp's answer and offer the audiences."""
        if request.method == "HEAD":
            return HTMLResponse()
        asked = request.query_params
        connection = await run_in_threadpool(
            connect.complete,
            self._kit,
            self._http,
            state=asked.get("state", ""),
            browser=request.cookies.get(self.cookie, ""),
            code=asked.get("code"),
        )
        if connection.state != ConnectionState.SETUP:  # a connection that was granted anew goes on
            return await self._done(connection.id)
        return await self._choose(connection)

    async def audience(self, request: Request) -> Response:
        """Take the choice; without one, or when Mailchimp does not answer, offer it again."""
        if request.headers.get("sec-fetch-site", "none") not in OWN_FORMS:
            raise Invalid("This form was sent from another site. Nothing has been changed.")
        form = await _form(request, self._kit.settings.body_timeout_seconds)
        browser = request.cookies.get(self.cookie, "")
        connection_id = await run_in_threadpool(choice.redeem, self._kit, form.get("token", ""), browser)
        chosen = form.get("audience", "")
        if not chosen:
            note = None if "again" in form else "Choose one of your audiences first."
            return await self._choose(await self._row(connection_id), note=note)
        try:
            await run_in_threadpool(connect.choose_audience, self._kit, connection_id, chosen)
        except (MailchimpError, Invalid, Conflict) as error:
            _log(error)
            return await self._choose(await self._row(connection_id), trouble(AUDIENCE, error), chosen=chosen)
        return await self._done(connection_id)

    async def _choose(
        self,
        connection: ConnectionRow,
        failed: Trouble | None = None,
        *,
        note: str | None = None,
        chosen: str = "",
    ) -> Response:
        audiences: list[Audience] = []
        if failed is None or failed.look_again:
            try:
                audiences = await run_in_threadpool(connect.audiences, self._kit, connection.id)
            except MailchimpError as error:
                _log(error)
                failed = failed or trouble(AUDIENCE, error)
        offer = await run_in_threadpool(choice.offer, self._kit, connection)
        answer = page(
            "choose.html",
            failed.status if failed else 200,
            title="Mailchimp is connected",
            account_name=connection.account_name,
            audiences=audiences,
            chosen=chosen or connection.audience_id or (audiences[0].id if len(audiences) == 1 else ""),
            failed=failed,
            note=note,
            token=offer.token,
            action=AUDIENCE_PATH,
        )
        self._remember(answer, offer.browser, int(choice.TTL_SECONDS))
        return answer

    async def _done(self, connection_id: str) -> Response:
        shown = await run_in_threadpool(report.connection, self._kit, connection_id, None)
        answer = page("connected.html", title=shown.label, report=shown)
        answer.delete_cookie(self.cookie, secure=self._is_https, httponly=True, samesite="lax")
        return answer

    async def _row(self, connection_id: str) -> ConnectionRow:
        return await run_in_threadpool(report.row_of, self._kit, connection_id, None)

    def _remember(self, answer: Response, browser: str, seconds: int) -> None:
        answer.set_cookie(
            self.cookie, browser, max_age=seconds, secure=self._is_https, httponly=True, samesite="lax"
        )


def _told(
    doing: str, serve: Callable[[Request], Awaitable[Response]]
) -> Callable[[Request], Awaitable[Response]]:
    """Return the same page, with errors as pages in words for the customer."""

    async def told(request: Request) -> Response:
        try:
            return await serve(request)
        except BothwaysError as error:
            _log(error)
            said = trouble(doing, error)
            return page("trouble.html", said.status, title=said.title, failed=said)

    return told


def _log(error: BothwaysError) -> None:
    level = logging.WARNING if problem.status_of(error) >= 500 else logging.INFO
    say(logger, level, "connecting failed", code=error.code, error=type(error).__name__)


async def _form(request: Request, timeout_seconds: float) -> dict[str, str]:
    """Return the form's texts. Raises Invalid for one that is none of ours, or does not arrive in time."""
    length = request.headers.get("content-length", "")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != FORM or not (length.isascii() and length.isdigit() and int(length) <= MAX_FORM_BYTES):
        raise Invalid("This is not the form that we sent.")
    try:
        async with asyncio.timeout(timeout_seconds), request.form(max_files=0, max_fields=10) as form:
            return {name: text for name, text in form.multi_items() if isinstance(text, str)}
    except (TimeoutError, ClientDisconnect, HTTPException):
        raise Invalid("The form did not arrive whole.") from None
