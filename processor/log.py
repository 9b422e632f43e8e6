"""Log lines: one JSON object each, with what is being worked on bound to it, and secrets taken out."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

_bound: ContextVar[dict[str, Any]] = ContextVar("bothways_log", default={})  # noqa: B039 - never mutated

_SECRETS = re.compile(
    r"(?P<path>/webhooks/mailchimp/)[^/\s\"'?{]+"  # the path secret of a webhook
    r"|(?P<auth>(?:Bearer|OAuth|Basic)\s+)[A-Za-z0-9._~+/=:-]+"
    r"|\b[0-9a-f]{32}-[a-z]{2,3}\d{1,3}\b"  # a Mailchimp API key or token with its data centre
    r"|\bwhsec_[A-Za-z0-9+/=]+"  # what signs our own webhooks
    r"|(?P<url>\b\w{1,20}://[^:/\s]+:)[^@/\s]+(?=@)",  # a password in a URL
    re.IGNORECASE,
)
# Bounded: what is looked through may be long, and each of its letters could be a beginning.
_ADDRESS = re.compile(r"[\w.+%-]{1,64}@[\w-]+(?:\.[\w-]+)+")


def redact(text: str) -> str:
    """Return the text without secrets and without e-mail addresses."""
    text = redact_secrets(text)
    return _ADDRESS.sub("***@***", text) if "@" in text else text


def redact_secrets(text: str) -> str:
    """Return the text without secrets."""

    def hide(match: re.Match[str]) -> str:
        return next((g for g in match.groupdict().values() if g), "") + "***"

    return _SECRETS.sub(hide, text)


@contextmanager
def bind(**values: Any) -> Iterator[None]:
    """Add these values to every line logged inside, in this thread or task."""
    token = _bound.set({**_bound.get(), **values})
    try:
        yield
    finally:
        _bound.reset(token)


def bound(name: str) -> Any:
    """Return the value that lines logged now would have under this name, or None."""
    return _bound.get().get(name)


class _Formatter(logging.Formatter):
    def __init__(self, as_json: bool) -> None:
        super().__init__()
        self.as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        facts: dict[str, Any] = {**_bound.get(), **getattr(record, "facts", {})}
        if record.exc_info and record.exc_info[0] is not None:
            facts["error"] = self.formatException(record.exc_info)
        message = record.getMessage()
        at = datetime.fromtimestamp(record.created, UTC)
        if self.as_json:
            line = {"at": at.isoformat(timespec="milliseconds"), "level": record.levelname.lower()}
            return redact(
                json.dumps({**line, "logger": record.name, "message": message, **facts}, default=str)
            )
        tail = "".join(f" {key}={value}" for key, value in facts.items())
        return redact(f"{at:%H:%M:%S} {record.levelname.lower():7} {message}{tail}")


def set_up(level: str = "INFO", *, as_json: bool = True) -> None:
    """Send the log of this process to standard error. Safe to repeat."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(as_json))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # They print whole URLs, where a webhook's path is a secret, or signatures.
    for name in ("httpx", "boto3", "botocore", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.access").disabled = True


def say(logger: logging.Logger, level: int, message: str, **facts: Any) -> None:
    """Log one line with its facts as fields. Facts hold ids and numbers, never addresses or secrets."""
    logger.log(level, message, extra={"facts": facts})
