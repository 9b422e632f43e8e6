"""`/_control/…`: how tests and the demo prepare, break and watch this Mailchimp. JSON, no credentials."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import bulk, control_acts, problem
from sandbox.faults import Rule
from sandbox.problem import Problem
from sandbox.state.account import ROLES, Account
from sandbox.state.audience import Audience
from sandbox.state.member import Member
from sandbox.world import Client, World

Body = dict[str, Any]
_Work = Callable[[World, Request, Body], Any]


def reset(world: World, _: Request, __: Body) -> Any:
    """Empties the sandbox."""
    world.reset()


def open_account(world: World, _: Request, body: Body) -> Any:
    """Makes an account with an API key; `name`, `role`, `plan_limit`, `max_audiences`, `email`, `dc`."""
    known = ("role", "plan_limit", "max_audiences", "email", "dc")
    account = world.open_account(
        str(body.get("name") or "Account"), **{key: body[key] for key in known if key in body}
    )
    return {**_account(account), "api_key": world.grant(account).secret}


def accounts(world: World, _: Request, __: Body) -> Any:
    """All accounts."""
    return {"accounts": [_account(account) for account in world.accounts.values()]}


def change_account(world: World, request: Request, body: Body) -> Any:
    """Sets `role`, `disabled`, `plan_limit`, `max_audiences` or `name`."""
    account = _account_of(world, request)
    if body.get("role", account.role) not in ROLES:
        raise problem.invalid_field("role", f"Known roles: {', '.join(ROLES)}.")
    for key in ("role", "disabled", "plan_limit", "max_audiences", "name"):
        if key in body:
            setattr(account, key, body[key])
    world.dirty = True
    return _account(account)


def issue_token(world: World, request: Request, body: Body) -> Any:
    """An access token as OAuth would have given it; `client_id` names the app."""
    grant = world.grant(_account_of(world, request), app=str(body.get("client_id") or "app"))
    return {"access_token": grant.secret}


def revoke(world: World, request: Request, body: Body) -> Any:
    """Takes tokens back: the one named by `token`, or all of the account's (keys too)."""
    account = _account_of(world, request)
    return {"revoked": world.revoke(account, body.get("token"))}


def open_audience(world: World, request: Request, body: Body) -> Any:
    """Makes an audience; see `Control.audience` for what the body may hold."""
    account = _account_of(world, request)
    audience = world.open_audience(
        account,
        str(body.get("name") or "Audience"),
        double_optin=bool(body.get("double_optin")),
        marketing_permissions=bool(body.get("marketing_permissions")),
        **({"id": str(body["id"])} if body.get("id") else {}),
    )
    for about in body.get("merge_fields") or []:
        _add_field(audience, about)
    for about in body.get("interests") or []:
        _add_interests(world, audience, about)
    return _audience(audience)


def add_field(world: World, request: Request, body: Body) -> Any:
    """Adds a merge field past the API's checks; `tag`, `name`, `type`, `required`, `options`, …"""
    audience = _audience_of(world, request)
    _add_field(audience, body)
    world.dirty = True
    return _audience(audience)


def add_interests(world: World, request: Request, body: Body) -> Any:
    """Adds a category of interests; `title`, `type`, `names`."""
    audience = _audience_of(world, request)
    _add_interests(world, audience, body)
    return _audience(audience)


def read_audience(world: World, request: Request, _: Body) -> Any:
    """An audience: merge fields, interests, webhooks."""
    return _audience(_audience_of(world, request))


def change_audience(world: World, request: Request, body: Body) -> Any:
    """Sets `name`, `double_optin`, or `refused`: addresses that are not taken for now, with the words."""
    audience = _audience_of(world, request)
    audience.name = str(body.get("name", audience.name))
    audience.double_optin = bool(body.get("double_optin", audience.double_optin))
    if "refused" in body:
        audience.refused = {str(email).lower(): str(words) for email, words in body["refused"].items()}
    world.dirty = True
    return _audience(audience)


def drop_audience(world: World, request: Request, _: Body) -> Any:
    """Deletes an audience, as the marketer may."""
    account, audience = _home_of(world, request)
    del account.audiences[audience.id]
    world.dirty = True


def put_members(world: World, request: Request, body: Body) -> Any:
    """Puts members in in bulk, past all checks and untold; see `bulk.put`."""
    try:
        return {"added": bulk.put(world, _audience_of(world, request), body.get("members") or [])}
    except (KeyError, ValueError) as error:
        raise problem.invalid_field("members", str(error)) from None


