"""One claimed event on its way to being settled."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from processor.attempt import current_work
from processor.domain.contact import MemberStatus, email_key
from processor.domain.event import Event, EventStatus, EventType, SkipReason
from processor.errors import MailchimpError
from processor.store.inbox import ClaimedEvent, Settled

LOOK_AGAIN = timedelta(seconds=5)
LEFT = {EventType.UNSUBSCRIBE: MemberStatus.UNSUBSCRIBED, EventType.CLEANED: MemberStatus.CLEANED}


@dataclass(slots=True)
class Case:
    """One claimed event on its way to being settled."""

    row: ClaimedEvent
    event: Event | None = None
    settled: Settled | None = None

    @property
    def is_open(self) -> bool:
        return self.settled is None

    @property
    def was_looked_at(self) -> bool:
        return self.settled is not None and self.settled.status in {EventStatus.APPLIED, EventStatus.SKIPPED}

    @property
    def address(self) -> str:
        return email_key(self.event.email) if self.event and self.event.email else ""

    def settle(
        self,
        status: EventStatus,
        *,
        code: str | None = None,
        error: MailchimpError | None = None,
        due_at: datetime | None = None,
        why: str | None = None,
    ) -> None:
        event = self.event
        self.settled = Settled(
            id=self.row.id,
            claim=self.row.claim,
            status=status,
            type=event.type.value if event else None,
            subject=self.address or None,
            fired_at=event.fired_at if event else None,
            code=code,
            detail=(error.detail or error.title) if error else None,
            instance=error.instance if error else None,
            outcome={"why": why} if why else None,
            due_at=due_at,
            work=current_work(),
        )

    def skip(self, reason: SkipReason) -> None:
        self.settle(EventStatus.SKIPPED, why=reason.value)


def parted(cases: Iterable[Case], chosen: Callable[[Case], bool]) -> tuple[list[Case], list[Case]]:
    """Return the cases that are chosen, and the others."""
    yes, no = list[Case](), list[Case]()
    for case in cases:
        (yes if chosen(case) else no).append(case)
    return yes, no
