"""What becomes of events whose look failed."""

from __future__ import annotations

from collections.abc import Sequence

from processor.domain import retry
from processor.domain.event import EventStatus
from processor.errors import MailchimpError
from processor.halt import halt, is_halting
from processor.kit import Kit
from processor.process.bad_news import believe_cases
from processor.process.case import Case
from processor.store.connections import ConnectionRow


def put_off(kit: Kit, connection: ConnectionRow, cases: Sequence[Case], error: MailchimpError) -> None:
    """Mailchimp did not answer: believe who left, and try the look again, or wait for a person."""
    believe_cases(kit, connection, cases)
    if is_halting(error):
        halt(kit, connection.id, error)
        for case in cases:
            case.settle(EventStatus.RECEIVED, code=error.code, error=error, due_at=kit.now())
        return
    for case in cases:
        try_again(kit, case, error.code, error)


def try_again(kit: Kit, case: Case, code: str, error: MailchimpError | None = None) -> None:
    """Settle a case as one to be tried again, or as dead when the catalogue says that it is enough."""
    settings = kit.settings
    decision = retry.decide(
        code,
        case.row.attempts,
        kit.chance(),
        max_attempts=settings.event_attempts,
        base_seconds=settings.retry_base_seconds,
    )
    if isinstance(decision, retry.Again):
        case.settle(EventStatus.RETRYING, code=code, error=error, due_at=kit.now() + decision.after)
    else:
        case.settle(EventStatus.DEAD, code=code, error=error, why=decision.reason)
