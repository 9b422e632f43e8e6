"""Templates into pages. Everything on them comes from this host, and they work without scripts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from processor.web.words import FILTERS

HERE = Path(__file__).parent


def policy(*, scripts: bool = False, forms_go_to: Iterable[str] = (), frames: Iterable[str] = ()) -> str:
    """Return the Content-Security-Policy of a page.

    `scripts` lets our own files run, and ask this host. `forms_go_to` are origins that a form of the page
    leads to in the end: browsers hold redirects of a form against the policy too. `frames` are the origins
    whose pages may show this one in a frame.
    """
    parts = [
        "default-src 'none'",
        *(["script-src 'self'", "connect-src 'self'"] if scripts else []),
        "style-src 'self'",
        "img-src 'self'",
        " ".join(["form-action", "'self'", *forms_go_to]),
        "base-uri 'none'",
        " ".join(["frame-ancestors", *(list(frames) or ["'none'"])]),
    ]
    return "; ".join(parts)


def login_origins(login_url: str) -> list[str]:
    """Return where a form that begins the sign-in may lead. Mailchimp's sign-in goes on to further hosts of
    theirs, such as that of the account's data centre."""
    parts = urlsplit(login_url)
    hosts = [f"{parts.scheme}://{parts.netloc}"]
    is_mailchimp = (parts.hostname or "").endswith(".mailchimp.com")
    return [*hosts, "https://*.mailchimp.com"] if is_mailchimp else hosts


_TEMPLATES = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters.update(FILTERS)


def page(
    template: str, status: int = 200, *, headers: Mapping[str, str] | None = None, **values: Any
) -> HTMLResponse:
    """Return the page; a value that the template names and is not given is an error. `headers` come beside
    the strictest policy, or in its place."""
    sent = {"Content-Security-Policy": policy(), "Cache-Control": "no-store", **(headers or {})}
    return HTMLResponse(_TEMPLATES.get_template(template).render(**values), status, sent)


def static() -> Mount:
    """Return the route to stylesheets and scripts."""
    return Mount("/static", StaticFiles(directory=HERE / "static"), name="static")
