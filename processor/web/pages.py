"""Templates into pages. Everything on them comes from this host, and they work without scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

HERE = Path(__file__).parent

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}

_TEMPLATES = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["number"] = lambda number: f"{number:,}"


def page(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return the page; a value that the template names and is not given is an error."""
    return HTMLResponse(_TEMPLATES.get_template(template).render(**values), status, HEADERS)


def static() -> Mount:
    """Return the route to the stylesheets."""
    return Mount("/static", StaticFiles(directory=HERE / "static"), name="static")