def members(world: World, request: Request, _: Body) -> Any:
    """All members of an audience, archived ones too, in one answer; or the one named by `email`."""
    audience = _audience_of(world, request)
    found: Iterable[Member | None] = audience.members
    if email := request.query_params.get("email"):
        found = [audience.members.by_email(email)]
    return {
        "members": [bulk.snapshot(audience, member) for member in found if member],
        "forgotten": sorted(known.hex() for known in audience.forgotten),
    }


def act(world: World, request: Request, body: Body) -> Any:
    """Does to a member what `act` names; see `control_acts.act`."""
    audience = _audience_of(world, request)
    member = control_acts.act(world, audience, str(body.get("act", "")), body)
    return {"member": bulk.snapshot(audience, member) if member else None}


async def send_raw(world: World, request: Request, body: Body) -> Any:
    """Posts these very bytes once to every webhook of the audience, signed; how each answered."""
    audience = _audience_of(world, request)
    raw = base64.b64decode(body.get("body_base64", ""))
    return {
        "answers": [
            {"webhook_id": hook.id, **await world.courier.post_once(hook, raw)}
            for hook in list(audience.hooks.values())
        ]
    }


def send_campaign(world: World, request: Request, body: Body) -> Any:
    """A campaign was sent: tells the webhooks that listen for it."""
    subject = str(body.get("subject") or "News")
    return {"campaign_id": world.tell_campaign(_audience_of(world, request), subject)}


def faults(world: World, _: Request, __: Body) -> Any:
    """What is broken."""
    return world.faults.document()


def break_things(world: World, _: Request, body: Body) -> Any:
    """Sets what is named: `rules`, `latency_seconds`, `latency_jitter_seconds`, `webhooks` (see `faults`)."""
    broken = world.faults
    try:
        if "rules" in body:
            broken.rules = [_known_or_new(broken.rules, Rule(**rule)) for rule in body["rules"]]
        broken.latency_seconds = float(body.get("latency_seconds", broken.latency_seconds))
        broken.latency_jitter_seconds = float(
            body.get("latency_jitter_seconds", broken.latency_jitter_seconds)
        )
        broken.batch_seconds = float(body.get("batch_seconds", broken.batch_seconds))
        post = {**asdict(broken.post), **(body.get("webhooks") or {})}
        post["retry_intervals_seconds"] = tuple(post["retry_intervals_seconds"])
        broken.post = type(broken.post)(**post)
    except TypeError as error:
        raise problem.invalid_field("", str(error)) from None
    broken.changed()
    return broken.document()


def _known_or_new(known: list[Rule], wanted: Rule) -> Rule:
    """The rule itself where it stays as it is: calls may hang by it."""
    return next((rule for rule in known if rule == wanted), wanted)


def mend(world: World, _: Request, __: Body) -> Any:
    """Takes all faults away."""
    world.mend()
    return world.faults.document()


def set_clock(world: World, _: Request, body: Body) -> Any:
    """Moves Mailchimp's clock by `offset_seconds` from the wall's, or from `stands_at_seconds`, where it then
    stands still."""
    stands = body.get("stands_at_seconds")
    world.clock.offset_seconds = float(body.get("offset_seconds", 0))
    world.clock.stands_at_seconds = None if stands is None else float(stands)
    return {"offset_seconds": world.clock.offset_seconds, "stands_at_seconds": stands}


def set_seed(world: World, _: Request, body: Body) -> Any:
    """From now on chance and ids follow this seed."""
    world.ids.reseed(body.get("seed"))


def add_client(world: World, _: Request, body: Body) -> Any:
    """Registers an OAuth application; from the first one on only registered ones are let in."""
    client = Client(
        str(body["client_id"]),
        str(body["client_secret"]),
        tuple(body.get("redirect_uris") or ()),
        str(body.get("name", "")),
    )
    world.clients[client.id] = client
    world.dirty = True


def requests(world: World, request: Request, _: Body) -> Any:
    """API calls seen: the last `limit`, by `method`, `template`, `status`, `account`; counts; peaks."""
    wanted = {
        key: value
        for key, value in request.query_params.items()
        if key in ("method", "template", "status", "account", "batch", "path")
    }
    return {
        "requests": world.journal.last(int(request.query_params.get("limit", "1000")), **wanted),
        "counts": world.journal.counts(wanted.get("account", "")),
        "most_in_flight": {account.id: account.most_in_flight for account in world.accounts.values()},
        "leaks": list(world.leaks),
    }


def forget_requests(world: World, _: Request, __: Body) -> Any:
    """Forgets the calls seen, the counts and the peaks."""
    world.journal.clear()
    world.leaks.clear()
    for account in world.accounts.values():
        account.most_in_flight = 0


