"""What a person does with an issue: knows of it, puts it off, says that it is solved, tries again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from processor.broker import PROCESS, PUSH
from processor.domain import issue as pure
from processor.domain.catalogue import OUTAGES
from processor.domain.event import EventStatus
from processor.domain.issue import Issue, IssueKind, IssueState
from processor.errors import Conflict, Invalid, NotFound
from processor.kit import Kit
from processor.log import say
from processor.store import inbox, issues, members, members_again, reviews
from processor.store.inbox import EventFilter

logger = logging.getLogger(__name__)

PIECE = 500
"""Members made due in one transaction: it holds their rows until it ends."""
MOST_AT_ONCE = 100_000
"""Deliveries sent round again by one call."""

Change = Callable[[Issue, datetime], Issue]


def acknowledge(kit: Kit, ref: str, account_id: str | None, by: str) -> Issue:
    """Say that somebody knows: nobody is reminded any more; that it is solved is still told. Safe to repeat.

    Raises NotFound, also for another account's; Conflict for one that is resolved; StoreDown.
    """
    return _change(kit, ref, account_id, lambda one, _: pure.acknowledged(one, by))


def mute(
    kit: Kit, ref: str, account_id: str | None, by: str, *, until: datetime | None, count: int | None
) -> Issue:
    """Remind nobody before that time, or before more than `count` contacts fail of it, whichever is first.

    Raises Invalid where neither is given or the time is over, and what `acknowledge` raises. Safe to repeat.
    """
    if until is None and count is None:
        raise Invalid("Say until when, or until how many contacts fail of it.", "until")
    if until is not None and until <= kit.now():
        raise Invalid("This time is over already.", "until")
    return _change(kit, ref, account_id, lambda one, _: pure.muted(one, by, until, count))


def unmute(kit: Kit, ref: str, account_id: str | None, by: str) -> Issue:
    """Have somebody reminded of it again. Raises what `acknowledge` raises. Safe to repeat."""
    return _change(kit, ref, account_id, lambda one, now: pure.open_again(one, by, now))


def _change(kit: Kit, ref: str, account_id: str | None, change: Change) -> Issue:
    with kit.store.write() as c:
        held = _allowed(issues.get(c, ref, hold=True), ref, account_id)
        if held.state is IssueState.RESOLVED:
            raise Conflict("This issue is solved already.")
        changed = change(held, kit.now())
        issues.write(c, changed)
    return changed


def resolve(kit: Kit, ref: str, account_id: str | None, by: str) -> Issue:
    """Say that it is solved, and try whoever fails of it again: it is opened again if anybody still does.

    What a person says is solved is told to nobody. Raises NotFound, StoreDown. Safe to repeat.
    """
    retry(kit, ref, account_id)
    with kit.store.write() as c:
        known = _allowed(issues.get(c, ref), ref, account_id)
        reviews.mark(c, [known.connection_id], kit.now())  # before the issue, as a review takes them
        held = _allowed(issues.get(c, ref, hold=True), ref, account_id)
        changed = pure.said_resolved(held, by, kit.now())
        issues.write(c, changed)
    return changed


def retry(kit: Kit, ref: str, account_id: str | None) -> int:
    """Try whoever fails of it again now; return how many. 0 for a problem of the connection itself, which
    goes on by its own button. Safe to repeat. Raises NotFound, StoreDown; what went before it stays gone."""
    with kit.store.read() as c:
        issue = _allowed(issues.get(c, ref), ref, account_id)
    count = 0
    if issue.kind is IssueKind.CONTACTS:
        count = _retry_contacts(kit, issue)
        kit.bell.ring(PUSH, [issue.connection_id])
    elif issue.kind is IssueKind.DELIVERIES:
        count = _replay(kit, issue)
        kit.bell.ring(PROCESS, [issue.connection_id])
    say(logger, logging.INFO, "issue tried again", issue=ref, count=count)
    return count


def _retry_contacts(kit: Kit, issue: Issue) -> int:
    if issue.code in OUTAGES:  # they are not failing: they wait
        with kit.store.write() as c:
            return members_again.look_again(c, issue.connection_id, [issue.code], kit.now())
    count = after_id = 0
    while True:
        # Onwards by number: one that fails again meanwhile must not be sent round for ever.
        with kit.store.write() as c:
            sent = members.try_again(
                c,
                issue.connection_id,
                kit.now(),
                limit=PIECE,
                after_id=after_id,
                reasons=[issue.code],
                field=issue.about,
            )
        if not sent:
            return count
        count, after_id = count + len(sent), sent[-1]


def _replay(kit: Kit, issue: Issue) -> int:
    wanted = EventFilter(
        connection_id=issue.connection_id,
        statuses=frozenset({EventStatus.DEAD}),
        codes=frozenset({issue.code}),
    )
    count = 0
    while count < MOST_AT_ONCE:
        with kit.store.write() as c:
            sent = inbox.requeue(c, wanted, now=kit.now(), who="issue", limit=PIECE)
        count += len(sent)
        if len(sent) < PIECE:
            break
    return count


def _allowed(found: Issue | None, ref: str, account_id: str | None) -> Issue:
    if found is None or account_id not in {None, found.account_id}:
        raise NotFound(f"There is no issue “{ref}”.")
    return found
