"""Webhooks sent, API calls seen, and the switches that break Mailchimp."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.faults import Faults, Rule
from sandbox.page.common import back, number, text, world_of
from sandbox.page.render import page

_CDN = "<html><head><title>Access Denied</title></head><body>Access Denied. Reference #18.0</body></html>"

# What the API can be made to do: a name for the form, what it says, and the rule.
BREAKS: dict[str, tuple[str, dict[str, Any]]] = {
    "500": ("fails with an internal error (500)", {"status": 500}),
    "503": ("is down behind its CDN (503, a page in place of JSON)", {"status": 503, "html": _CDN}),
    "403": ("is blocked by its CDN (403, a page in place of JSON)", {"status": 403, "html": _CDN}),
    "429": ("says that there are too many requests (429)", {"status": 429}),
    "401": ("no longer accepts the token (401)", {"status": 401}),
    "lost": (
        "does what it is asked, but its answer is lost (504)",
        {"status": 504, "after": True, "html": _CDN},
    ),
    "hang": ("does not answer at all", {"hang": True}),
}


async def deliveries(request: Request) -> Response:
    """GET /deliveries: the last hundred."""
    courier = world_of(request).courier
    rows = [
        {**delivery, "pairs": parse_qsl(delivery["body"], keep_blank_values=True)}
        for delivery in reversed(courier.log(100))
    ]
    values = {"title": "Webhooks sent", "rows": rows, "counts": courier.counts()}
    return page(request, "deliveries.html", values)


async def requests(request: Request) -> Response:
    """GET /requests: the last hundred, and how many of each."""
    journal = world_of(request).journal
    values = {"title": "API calls", "rows": list(reversed(journal.last(100))), "counts": journal.counts()}
    return page(request, "requests.html", values)


async def faults(request: Request) -> Response:
    """GET /faults: the switches."""
    broken = world_of(request).faults
    values = {"title": "Break Mailchimp", "faults": broken, "breaks": BREAKS, "now": _now(broken)}
    return page(request, "faults.html", values)


async def change_faults(request: Request) -> Response:
    """POST /faults: `mend`, or what is to be broken."""
    world, form = world_of(request), await request.form()
    if form.get("do") == "mend":
        world.mend()
        return back("/faults", "Mailchimp works again.")
    broken = world.faults
    kind = text(form, "api")
    fraction = min(100.0, max(0.0, number(form, "percent"))) / 100
    broken.rules = [Rule(fraction=fraction, **BREAKS[kind][1])] if kind in BREAKS and fraction else []
    broken.latency_seconds = max(0.0, number(form, "latency_seconds"))
    _break_post(broken, form)
    broken.changed()
    return back("/faults", "Mailchimp is broken as you asked.")


def _break_post(broken: Faults, form: FormData) -> None:
    for name in ("drop", "repeat", "reorder"):
        setattr(broken.post, name, min(100.0, max(0.0, number(form, name))) / 100)
    broken.post.delay_seconds = max(0.0, number(form, "delay_seconds"))
    broken.post.signing = form.get("signing") == "on"


def _now(broken: Faults) -> dict[str, Any]:
    """Which choice of the form the present rules are, so that the page shows what is set."""
    rule = broken.rules[0] if broken.rules else None
    chosen = ""
    for name, (_, parts) in BREAKS.items():
        if rule and all(getattr(rule, key) == value for key, value in parts.items()):
            chosen = name
    return {"api": chosen, "percent": round(rule.fraction * 100) if rule else 100, "rules": len(broken.rules)}


ROUTES = [
    Route("/deliveries", deliveries, methods=["GET"]),
    Route("/requests", requests, methods=["GET"]),
    Route("/faults", faults, methods=["GET"]),
    Route("/faults", change_faults, methods=["POST"]),
]
