"""Reads what a caller sent: JSON bytes and query strings into checked values, or a problem that says where.

Everything here is pure but `body_of`, which reads the request's body within its bounds.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

M = TypeVar("M", bound=BaseModel)

MAX_BODY_BYTES = 1_048_576
MOST_ERRORS = 20
"""Errors that are told at once: enough to see the pattern."""


class Refused(Exception):
    """What was sent is not taken. `errors` are (field, message) pairs."""

    def __init__(self, status: int, message: str, errors: Sequence[tuple[str, str]] = ()) -> None:
        self.status = status
        self.errors = errors
        super().__init__(message)


async def body_of(request: Request, timeout_seconds: float, *, may_lack: bool = False) -> bytes:
    """Return the body; where it `may_lack` and there is none, that of an empty object. Raises Refused: 413
    when it is larger than 1 MiB (not read on), 408 when it is too slow, 415 when it does not say that it is
    JSON."""
    if may_lack and _has_no_body(request):
        return b"{}"
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(415, "Send JSON, with `Content-Type: application/json`.")
    try:
        async with asyncio.timeout(timeout_seconds):
            return await _read(request)
    except TimeoutError:
        raise Refused(408, "The body did not arrive in time.") from None
    except ClientDisconnect:
        raise Refused(400, "The sender left.") from None


def _has_no_body(request: Request) -> bool:
    headers = request.headers
    return "transfer-encoding" not in headers and headers.get("content-length", "0").strip() == "0"


async def _read(request: Request) -> bytes:
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length) > MAX_BODY_BYTES:
        raise _too_large()
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise _too_large()
    return bytes(body)


def _too_large() -> Refused:
    return Refused(413, f"The body is larger than {MAX_BODY_BYTES} bytes; send it in several calls.")


def parse(body: bytes) -> Any:
    """Return what the JSON says. Raises Refused(400) for what is none, or could not be kept as it is."""
    try:
        return json.loads(body.decode(), parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise Refused(400, "The body is not UTF-8.") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Refused(400, f"The body is not JSON: {error.msg}, {where}.") from None
    except ValueError as error:  # a constant such as NaN, or a number of thousands of digits
        raise Refused(400, f"The body is not JSON that is taken: {error}.") from None
    except RecursionError:
        raise Refused(400, "The body is nested too deeply.") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def checked(shape: type[M], value: Any) -> M:
    """Return the value in its shape. Raises Refused(422) with every error, each with its place."""
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        errors = told(error, shape)
        raise Refused(422, summary(errors), errors) from None


def told(error: ValidationError, shape: type[BaseModel]) -> list[tuple[str, str]]:
    """Return what is wrong as (field, message) pairs, in our words where we have better ones."""
    found = error.errors(include_url=False, include_input=False)[:MOST_ERRORS]
    return [(place(one["loc"]), _words(one, shape)) for one in found]


def summary(errors: Sequence[tuple[str, str]]) -> str:
    """Return one sentence that tells the first error, and how many more there are."""
    field, message = errors[0]
    more = f" ({len(errors) - 1} more in `errors`)" if len(errors) > 1 else ""
    return f"{field}: {message}{more}" if field else f"{message}{more}"


def place(loc: Iterable[int | str]) -> str:
    """Return where, as names and positions joined by dots."""
    # `[key]` is how pydantic says that the name itself is wrong.
    return ".".join(str(part)[:100] for part in loc if part != "[key]")


_WORDS: Mapping[str, str] = {
    "missing": "This is required.",
    "string_type": "This must be text.",
    "int_type": "This must be a whole number.",
    "int_parsing": "This must be a whole number.",
    "int_from_float": "This must be a whole number.",
    "int_parsing_size": "This number is too large.",
    "float_parsing": "This must be a number.",
    "bool_type": "This must be true or false.",
    "list_type": "This must be a list.",
    "dict_type": "This must be an object.",
    "model_type": "This must be an object.",
}


def _words(error: Any, shape: type[BaseModel]) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        known = f" Known: {', '.join(shape.model_fields)}." if len(error["loc"]) == 1 else ""
        return f"This name is not known.{known}"
    if kind == "enum":
        return f"Write one of {context['expected']}."
    if kind == "too_long":
        return f"There are more than {context['max_length']}; send the rest in the next call."
    if kind == "too_short":
        return f"At least {context['min_length']} is needed."
    said = _WORDS.get(kind, error["msg"])
    return said if said.endswith(".") else f"{said}."


def query_of(shape: type[M], pairs: Iterable[tuple[str, str]]) -> M:
    """Return the query in its shape. Raises Refused(422): unknown names, and one value's name given twice,
    are refused rather than passed over."""
    values: dict[str, Any] = {}
    for name, text in pairs:
        if _is_list(shape, name):
            values.setdefault(name, []).append(text)
        elif name in values:
            raise Refused(422, f"{name}: It is given twice.", [(name[:100], "It is given twice.")])
        else:
            values[name] = text
    return checked(shape, values)


def _is_list(shape: type[BaseModel], name: str) -> bool:
    known = shape.model_fields.get(name)
    if known is None:
        return False
    return any(get_origin(kind) is list for kind in (known.annotation, *get_args(known.annotation)))
