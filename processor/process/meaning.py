"""What a delivery means, and the events that ask for no look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from processor.broker import SWEEP
from processor.domain.event import EventStatus, SkipReason
from processor.domain.triage import reason_to_skip
from processor.errors import NotUnderstood
from processor.kit import Kit
from processor.look import Enough
from processor.mailchimp import webhook
from processor.mailchimp.client import Mailchimp
from processor.process.case import Case
from processor.store import connections
from processor.store.connections import ConnectionRow

FULL_SWEEPS_APART = timedelta(hours=1)
"""People who are deleted for good are found by comparing everybody; not for each of many at once."""


def understand(connection: ConnectionRow, case: Case) -> None:
    """Read what the delivery means, and settle it where it asks for nothing."""
    try:
        case.event = webhook.parse(case.row.body, case.row.content_type)
        reason = reason_to_skip(case.event, connection.audience_id)
    except NotUnderstood as error:
        case.settle(EventStatus.DEAD, code=error.code, why=str(error))
        return
    if reason is not None:
        case.skip(reason)


def compare_soon(kit: Kit, connection: ConnectionRow, cases: Sequence[Case]) -> None:
    """Somebody was deleted for good, and the delivery does not say who: that shows only when everybody is
    compared, which happens soon, or once the last time is long enough ago."""
    forgotten = [case for case in cases if case.event is not None and webhook.is_forgotten(case.event)]
    last = connection.last_full_sweep_at
    if any(last is not None and case.row.received_at > last for case in forgotten):
        with kit.store.write() as c:
            is_now = connections.want_full_sweep(c, connection.id, kit.now(), FULL_SWEEPS_APART)
        if is_now:
            kit.bell.ring(SWEEP, [connection.id])
    for case in forgotten:
        case.skip(SkipReason.FORGOTTEN)


def name_the_nameless(mailchimp: Mailchimp, audience: str, cases: Sequence[Case], enough: Enough) -> None:
    """Find the address of members that were named by `unique_email_id` only (SMS events)."""
    for case in cases:
        event = case.event
        if event is None or event.email or not event.unique_email_id:
            continue
        if enough():
            return
        member = mailchimp.member_by_unique_email_id(audience, event.unique_email_id)
        if member is None or not member.email:
            case.skip(SkipReason.NO_ADDRESS)
        else:
            case.event = replace(event, email=member.email)
