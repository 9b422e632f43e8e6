"""Templates into answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from sandbox.clock import iso

HERE = Path(__file__).parent
STATIC = HERE / "static"
# Everything comes from this host, and nothing runs: the pages work without JavaScript.
POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'"

_TEMPLATES = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["time"] = lambda seconds: iso(int(seconds)).replace("T", " ").replace("+00:00", "")


def page(request: Request, name: str, values: Mapping[str, Any], status_code: int = 200) -> HTMLResponse:
    """A page; `said` (what the last action did) is taken from the query string."""
    said = request.query_params.get("said", "")
    text = _TEMPLATES.get_template(name).render(path=request.url.path, said=said, **values)
    return HTMLResponse(text, status_code=status_code, headers={"Content-Security-Policy": POLICY})
