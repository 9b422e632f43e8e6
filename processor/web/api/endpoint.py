"""Serves operations: authenticates, reads, lets the handler call its verb in a thread, and answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from processor import report
from processor.domain.catalogue import words
from processor.errors import Invalid, MailchimpError, Unfit
from processor.kit import Kit
from processor.web import problem
from processor.web.api.asked import Refused, body_of, checked, parse, query_of
from processor.web.api.operation import Call, Operation, Reply
from processor.web.auth import Caller, Unauthenticated, caller_of
from processor.web.models.kinds import ID_RULE, is_id
from processor.web.problem import Problem

NO_STORE = {"Cache-Control": "no-store"}


def route(kit: Kit, path: str, operations: Sequence[Operation]) -> Route:
    """Return the route that serves all operations of one address."""
    by_method = {operation.method: operation for operation in operations}

    async def serve(request: Request) -> Response:
        # Starlette lets HEAD through where there is a GET.
        operation = by_method["GET" if request.method == "HEAD" else request.method]
        return await _answer(kit, operation, request)

    return Route(path, serve, methods=list(by_method), name=operations[0].name)


async def _answer(kit: Kit, operation: Operation, request: Request) -> Response:
    try:
        caller = await run_in_threadpool(_enter, kit, request)
        raw = await _read(kit, operation, request)
        if operation.async_handler is not None:
            reply = await operation.async_handler(_call(kit, operation, request, caller, raw))
        else:
            reply = await run_in_threadpool(_work, kit, operation, request, caller, raw)
    except Unauthenticated as error:
        headers = {"WWW-Authenticate": error.challenge}
        return Problem(401, str(error), code="unauthenticated", headers=headers)
    except Refused as error:
        return _refusal(error.status, str(error), error.errors)
    except MailchimpError as error:
        return _mailchimp(error)
    except Unfit as error:
        return _unfit(error)
    except Invalid as error:
        return _refusal(422, str(error), [(error.field, str(error))] if error.field else [])
    return _response(reply)


async def _read(kit: Kit, operation: Operation, request: Request) -> Any:
    """Return the body's bytes, or whatever the operation's own reader makes of them."""
    if operation.reader is not None:
        return await operation.reader(kit, request)
    if operation.body is None:
        return b""
    return await body_of(request, kit.settings.body_timeout_seconds, may_lack=operation.may_lack_body)


def _enter(kit: Kit, request: Request) -> Caller:
    """Return the caller, inside the fence of whatever account or connection the address names."""
    caller = caller_of(kit, request.headers.get("authorization"))
    path = _path(request)
    if "account" in path:
        caller.enter(path["account"])
    if "connection" in path:
        report.row_of(kit, path["connection"], caller.account_id)
    return caller


def _path(request: Request) -> Mapping[str, str]:
    path: Mapping[str, str] = request.path_params
    # The whole address is looked at too: the router's patterns pass over a line break at its end.
    is_cut = request.scope["path"].endswith("\n")
    for name, part in path.items():
        if is_cut or not is_id(part):
            raise Refused(422, f"{name}: {ID_RULE}", [(name, ID_RULE)])
    return path


def _work(kit: Kit, operation: Operation, request: Request, caller: Caller, raw: Any) -> Reply:
    assert operation.handler is not None
    return operation.handler(_call(kit, operation, request, caller, raw))


def _call(kit: Kit, operation: Operation, request: Request, caller: Caller, raw: Any) -> Call[Any, Any]:
    query = query_of(operation.query, request.query_params.multi_items())
    if operation.reader is not None:
        return Call(kit, caller, _path(request), query, raw, request.is_disconnected)
    body = None if operation.body is None else checked(operation.body, parse(raw))
    return Call(kit, caller, _path(request), query, body, request.is_disconnected)


def _refusal(status: int, message: str, errors: Sequence[tuple[str, str]]) -> Problem:
    more = {"errors": [{"field": field, "message": said} for field, said in errors]} if errors else {}
    code = "invalid" if status in {400, 422} else None
    # What is left of a body that was not read to its end would be taken for the next request.
    headers = {"Connection": "close"} if status in {408, 413, 415} else {}
    return Problem(status, message, code=code, headers=headers | NO_STORE, **more)


def _unfit(error: Unfit) -> Problem:
    said = words(error.code, **error.facts)
    status = 413 if error.code == "photo_too_large" else problem.status_of(error)
    headers = {"Connection": "close"} if status == 413 else {}
    return Problem(status, f"{said.happened} {said.todo}", code=error.code, headers=headers | NO_STORE)


def _mailchimp(error: MailchimpError) -> Problem:
    """The status of the table, with the catalogue's words in place of the table's general ones."""
    said = words(error.code, detail=error.detail, instance=error.instance)
    general = problem.of(error)
    headers = {name: general.headers[name] for name in ("Retry-After",) if name in general.headers}
    detail = f"{said.happened} {said.todo}"
    return Problem(general.status_code, detail, code=error.code, headers=headers | NO_STORE)


def _response(reply: Reply) -> Response:
    if reply.problem:
        return Problem(reply.status, headers=NO_STORE, **reply.problem)
    if reply.file is not None:
        headers = {**NO_STORE, "Content-Disposition": f'attachment; filename="{reply.file.name}"'}
        media_type = f"{reply.file.media_type}; charset=utf-8"
        return StreamingResponse(reply.file.text, reply.status, headers, media_type=media_type)
    if reply.body is None:
        return Response(status_code=reply.status, headers=NO_STORE)
    text = reply.body.model_dump_json()
    return Response(text, reply.status, NO_STORE, media_type="application/json")
