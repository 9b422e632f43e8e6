"""Lets a call in: credentials, the ten at a time, faults, roles; and writes down that it came."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sandbox import problem
from sandbox.api.call import Answer, Call
from sandbox.api.routes import ROUTER, Match
from sandbox.faults import Rule
from sandbox.journal import Seen
from sandbox.problem import Problem
from sandbox.state.account import SIMULTANEOUS_REQUESTS, Account
from sandbox.world import World

PROBLEM_TYPE = "application/problem+json; charset=utf-8"
JSON_TYPE = "application/json; charset=utf-8"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request under `/3.0` as it arrived. `path` is what follows `/3.0`, percent-encoding still in it."""

    method: str
    path: str
    query_text: str
    query: Mapping[str, str]
    raw: bytes
    secrets: tuple[str, ...]
    base_url: str
    ip: str = ""
    user_agent: str = ""
    trigger: str = ""
    batch: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back over HTTP."""

    status: int
    body: bytes
    headers: dict[str, str]


async def answer(world: World, asked: Asked) -> Reply:
    """The reply to one request. Never raises: a failure of the sandbox is a 500 as Mailchimp has them."""
    request_id = world.ids.uuid()
    match = ROUTER.match(asked.path)
    account = _account(world, asked)
    began = time.perf_counter()
    # A batch is carried out inside Mailchimp: it takes no place among the ten.
    place = account if account and not asked.batch else None
    if place:
        place.in_flight += 1
        place.most_in_flight = max(place.most_in_flight, min(place.in_flight, SIMULTANEOUS_REQUESTS))
    concurrency = place.in_flight if place else 0
    try:
        reply = await _reply(world, asked, match, account, request_id)
    finally:
        if place:
            place.in_flight -= 1
    took_ms = round((time.perf_counter() - began) * 1000, 2)
    world.journal.note(
        Seen(
            at_seconds=world.clock.now_seconds(),
            method=asked.method,
            template=match.template,
            path=asked.path,
            query=asked.query_text,
            status=reply.status,
            account=account.id if account else "",
            duration_ms=took_ms,
            concurrency=concurrency,
            user_agent=asked.user_agent,
            authorized=bool(asked.secrets),
            batch=asked.batch,
            request_id=request_id,
        )
    )
    return reply


async def _reply(world: World, asked: Asked, match: Match, account: Account | None, request_id: str) -> Reply:
    try:
        if account and not asked.batch and account.in_flight > SIMULTANEOUS_REQUESTS:
            raise problem.too_many_requests()
        rule = await _suffer(world, asked, account)
        if rule and rule.ignore:
            asked, rule = replace(asked, method="GET"), None
        if rule and not rule.after:
            return _broken(rule, request_id)
        done = await _carry_out(world, asked, match, account)
        if rule and rule.hang:
            await world.faults.held(rule)
        elif rule:
            return _broken(rule, request_id)
        return _reply_of(done, request_id)
    except Problem as error:
        return problem_reply(error, request_id)
    except Exception:
        _log.exception("the sandbox failed at %s %s", asked.method, match.template)
        return problem_reply(problem.internal(), request_id)


async def _suffer(world: World, asked: Asked, account: Account | None) -> Rule | None:
    """Latency first, then the fault that strikes this request, if one does."""
    faults = world.faults
    if not asked.batch:
        slow = faults.latency_seconds + world.ids.between(0, faults.latency_jitter_seconds)
        if slow > 0:
            await asyncio.sleep(slow)
    rule = faults.hit(asked.method, asked.path, account.id if account else "", world.ids.chance)
    if rule and rule.hang and not rule.after:
        await _hang(world, rule, account if account and not asked.batch else None)
        return None
    return rule


async def _hang(world: World, rule: Rule, place: Account | None) -> None:
    if place and not rule.holds:
        place.in_flight -= 1
    try:
        await world.faults.held(rule)
    finally:
        if place and not rule.holds:
            place.in_flight += 1


async def _carry_out(world: World, asked: Asked, match: Match, account: Account | None) -> Answer:
    account = _let_in(asked, account)
    if asked.trigger and (wanted := problem.named(asked.trigger)):
        raise wanted
    handler = match.handler(asked.method)
    if asked.method != "GET" and not account.may(_role_needed(match.template)):
        raise problem.forbidden()
    call = Call(
        world=world,
        account=account,
        method=asked.method,
        path=asked.path,
        query=asked.query,
        body=_json(asked.raw),
        base_url=asked.base_url,
        ip=asked.ip,
        secret=asked.secrets[0],
        batch=asked.batch,
        params=match.params,
    )
    done = handler(call)
    if inspect.isawaitable(done):
        done = await done
    if asked.method != "GET":
        world.dirty = True
    return done


def _account(world: World, asked: Asked) -> Account | None:
    # Two different credentials in one request are refused (release note of February 2021).
    if len(set(asked.secrets)) != 1:
        return None
    return world.account_of(asked.secrets[0])


def _let_in(asked: Asked, account: Account | None) -> Account:
    if not asked.secrets:
        raise problem.key_missing()
    if account is None:
        raise problem.key_invalid()
    if account.disabled:
        raise problem.user_disabled()
    return account


def _role_needed(template: str) -> str:
    return "author" if template.startswith("/file-manager") else "manager"


def _json(raw: bytes) -> Any:
    if not raw.strip():
        return None
    try:
        return json.loads(raw)
    except ValueError:
        raise problem.json_parse() from None


def _reply_of(done: Answer, request_id: str) -> Reply:
    body = b"" if done.body is None else json.dumps(done.body, separators=(",", ":")).encode()
    headers = {"Content-Type": JSON_TYPE, "X-Request-Id": request_id, **done.headers}
    return Reply(done.status, body, headers)


def problem_reply(error: Problem, request_id: str) -> Reply:
    """A Problem over HTTP; `instance` in its body equals the `X-Request-Id` header."""
    body = json.dumps(error.document(request_id)).encode()
    headers = {"Content-Type": PROBLEM_TYPE, "X-Request-Id": request_id, **error.headers}
    return Reply(error.status, body, headers)


_USUAL = {
    400: problem.invalid_action("The action requested was not valid for this resource."),
    401: problem.key_invalid(),
    403: problem.forbidden(),
    404: problem.not_found(),
    429: problem.too_many_requests(),
    500: problem.internal(),
    503: Problem(503, "ComplianceRelated", "This method has been disabled."),
}


def _broken(rule: Rule, request_id: str) -> Reply:
    if rule.html:
        headers = {"Content-Type": "text/html; charset=utf-8", "X-Request-Id": request_id}
        return Reply(rule.status, rule.html.encode(), headers)
    usual = _USUAL.get(rule.status) or Problem(rule.status, "InternalServerError", problem.internal().detail)
    error = Problem(
        rule.status, rule.title or usual.title, rule.detail or usual.detail, errors=rule.errors or None
    )
    return problem_reply(error, request_id)
