"""What is broken at the moment, and for which requests."""

from __future__ import annotations

import asyncio
import fnmatch
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

BATCH_SECONDS = 0.15


@dataclass(slots=True)
class Rule:
    """Answers with an error, or not at all, to a part of the requests.

    `fraction` 0 to 1; `path` is a shell pattern under `/3.0` such as `/lists/*/members*`; `errors` are the
    answer's field errors, each {"field", "message"}; `html` is answered in place of JSON, as a CDN does;
    `after` lets the request take effect first, so that only its answer is lost; `hang` never answers (the
    request holds its place among the ten until the rule is taken away, unless `holds` is false: it was lost
    on its way); `ignore` answers a change with what is there, unchanged; `remaining` ends the rule after so
    many hits.
    """

    fraction: float = 1.0
    status: int = 500
    title: str = ""
    detail: str = ""
    errors: list[dict[str, str]] = field(default_factory=list)
    html: str = ""
    method: str = ""
    path: str = ""
    account: str = ""
    after: bool = False
    hang: bool = False
    holds: bool = True
    ignore: bool = False
    remaining: int | None = None

    def fits(self, method: str, path: str, account_id: str) -> bool:
        """True where the rule is about this request."""
        if self.remaining == 0 or (self.account and self.account != account_id):
            return False
        if self.method and self.method.upper() != method:
            return False
        return not self.path or fnmatch.fnmatchcase(path, self.path)


@dataclass(slots=True)
class Post:
    """How webhooks travel: fractions (0 to 1) that are dropped, sent twice, or overtaken by others."""

    drop: float = 0.0
    repeat: float = 0.0
    reorder: float = 0.0
    reorder_seconds: float = 1.0
    delay_seconds: float = 0.0
    signing: bool = True
    timeout_seconds: float = 10.0
    retry_intervals_seconds: tuple[float, ...] = ()


@dataclass
class Faults:
    """Everything that can be broken.

    `latency_seconds` is added to every API call, plus up to the jitter; a batch takes `batch_seconds` before
    its first operation.
    """

    rules: list[Rule] = field(default_factory=list)
    latency_seconds: float = 0.0
    latency_jitter_seconds: float = 0.0
    batch_seconds: float = BATCH_SECONDS
    post: Post = field(default_factory=Post)
    waiting: int = 0
    """How many calls hang at this moment."""
    _changed: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    def hit(self, method: str, path: str, account_id: str, chance: Callable[[float], bool]) -> Rule | None:
        """The first rule that strikes this request; its remaining hits are counted down."""
        for rule in self.rules:
            if rule.fits(method, path, account_id) and chance(rule.fraction):
                if rule.remaining is not None:
                    rule.remaining -= 1
                return rule
        return None

    async def held(self, rule: Rule) -> None:
        """Waits until a hanging rule is taken away."""
        self.waiting += 1
        try:
            while any(known is rule for known in self.rules):
                await self._changed.wait()
        finally:
            self.waiting -= 1

    def changed(self) -> None:
        """Wakes what hangs, after the rules were changed."""
        self._changed.set()
        self._changed = asyncio.Event()

    def document(self) -> dict[str, Any]:
        """What is broken, as JSON."""
        return {
            "rules": [asdict(rule) for rule in self.rules],
            "latency_seconds": self.latency_seconds,
            "latency_jitter_seconds": self.latency_jitter_seconds,
            "batch_seconds": self.batch_seconds,
            "hanging": self.waiting,
            "webhooks": asdict(self.post),
        }

    def clear(self) -> None:
        """Mends the API; how webhooks travel is the owner's to set back."""
        self.rules, self.latency_seconds, self.latency_jitter_seconds = [], 0.0, 0.0
        self.batch_seconds = BATCH_SECONDS
        self.changed()
