"""A batch operation: calls that Mailchimp makes later, and what came of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

KEPT_SECONDS = 7 * 24 * 3600
MOST_PENDING = 500


@dataclass(slots=True)
class Batch:
    """One batch. `secret` is the credential it was handed in with: its calls are made with that one.

    `status`: pending, preprocessing, started, finalizing, finished. `archive` is the gzipped tar of results.
    """

    id: str
    secret: str
    base_url: str
    operations: list[dict[str, Any]]
    submitted_seconds: int
    total: int
    status: str = "pending"
    completed_seconds: int = 0
    finished: int = 0
    errored: int = 0
    archive: bytes = b""
    stopped: bool = False


@dataclass(slots=True)
class BatchHook:
    """A webhook that hears of every finished batch of the account; it goes when `owner`'s access goes."""

    id: str
    url: str
    owner: str
    enabled: bool = True
    secret: str = ""


@dataclass(slots=True)
class Batches:
    """The batches of one account and the webhooks that hear of them."""

    by_id: dict[str, Batch] = field(default_factory=dict)
    hooks: dict[str, BatchHook] = field(default_factory=dict)

    def pending(self) -> int:
        """How many are not finished."""
        return sum(1 for batch in self.by_id.values() if batch.status != "finished")
