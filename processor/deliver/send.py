"""One attempt: a signed POST to an address that the platform gave us."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from processor.domain.outgoing import LONGEST_WAIT, sign
from processor.errors import Unreached
from processor.kit import Kit
from processor.outside import Ceilings
from processor.seals import endpoint_bind
from processor.store.endpoints import EndpointRow
from processor.store.notices_rows import NoticeRow
from processor.store.types import as_json

CEILINGS = Ceilings(connect_seconds=5.0, read_seconds=10.0, total_seconds=12.0)
"""An endpoint that needs longer should answer first and work afterwards."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt came to. `status` is None where nothing answered; `reason` is None for a success, a
    word of `Unreached.REASONS`, or `status` where the answer was a refusal; `retry_after` is what the
    endpoint asked for."""

    at: datetime
    seconds: float
    status: int | None
    reason: str | None
    retry_after: timedelta | None = None

    @property
    def arrived(self) -> bool:
        """Whether the endpoint has taken it."""
        return self.reason is None

    @property
    def is_gone(self) -> bool:
        """Whether the endpoint wants nothing any more."""
        return self.status == 410

    @property
    def is_about_the_endpoint(self) -> bool:
        """Whether the next notice would meet the same; else this one was refused for itself."""
        return not self.arrived and is_about_the_endpoint(self.status)


def is_about_the_endpoint(status: int | None) -> bool:
    """Whether a failure with this status says something of the endpoint rather than of the notice."""
    return status is None or status >= 500 or status in {401, 403, 404, 408, 410, 429}


def body_of(held: NoticeRow) -> bytes:
    """Return what is sent, the same bytes at every attempt."""
    told = {"type": held.kind, "timestamp": held.created_at, "data": held.data}
    return as_json(told).encode()


def secrets_of(kit: Kit, endpoint: EndpointRow, now: datetime) -> list[str]:
    """Return the secrets that sign now, newest first."""
    lasting = [s for s in endpoint.secrets if s["until"] is None or datetime.fromisoformat(s["until"]) > now]
    return [kit.sealer.unseal(one["sealed"], endpoint_bind(endpoint.id)) for one in lasting]


def send(kit: Kit, endpoint: EndpointRow, held: NoticeRow) -> Outcome:
    """Try once. The address is checked anew: what its name resolves to may have changed. Never raises for
    what the endpoint does; raises ConfigError when no key opens the secret."""
    now, body = kit.now(), body_of(held)
    timestamp = int(now.timestamp())
    headers = {
        "Content-Type": "application/json",
        "webhook-id": held.ref,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secrets_of(kit, endpoint, now), held.ref, timestamp, body),
    }
    began = time.monotonic()
    status, reason, retry_after = None, None, None
    try:
        with kit.outside.opening(
            "POST", endpoint.url, headers=headers, content=body, ceilings=CEILINGS
        ) as answer:
            status = answer.status
            reason = None if 200 <= status < 300 else "status"
            retry_after = _asked_for(answer.headers.get("retry-after"))
    except Unreached as error:
        reason = error.reason
    return Outcome(now, time.monotonic() - began, status, reason, retry_after)


def _asked_for(value: Any) -> timedelta | None:
    """Return how long the endpoint asks us to wait, within our own longest wait."""
    if value is None or not str(value).isascii() or not str(value).isdigit() or len(str(value)) > 9:
        return None
    return min(timedelta(seconds=int(value)), LONGEST_WAIT)
