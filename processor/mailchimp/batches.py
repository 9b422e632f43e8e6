"""Batch operations: many calls in one, carried out by Mailchimp in its own time. No I/O but on given files.

Source: facts.md 5.
"""

from __future__ import annotations

import io
import json
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any

from processor.domain.contact import Member
from processor.errors import MailchimpError, Passing
from processor.mailchimp.members import to_member
from processor.mailchimp.protocol import Request, json_object, moment, number, refusal, text

MAX_UNPACKED_BYTES = 512 * 1024 * 1024
MAX_FILE_BYTES = 64 * 1024 * 1024
"""One file of results is read into memory as a whole."""
_CHUNK_BYTES = 64 * 1024
_BATCH = "/batches/{batch_id}"


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of a batch. `operation_id` comes back with its result; the order does not."""

    operation_id: str
    request: Request


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch and its progress. Finished does not mean that its operations succeeded.

    `response_body_url` opens the results to whoever has it, for ten minutes, so it is not in the repr.
    """

    id: str
    status: str
    total_operations: int = 0
    finished_operations: int = 0
    errored_operations: int = 0
    submitted_at: datetime | None = None
    completed_at: datetime | None = None
    response_body_url: str | None = field(default=None, repr=False)

    @property
    def is_finished(self) -> bool:
        """Whether Mailchimp is done with it."""
        return self.status == "finished"


@dataclass(frozen=True, slots=True)
class OperationResult:
    """The answer to one operation. `body` is None where the answer has none, or none that is JSON."""

    operation_id: str
    status: int
    body: dict[str, Any] | None

    @property
    def error(self) -> MailchimpError | None:
        """The same error that the call itself would have raised; None when it succeeded."""
        return None if 200 <= self.status < 300 else refusal(self.status, self.body)

    @property
    def member(self) -> Member:
        """The member in the answer. Raises NotUnderstood where there is none that can be read."""
        return to_member(self.body or {})


def start(operations: Iterable[Operation]) -> Request:
    """Start a batch. Bodies travel as JSON inside JSON."""
    return Request("POST", "/batches", json={"operations": [_written(each) for each in operations]})


def read_one(batch_id: str) -> Request:
    """Ask how far it is, and for a new address of its results."""
    return Request("GET", _BATCH, {"batch_id": batch_id})


def stop(batch_id: str) -> Request:
    """Stop it; what is done stays done."""
    return Request("DELETE", _BATCH, {"batch_id": batch_id})


def to_batch(body: Mapping[str, Any]) -> Batch:
    """Return the batch."""
    return Batch(
        id=text(body.get("id")),
        status=text(body.get("status")),
        total_operations=number(body.get("total_operations")),
        finished_operations=number(body.get("finished_operations")),
        errored_operations=number(body.get("errored_operations")),
        submitted_at=moment(body.get("submitted_at")),
        completed_at=moment(body.get("completed_at")),
        response_body_url=text(body.get("response_body_url")) or None,
    )


def results(archive: IO[bytes], *, max_bytes: int = MAX_UNPACKED_BYTES) -> Iterator[OperationResult]:
    """Yield every result in a tar.gz: all files are walked, folders and empty files among them.

    Nothing is written to a path, so names in the archive do not matter. Raises Passing(code="network")
    when the archive is cut short or broken (it can be fetched again), and MailchimpError(code="refused")
    when it unpacks to more than `max_bytes`.
    """
    unpacked = io.BufferedReader(_Unpacked(archive, max_bytes), _CHUNK_BYTES)
    try:
        with tarfile.open(fileobj=unpacked, mode="r|") as tar:
            for entry in tar:
                if entry.isfile():
                    yield from _file_results(tar, entry)
    except (tarfile.TarError, zlib.error, EOFError, ValueError, RecursionError) as error:
        raise Passing("network", detail="the archive of results is broken") from error


def _file_results(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> Iterator[OperationResult]:
    if entry.size > MAX_FILE_BYTES:
        raise _too_large()
    opened = tar.extractfile(entry)
    listed = json.loads(opened.read()) if opened else []
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        raise ValueError("not a list of results")
    for item in listed:
        yield OperationResult(
            text(item.get("operation_id")),
            number(item.get("status_code")),
            json_object(text(item.get("response")).encode("utf-8", "replace")),
        )


class _Unpacked(io.RawIOBase):
    """Reads what a gzip stream holds, piece by piece, and stops at a limit: a few kilobytes can unpack to
    gigabytes."""

    def __init__(self, packed: IO[bytes], max_bytes: int) -> None:
        self._packed = packed
        self._left_bytes = max_bytes
        self._inflate = zlib.decompressobj(wbits=31)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        while not self._inflate.eof:
            packed = self._inflate.unconsumed_tail or self._packed.read(_CHUNK_BYTES)
            piece = self._inflate.decompress(packed, len(view))
            if piece:
                self._left_bytes -= len(piece)
                if self._left_bytes < 0:
                    raise _too_large()
                view[: len(piece)] = piece
                return len(piece)
            if not packed:
                raise EOFError("cut short")
        return 0


def _too_large() -> MailchimpError:
    return MailchimpError("refused", detail="The results of the batch are larger than we read.")


def _written(operation: Operation) -> dict[str, Any]:
    request = operation.request
    written: dict[str, Any] = {
        "method": request.method,
        "path": request.path,
        "operation_id": operation.operation_id,
    }
    if request.params:
        written["params"] = {name: str(value) for name, value in request.params.items()}
    if request.json is not None:
        written["body"] = json.dumps(request.json)
    return written
