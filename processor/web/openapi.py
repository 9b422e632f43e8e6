"""The OpenAPI 3.1 document, made of the same rows that serve the API."""

from __future__ import annotations

import http
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from processor.web.api.operation import Nothing, Operation
from processor.web.models.problem import ProblemAnswer
from processor.web.problem import MEDIA_TYPE

PATH = "/v1/openapi.json"

_REF = "#/components/schemas/{model}"
_ALWAYS = (401, 422, 503)
_WITH_BODY = (400, 408, 413, 415)
_CONVERTER = re.compile(r"\{(\w+)(?::\w+)?\}")
_REFUSALS: Mapping[int, str] = {
    400: "The body is not JSON.",
    401: "There is no key, or it opens nothing.",
    404: "There is no such thing, or it is another account's.",
    408: "The body did not arrive in time.",
    409: "Something stands in the way; `detail` says what.",
    410: "The cursor is older than what is kept: read all contacts anew.",
    413: "The body is larger than 1 MiB, or the photo in it than 10 MB.",
    415: "The body is not said to be JSON.",
    422: "Something that was sent is wrong; `errors` says what and where.",
    502: "Mailchimp refused.",
    503: "The database or Mailchimp does not answer now; try again after `Retry-After` seconds.",
}

Schemas = Mapping[Any, Mapping[str, Any]]
"""A reference to each shape, by (shape, mode)."""


def route(operations: Sequence[Operation]) -> Route:
    """Return the route that serves the document, made when it is first asked for; it needs no key."""

    @cache
    def text() -> str:
        return json.dumps(document(operations), indent=1)

    def serve(request: Request) -> Response:  # noqa: ARG001
        return Response(text(), media_type="application/json")

    return Route(PATH, serve, name="openapi")


def document(operations: Sequence[Operation]) -> dict[str, Any]:
    """Return the document as JSON can hold it."""
    refs, definitions = models_json_schema(
        list(_shapes(operations)), ref_template=_REF, title="Bothways", description=None
    )
    paths: dict[str, dict[str, Any]] = {PATH: {"get": _own()}}
    for operation in operations:
        path = shown_path(operation.path)
        paths.setdefault(path, {})[operation.method.lower()] = _operation(operation, refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Bothways",
            "version": _version(),
            "description": "Keeps a platform's contacts and a Mailchimp audience in step, both ways.",
        },
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "A key that `bothways keys` made."}
            },
        },
    }


def shown_path(path: str) -> str:
    """Return a route's path as OpenAPI writes it: without Starlette's converters."""
    return _CONVERTER.sub(r"{\1}", path)


def _version() -> str:
    try:
        return version("bothways")
    except PackageNotFoundError:
        return "0"


def _own() -> dict[str, Any]:
    content = {"application/json": {"schema": {"type": "object"}}}
    return {
        "operationId": "readOpenapi",
        "summary": "This document",
        "security": [],
        "responses": {"200": {"description": "OK", "content": content}},
    }


def _shapes(operations: Iterable[Operation]) -> Iterator[tuple[type[BaseModel], JsonSchemaMode]]:
    yield ProblemAnswer, "serialization"
    for operation in operations:
        if operation.body is not None:
            yield operation.body, "validation"
        for answer in operation.answers.values():
            if answer is not None:
                yield answer, "serialization"


def _operation(operation: Operation, refs: Schemas) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": [*_in_path(operation), *_in_query(operation.query)],
        "responses": dict(_responses(operation, refs)),
    }
    if operation.description:
        described["description"] = operation.description
    if operation.body is not None:
        schema = refs[operation.body, "validation"]
        content = {"application/json": {"schema": schema}}
        if operation.reader is not None:
            content["multipart/form-data"] = {"schema": {"type": "object", "additionalProperties": True}}
        described["requestBody"] = {"required": not operation.may_lack_body, "content": content}
    return described


def _in_path(operation: Operation) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _CONVERTER.findall(operation.path)
    ]


def _in_query(shape: type[BaseModel]) -> Iterator[dict[str, Any]]:
    if shape is Nothing:
        return
    schema = shape.model_json_schema(mode="validation", ref_template=_REF)
    for name, of_one in schema["properties"].items():
        described = dict(of_one)
        text = described.pop("description", None)
        parameter = {"name": name, "in": "query", "required": name in schema.get("required", ())}
        yield {**parameter, **({"description": text} if text else {}), "schema": _inlined(described, schema)}


def _inlined(part: Any, whole: Mapping[str, Any]) -> Any:
    """Put the few enums that a query refers to in their places."""
    if isinstance(part, list):
        return [_inlined(one, whole) for one in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return whole["$defs"][part["$ref"].rsplit("/", 1)[1]]
    return {name: _inlined(one, whole) for name, one in part.items()}


def _responses(operation: Operation, refs: Schemas) -> Iterator[tuple[str, dict[str, Any]]]:
    for status, answer in operation.answers.items():
        content = {} if answer is None else {"content": _json(refs[answer, "serialization"])}
        yield str(status), {"description": http.HTTPStatus(status).phrase, **content}
    for status, media_type in operation.files.items():
        content = {"content": {media_type: {"schema": {"type": "string"}}}}
        yield str(status), {"description": http.HTTPStatus(status).phrase, **content}
    not_found = (404,) if "{" in operation.path else ()
    of_body = _WITH_BODY if operation.body is not None else ()
    problem = {MEDIA_TYPE: {"schema": refs[ProblemAnswer, "serialization"]}}
    for status in sorted({*_ALWAYS, *not_found, *of_body, *operation.refusals}):
        yield str(status), {"description": _REFUSALS[status], "content": problem}


def _json(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
