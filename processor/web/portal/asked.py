"""What a visitor asks for: who they are, which page, and what their form says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import httpx
from starlette.datastructures import FormData, QueryParams
from starlette.requests import Request

from processor.kit import Kit
from processor.web.portal import cookie

PORTAL = "/portal"


@dataclass(frozen=True)
class Asked:
    """One request of a visitor who was let in. `form` is empty unless one was sent, and then it is ours."""

    kit: Kit
    http: httpx.Client
    account_id: str
    session: str
    path: Mapping[str, str]
    query: QueryParams
    form: FormData
    is_framed: bool
    is_partial: bool
    """Whether htmx asks, which puts the answer into the page that is there."""

    @property
    def connection_id(self) -> str:
        """The connection in the address; the door has seen that it is this account's."""
        return self.path["connection"]

    @property
    def here(self) -> str:
        """The address of the connection's pages."""
        return f"{PORTAL}/connections/{self.connection_id}"

    @cached_property
    def csrf(self) -> str:
        """What the forms of this session carry."""
        return cookie.form_token(self.session)

    @cached_property
    def now(self) -> datetime:
        """The time now, one for the whole page."""
        return self.kit.now()

    def text(self, name: str) -> str:
        """Return one text of the form, without the blanks around it; an empty one where it is not there."""
        value = self.form.get(name, "")
        return value.strip() if isinstance(value, str) else ""


def is_framed(request: Request) -> bool:
    """Whether the page will stand in a frame, as far as the browser tells."""
    return request.headers.get("sec-fetch-dest", "") in {"iframe", "frame"}


def is_partial(request: Request) -> bool:
    """Whether htmx asks."""
    return request.headers.get("hx-request", "") == "true"
