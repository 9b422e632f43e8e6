"""What an operation of the API is: address, shapes and handler, in one value that serves and documents it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel
from starlette.requests import Request

from processor.kit import Kit
from processor.web.auth import Caller

Q = TypeVar("Q")
B = TypeVar("B")


class Nothing(BaseModel):
    """The operation takes no body, or no query."""

    model_config = {"extra": "forbid"}


@dataclass(frozen=True, slots=True)
class Call(Generic[Q, B]):
    """One call, authenticated and read. `path` holds the address's parts by name."""

    kit: Kit
    caller: Caller
    path: Mapping[str, str]
    query: Q
    body: B
    is_gone: Callable[[], Awaitable[bool]]
    """Whether the caller has hung up."""


@dataclass(frozen=True, slots=True)
class File:
    """Text that is made while it is sent, so that its length does not matter. Its operation says the same
    media type in `files`."""

    name: str
    media_type: str
    text: Iterator[str]


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered."""

    body: BaseModel | None = None
    status: int = 200
    problem: Mapping[str, Any] = field(default_factory=dict)
    """With a status of 400 and more: `detail`, `code` and whatever else the problem tells."""
    file: File | None = None
    """In place of a body, something to keep as a file."""


Handler = Callable[[Call[Any, Any]], Reply]
Reader = Callable[[Kit, Request], Awaitable[Any]]
AsyncHandler = Callable[[Call[Any, Any]], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of the API.

    `handler` runs in a thread; `async_handler` on the event loop, for what waits. `answers` are the shapes by
    status; `refusals` are the problems beside those that its kind has anyway (401, 422, 503; 404 with a part
    in the address; 400, 408, 413, 415 with a body).
    """

    method: str
    path: str
    name: str
    summary: str
    handler: Handler | None = None
    async_handler: AsyncHandler | None = None
    query: type[BaseModel] = Nothing
    body: type[BaseModel] | None = None
    reader: Reader | None = None
    """Reads the body in its own way, within its own bounds; `body` is then what its JSON looks like, and it
    takes the same as a form with a file."""
    answers: Mapping[int, type[BaseModel] | None] = field(default_factory=dict)
    files: Mapping[int, str] = field(default_factory=dict)
    """Media types by status, of answers that are files."""
    refusals: tuple[int, ...] = ()
    description: str = ""
    is_open: bool = False
    """Whether it needs no key."""

    @property
    def may_lack_body(self) -> bool:
        """Whether it may be asked for without a body: it does something, and all that could be said has a
        default."""
        fields = self.body.model_fields.values() if self.body else ()
        return self.method == "POST" and not any(field.is_required() for field in fields)
