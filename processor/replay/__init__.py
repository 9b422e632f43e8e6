"""Sends events, contacts that Mailchimp refused, and webhooks to the platform, round again: first what it
would do, then doing it, piece by piece, at a rate; with its progress, and an end before its time.

What a replay is and how far it got is a row; whoever finds it due sends the next piece and writes that down
in the same transaction. So it goes on after any death, and no event is sent twice.
"""

from __future__ import annotations

from processor.replay.course import (
    DEFAULT_PER_MINUTE,
    MOST_PER_MINUTE,
    Planned,
    cancel,
    carry_on,
    listed,
    progress,
    run,
)
from processor.replay.foresee import Foreseen, foresee
from processor.replay.plan import MembersPlan, ReplayPlan, plan, plan_members
from processor.replay.progress import Progress
from processor.replay.webhooks import NoticesPlan, plan_notices

__all__ = [
    "DEFAULT_PER_MINUTE",
    "MOST_PER_MINUTE",
    "Foreseen",
    "MembersPlan",
    "NoticesPlan",
    "Planned",
    "Progress",
    "ReplayPlan",
    "cancel",
    "carry_on",
    "foresee",
    "listed",
    "plan",
    "plan_members",
    "plan_notices",
    "progress",
    "run",
]
