"""What is believed at once, whatever the first look says: that somebody left."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from processor.converge import Outcome
from processor.converge.believe import BadNews, believe
from processor.converge.complaints import COMPLAINT
from processor.domain.contact import MemberStatus
from processor.kit import Kit
from processor.process.case import LEFT, Case
from processor.store.connections import ConnectionRow

DOUBT = timedelta(seconds=15)
"""How long a look that contradicts bad news is doubted. Mailchimp promises nothing about reads after
writes (facts.md 4.6); after this, a member who is still subscribed has come back."""


def is_doubtful(kit: Kit, case: Case, outcome: Outcome) -> bool:
    """Whether the look says "subscribed" though the letter says that they left, and the look is not
    provably the newer one."""
    event, member = case.event, outcome.sighting.member
    if event is None or event.type not in LEFT or member is None:
        return False
    if member.status is not MemberStatus.SUBSCRIBED:
        return False
    is_newer = event.fired_at and member.last_changed and member.last_changed > event.fired_at
    return not is_newer and kit.now() - case.row.received_at < DOUBT


def is_complaint(case: Case) -> bool:
    """Whether somebody left by calling it spam."""
    return case.event is not None and case.event.reason == COMPLAINT


def believe_cases(kit: Kit, connection: ConnectionRow, cases: Sequence[Case]) -> set[int]:
    """Believe that they left. Returns the numbers of the events that changed something."""
    return believe(kit, connection, bad_news(kit, cases))


def bad_news(kit: Kit, cases: Sequence[Case]) -> list[BadNews]:
    """Return what these cases say of people who left."""
    return [
        BadNews(
            case.address,
            LEFT[case.event.type],
            min(case.event.fired_at or case.row.received_at, kit.now()),
            case.event.reason,
            case.row.id,
        )
        for case in cases
        if case.event is not None and case.event.type in LEFT and case.address
    ]
