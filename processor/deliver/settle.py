"""What becomes of a notice and of its endpoint after an attempt."""

from __future__ import annotations

import logging
from datetime import datetime

from processor.deliver.send import Outcome, is_about_the_endpoint
from processor.domain.outgoing import GIVE_UP_AFTER, NoticeKind, wait
from processor.kit import Kit
from processor.log import say
from processor.store import Connection, endpoints, notices, notices_claim
from processor.store.endpoints import Columns, EndpointRow, EndpointState
from processor.store.notices_rows import Attempt, NoticeRow, NoticeState

logger = logging.getLogger(__name__)


def settle(kit: Kit, endpoint_id: str, held: NoticeRow, outcome: Outcome) -> datetime | None:
    """Write down what an attempt came to; return when the notice is tried again, None for never.

    A notice that another has taken over meanwhile is left to it. Raises StoreDown.
    """
    attempt = Attempt(held.id, held.attempts, outcome.at, outcome.seconds, outcome.status, outcome.reason)

    def in_one_transaction(c: Connection) -> datetime | None:
        now = kit.now()
        endpoint = endpoints.lock(c, endpoint_id)
        if endpoint is None:
            return None
        disabled = _why_disabled(endpoint, outcome, now)
        due_at = _due_at(kit, held, outcome, now, is_resting=disabled is not None)
        state = _state(outcome, due_at)
        if not notices_claim.settle(c, held, attempt, now, state=state, due_at=due_at):
            return due_at
        endpoints.change(c, endpoint_id, now, **_stands(endpoint, outcome, disabled))
        if outcome.arrived and _was_down(endpoint):
            notices.hasten(c, endpoint_id, now)
        if disabled is not None and endpoint.is_enabled:
            _tell(c, endpoint, disabled, now)
        return due_at

    due_at = kit.store.write_retrying(in_one_transaction)
    level = logging.DEBUG if outcome.arrived else logging.INFO
    facts = {"notice": held.ref, "status": outcome.status, "reason": outcome.reason, "attempt": held.attempts}
    say(logger, level, "notice sent", seconds=round(outcome.seconds, 3), **facts)
    return due_at


def _was_down(endpoint: EndpointRow) -> bool:
    """Whether the endpoint itself failed the last time: what waits then waits for it. A notice that was
    refused for itself is not tried anew at every success of others."""
    return endpoint.last_reason is not None and is_about_the_endpoint(endpoint.last_status)


def _state(outcome: Outcome, due_at: datetime | None) -> NoticeState:
    if outcome.arrived:
        return NoticeState.DELIVERED
    return NoticeState.DEAD if due_at is None else NoticeState.WAITING


def _due_at(
    kit: Kit, held: NoticeRow, outcome: Outcome, now: datetime, *, is_resting: bool
) -> datetime | None:
    """When to try again. What waits for an endpoint that is disabled waits until somebody enables it."""
    if outcome.arrived:
        return None
    is_over = held.give_up_at is not None and now >= held.give_up_at
    if is_over and not is_resting:
        return None
    after = wait(held.attempts, kit.chance())
    return now + (max(after, outcome.retry_after) if outcome.retry_after else after)


def _why_disabled(endpoint: EndpointRow, outcome: Outcome, now: datetime) -> str | None:
    if outcome.arrived:
        return None
    if outcome.is_gone:
        return "gone"
    since = endpoint.failing_since
    return "failing" if since is not None and now - since >= GIVE_UP_AFTER else None


def _stands(endpoint: EndpointRow, outcome: Outcome, disabled: str | None) -> Columns:
    columns: Columns = {
        "last_at": outcome.at,
        "last_status": outcome.status,
        "last_reason": outcome.reason,
        "last_seconds": outcome.seconds,
        "failing_since": None if outcome.arrived else endpoint.failing_since or outcome.at,
    }
    if disabled is not None and endpoint.is_enabled:
        columns |= {"state": EndpointState.DISABLED, "reason": disabled}
    return columns


def _tell(c: Connection, endpoint: EndpointRow, reason: str, now: datetime) -> None:
    """Tell the other endpoints, and the operator by the log."""
    data = {"account": endpoint.account_id, "endpoint": endpoint.id, "reason": reason}
    notices.tell(c, endpoint.account_id, NoticeKind.ENDPOINT_DISABLED, data, now)
    say(logger, logging.WARNING, "endpoint disabled", endpoint=endpoint.id, why=reason)
