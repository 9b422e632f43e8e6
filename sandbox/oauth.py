"""OAuth 2 as Mailchimp has it: no scopes, no expiry, no refresh token."""

from __future__ import annotations

import secrets
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.page.render import page
from sandbox.state.account import Account
from sandbox.world import Code, World

CODE_SECONDS = 600


async def authorize(request: Request) -> Response:
    """GET: the page where a person allows or denies; POST: the answer, sent back to the redirect_uri."""
    world: World = request.app.state.world
    asked = request.query_params
    refusal = _refusal(world, asked.get("response_type"), asked.get("client_id"), asked.get("redirect_uri"))
    if refusal:
        return page(request, "refused.html", {"title": "Cannot connect", "refusal": refusal}, status_code=400)
    if request.method == "GET":
        client = world.clients.get(asked["client_id"])
        about = {
            "title": "Connect to the sandbox",
            "client": client.name if client and client.name else asked["client_id"],
            "accounts": list(world.accounts.values()),
            "host": urlsplit(asked["redirect_uri"]).netloc,
        }
        return page(request, "authorize.html", about)
    form = await request.form()
    state = {"state": asked["state"]} if "state" in asked else {}
    account = world.accounts.get(str(form.get("account", "")))
    if form.get("answer") != "allow" or account is None:
        return _back(asked["redirect_uri"], {"error": "access_denied", **state})
    code = Code(
        value=secrets.token_hex(16),
        account_id=account.id,
        client_id=asked["client_id"],
        redirect_uri=asked["redirect_uri"],
        expires_seconds=world.clock.now_seconds() + CODE_SECONDS,
    )
    world.codes[code.value] = code
    return _back(code.redirect_uri, {"code": code.value, **state})


async def token(request: Request) -> Response:
    """POST: an access token for a code. The code is spent by the first attempt, good or bad."""
    world: World = request.app.state.world
    form = await request.form()
    sent = {key: str(value) for key, value in form.items()}
    client = world.clients.get(sent.get("client_id", ""))
    if (world.clients and client is None) or (client and client.secret != sent.get("client_secret")):
        return _error("invalid_client")
    if not sent.get("client_id") or not sent.get("client_secret"):
        return _error("invalid_client")
    if sent.get("grant_type") != "authorization_code":
        return _error("unsupported_grant_type")
    code = world.codes.pop(sent.get("code", ""), None)
    if code is None or code.expires_seconds < world.clock.now_seconds():
        return _error("invalid_grant")
    if code.client_id != sent["client_id"] or code.redirect_uri != sent.get("redirect_uri"):
        return _error("invalid_grant")
    account = world.accounts.get(code.account_id)
    if account is None:
        return _error("invalid_grant")
    grant = world.grant(account, app=code.client_id)
    return JSONResponse({"access_token": grant.secret, "expires_in": 0, "scope": None})


async def metadata(request: Request) -> Response:
    """GET: where the account's API is. A bad token is answered 200 as well, without `api_endpoint`."""
    world: World = request.app.state.world
    kind, _, secret = request.headers.get("authorization", "").partition(" ")
    if kind.lower() not in ("oauth", "bearer"):
        secret = request.query_params.get("oauth_token", "")
    account = world.account_of(secret.strip())
    if account is None:
        return JSONResponse({"error": "invalid_token"})
    return JSONResponse(_about(account, base_url(request)))


def base_url(request: Request) -> str:
    """How the caller reached us: scheme, host and port, without a slash at its end."""
    return str(request.base_url).rstrip("/")


def _about(account: Account, base: str) -> dict[str, object]:
    return {
        "dc": account.dc,
        "role": account.role,
        "accountname": account.name,
        "user_id": account.user_id,
        "login": {
            "email": account.email,
            "avatar": None,
            "login_id": account.login_id,
            "login_name": account.email,
            "login_email": account.email,
        },
        "login_url": base,
        "api_endpoint": base,
    }


def _refusal(world: World, response_type: str | None, client_id: str | None, redirect_uri: str | None) -> str:
    """Why the page cannot be shown; nothing may be sent to a redirect_uri that was not registered."""
    if response_type != "code":
        return 'response_type must be "code".'
    if not client_id:
        return "client_id is missing."
    if not redirect_uri or not redirect_uri.startswith(("http://", "https://")):
        return "redirect_uri is missing or is not an address."
    if not world.clients:
        return ""
    client = world.clients.get(client_id)
    if client is None:
        return f'client_id "{client_id}" is not registered.'
    if client.redirect_uris and redirect_uri not in client.redirect_uris:
        return f"redirect_uri {redirect_uri} is not registered for this application. It must match exactly."
    return ""


def _back(redirect_uri: str, answer: dict[str, str]) -> Response:
    scheme, host, path, query, _ = urlsplit(redirect_uri)
    query = urlencode([*parse_qsl(query), *answer.items()])
    return RedirectResponse(urlunsplit((scheme, host, path, query, "")), status_code=302)


def _error(error: str) -> Response:
    return JSONResponse({"error": error}, status_code=400)


ROUTES = [
    Route("/oauth2/authorize", authorize, methods=["GET", "POST"]),
    Route("/oauth2/token", token, methods=["POST"]),
    Route("/oauth2/metadata", metadata, methods=["GET"]),
]