def deliveries(world: World, request: Request, _: Body) -> Any:
    """Webhooks sent: the last `limit` (of `list_id`), and counts by state."""
    limit = int(request.query_params.get("limit", "1000"))
    found = world.courier.log(limit, request.query_params.get("list_id", ""))
    return {"deliveries": found, "counts": world.courier.counts()}


def forget_deliveries(world: World, _: Request, __: Body) -> Any:
    """Forgets the webhooks sent."""
    world.courier.clear()


async def settle(world: World, _: Request, body: Body) -> Any:
    """Waits until no webhook is on its way, retries included; `settled` is false where the time ran out."""
    settled = await world.courier.settle(float(body.get("timeout_seconds", 30)))
    return {"settled": settled, "counts": world.courier.counts()}


def _account_of(world: World, request: Request) -> Account:
    found = world.accounts.get(request.path_params["account_id"])
    if found is None:
        raise problem.not_found()
    return found


def _home_of(world: World, request: Request) -> tuple[Account, Audience]:
    found = world.audience(request.path_params["list_id"])
    if found is None:
        raise problem.not_found()
    return found


def _audience_of(world: World, request: Request) -> Audience:
    return _home_of(world, request)[1]


def _account(account: Account) -> Body:
    keys = (
        "id",
        "name",
        "role",
        "plan_limit",
        "disabled",
        "dc",
        "email",
        "user_id",
        "login_id",
        "most_in_flight",
    )
    return {**{key: getattr(account, key) for key in keys}, "lists": list(account.audiences)}


def _audience(audience: Audience) -> Body:
    return {
        "id": audience.id,
        "name": audience.name,
        "merge_fields": {known.tag: known.merge_id for known in audience.fields.values()},
        "interests": {
            interest.name: interest.id
            for category in audience.categories.values()
            for interest in category.interests.values()
        },
        "categories": {category.title: category.id for category in audience.categories.values()},
        "marketing_permissions": dict(audience.permissions),
        "webhooks": [
            {
                "id": hook.id,
                "url": hook.url,
                "events": hook.events,
                "sources": hook.sources,
                "secret": hook.secret,
            }
            for hook in audience.hooks.values()
        ],
        "members": len(audience.members),
    }


def _add_field(audience: Audience, about: Body) -> None:
    more = {
        key: about[key]
        for key in ("required", "default_value", "public", "options", "help_text")
        if key in about
    }
    audience.add_field(about["tag"], about.get("name") or about["tag"], about.get("type") or "text", **more)


def _add_interests(world: World, audience: Audience, about: Body) -> None:
    world.add_category(audience, about["title"], about.get("type") or "checkboxes", about.get("names") or [])


def _route(path: str, method: str, work: _Work) -> Route:
    async def serve(request: Request) -> Response:
        body = await request.json() if await request.body() else {}
        try:
            done = work(request.app.state.world, request, body)
            if isinstance(done, Awaitable):
                done = await done
        except Problem as error:
            return JSONResponse(error.document("control"), error.status)
        return Response(status_code=204) if done is None else JSONResponse(done)

    return Route(f"/_control{path}", serve, methods=[method])


ROUTES = [
    _route("/reset", "POST", reset),
    _route("/accounts", "POST", open_account),
    _route("/accounts", "GET", accounts),
    _route("/accounts/{account_id}", "PATCH", change_account),
    _route("/accounts/{account_id}/tokens", "POST", issue_token),
    _route("/accounts/{account_id}/revoke", "POST", revoke),
    _route("/accounts/{account_id}/lists", "POST", open_audience),
    _route("/lists/{list_id}", "GET", read_audience),
    _route("/lists/{list_id}", "PATCH", change_audience),
    _route("/lists/{list_id}", "DELETE", drop_audience),
    _route("/lists/{list_id}/merge-fields", "POST", add_field),
    _route("/lists/{list_id}/interests", "POST", add_interests),
    _route("/lists/{list_id}/members", "POST", put_members),
    _route("/lists/{list_id}/members", "GET", members),
    _route("/lists/{list_id}/acts", "POST", act),
    _route("/lists/{list_id}/raw", "POST", send_raw),
    _route("/lists/{list_id}/campaigns", "POST", send_campaign),
    _route("/faults", "GET", faults),
    _route("/faults", "PATCH", break_things),
    _route("/faults", "DELETE", mend),
    _route("/clock", "PUT", set_clock),
    _route("/seed", "PUT", set_seed),
    _route("/clients", "POST", add_client),
    _route("/requests", "GET", requests),
    _route("/requests", "DELETE", forget_requests),
    _route("/deliveries", "GET", deliveries),
    _route("/deliveries", "DELETE", forget_deliveries),
    _route("/settle", "POST", settle),
]
