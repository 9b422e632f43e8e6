"""`/`, `/ping` and `/authorized-apps`."""

from __future__ import annotations

import zlib
from typing import Any

from sandbox import problem
from sandbox.api.call import Answer, Call
from sandbox.clock import iso


def account(call: Call) -> Answer:
    """GET /: who this token belongs to."""
    about = call.account
    subscribed = sum(audience.members.count("subscribed") for audience in about.audiences.values())
    body = {
        "account_id": about.id,
        "login_id": str(about.login_id),
        "account_name": about.name,
        "email": about.email,
        "first_name": "Sandbox",
        "last_name": "Owner",
        "username": about.email,
        "avatar_url": "",
        "role": about.role,
        "member_since": iso(about.created_seconds),
        "pricing_plan_type": "monthly" if about.plan_limit else "forever_free",
        "first_payment": "",
        "account_timezone": "Etc/UTC",
        "account_industry": "",
        "contact": {
            "company": about.name,
            "addr1": "1 Sandbox Street",
            "addr2": "",
            "city": "Atlanta",
            "state": "GA",
            "zip": "30308",
            "country": "US",
        },
        "pro_enabled": False,
        "last_login": iso(call.world.clock.second()),
        "total_subscribers": subscribed,
        "industry_stats": {"open_rate": 0, "bounce_rate": 0, "click_rate": 0},
        "_links": call.links(
            ("self", "/", "GET"), ("lists", "/lists", "GET"), ("batches", "/batches", "GET")
        ),
    }
    return call.chosen(body)


def ping(_: Call) -> Answer:
    """GET /ping."""
    return Answer({"health_status": "Everything's Chimpy!"})


def apps(call: Call) -> Answer:
    """GET /authorized-apps: the OAuth clients that hold a token of this account."""
    return call.listed("apps", _apps(call), "/authorized-apps")


def app(call: Call) -> Answer:
    """GET /authorized-apps/{app_id}."""
    for known in _apps(call):
        if str(known["id"]) == call.params["app_id"]:
            return call.chosen(known)
    raise problem.not_found()


def _apps(call: Call) -> list[dict[str, Any]]:
    granted = {
        grant.app
        for grant in call.world.grants.values()
        if grant.account_id == call.account.id and grant.app and not grant.revoked
    }
    return [_app(call, name) for name in sorted(granted)]


def _app(call: Call, client_id: str) -> dict[str, Any]:
    client = call.world.clients.get(client_id)
    number = zlib.crc32(client_id.encode())
    return {
        "id": number,
        "name": client.name if client and client.name else client_id,
        "description": "An application that was connected in the sandbox.",
        "users": [call.account.email],
        "_links": call.links(("self", f"/authorized-apps/{number}", "GET")),
    }
