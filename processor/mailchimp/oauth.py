"""Connecting a Mailchimp account: three calls to the login host, and which API address is believed.

Source: facts.md 3. Mailchimp has no scopes, its tokens do not expire, and nothing revokes one but the
customer, so `expires_in: 0` is not looked at.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

import httpx

from processor.config import DEFAULT_LOGIN_URL
from processor.errors import Invalid, MailchimpError, Passing, Reconnect
from processor.mailchimp.protocol import json_object, refusal, text
from processor.mailchimp.transport import USER_AGENT

TIMEOUT = httpx.Timeout(30.0, connect=5.0)

_MAILCHIMP_HOST = re.compile(r"(?:[a-z]+[0-9]+\.)?api\.mailchimp\.com")
_PLAIN_URL = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Grant:
    """What a customer gave: a token, where it works, and whose it is. `account_key` is the Mailchimp
    account's number, by which open calls are counted; `login_id` names the person who connected."""

    token: str = field(repr=False)
    dc: str
    api_base: str
    account_key: str
    account_name: str = ""
    role: str = ""
    login_id: str = ""
    login_name: str = ""


def authorize_url(login_url: str, client_id: str, redirect_uri: str, state: str) -> str:
    """Return where to send the customer's browser. `state` is single-use and bound to their session."""
    asked = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "state": state,
    }
    return f"{login_url.rstrip('/')}/oauth2/authorize?{urlencode(asked)}"


def exchange(
    http: httpx.Client,
    *,
    login_url: str,
    client_id: str,
    client_secret: str,
    code: str,
    redirect_uri: str,
) -> str:
    """Return the token that the code of the callback stands for. Not safe to repeat: a code works once.

    Raises Reconnect when Mailchimp does not take the code (used, too old, or the client's secret changed),
    Passing when it does not answer.
    """
    form = {
        "grant_type": "authorization_code",
        "client_id": client_id,
        "client_secret": client_secret,
        "redirect_uri": redirect_uri,
        "code": code,
    }
    said = _ask(http, "POST", f"{login_url.rstrip('/')}/oauth2/token", data=form)
    token = text(said.get("access_token"))
    if not token:
        raise Reconnect("reconnect", status=200)
    return token


def metadata(http: httpx.Client, *, login_url: str, token: str) -> Grant:
    """Return what the token is for. Safe to repeat.

    An invalid token is answered with 200 and without `api_endpoint` (facts.md 3): Reconnect. Raises Invalid
    when the API's address is not to be believed, Passing when Mailchimp does not answer.
    """
    headers = {"Authorization": f"OAuth {token}"}
    said = _ask(http, "GET", f"{login_url.rstrip('/')}/oauth2/metadata", headers=headers)
    endpoint = text(said.get("api_endpoint"))
    if not endpoint:
        raise Reconnect("reconnect", status=200)
    login = said.get("login")
    login = login if isinstance(login, dict) else {}
    return Grant(
        token=token,
        dc=text(said.get("dc")),
        api_base=believed_api_base(login_url, endpoint),
        account_key=_written(said.get("user_id")),
        account_name=text(said.get("accountname")),
        role=text(said.get("role")),
        login_id=_written(login.get("login_id")),
        login_name=text(login.get("login_name")),
    )


def believed_api_base(login_url: str, api_endpoint: str) -> str:
    """Return the API's address, such as `https://us3.api.mailchimp.com`, if it may be sent the token.

    Raises Invalid if not. The address comes out of an answer, and whoever could change that would be sent
    every token. With Mailchimp's own login host only its API hosts are believed, with another one only that
    host or a loopback one; plain http only on loopback.
    """
    endpoint, login = _split(api_endpoint), _split(login_url)
    host = endpoint.hostname or ""
    if endpoint.path not in {"", "/"}:
        raise _not_believed()
    if endpoint.scheme != "https" and not _is_loopback(host):
        raise _not_believed()
    if login.hostname == urlsplit(DEFAULT_LOGIN_URL).hostname:
        if not _MAILCHIMP_HOST.fullmatch(host) or endpoint.port not in {None, 443}:
            raise _not_believed()
        return f"https://{host}"
    if host != login.hostname and not _is_loopback(host):
        raise _not_believed()
    return f"{endpoint.scheme}://{endpoint.netloc.lower()}"


def _split(url: str) -> SplitResult:
    """The URL in its parts; only plain ones, so that no two readers of it can see different hosts."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _not_believed() from None
    if not _PLAIN_URL.fullmatch(url) or "\\" in url or "@" in parts.netloc or "?" in url or "#" in url:
        raise _not_believed()
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise _not_believed()
    return parts


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _not_believed() -> Invalid:
    return Invalid(
        "The login host named an API address that is not to be trusted with a token. "
        "Check MAILCHIMP_LOGIN_URL.",
        field="api_endpoint",
    )


def _ask(http: httpx.Client, method: str, url: str, **sent: Any) -> dict[str, Any]:
    try:
        headers = {"User-Agent": USER_AGENT, "Accept": "application/json", **sent.pop("headers", {})}
        answer = http.request(
            method, url, headers=headers, timeout=TIMEOUT, auth=None, follow_redirects=False, **sent
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # `from None`: the library's error carries the request, and with it the secret.
        raise Passing("network", detail=type(error).__name__) from None
    said = json_object(answer.content)
    if answer.is_success and said is not None:
        return said
    if answer.is_success:
        raise Passing("mailchimp_down", status=answer.status_code)
    raise _refused(answer.status_code, said)


def _refused(status: int, said: dict[str, Any] | None) -> MailchimpError:
    """OAuth's own errors are `{"error": …}`: the customer connects once more."""
    if status in {400, 401} and said is not None and text(said.get("error")):
        return Reconnect("reconnect", status=status, title=text(said.get("error")))
    return refusal(status, said)


def _written(value: Any) -> str:
    """A number or a text as text: ids come as either."""
    return str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
