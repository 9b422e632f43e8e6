"""Compares the issues of a connection with what fails there now, and tells what has changed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

from processor.broker import REVIEW
from processor.domain.catalogue import OUTAGES
from processor.domain.connection import LEAVING
from processor.domain.issue import MOST_OF_A_CONNECTION, Cause, Issue, IssueKind, News, opened, step
from processor.issues.telling import tell
from processor.kit import Kit
from processor.log import say
from processor.store import Connection, causes, connections, issues, reviews
from processor.store.connections import ConnectionRow
from processor.store.ids import new_id

logger = logging.getLogger(__name__)

ISSUE = "iss"
AGAIN = timedelta(seconds=60)
"""While anything fails it is looked at this often too: whatever does not ask for a review is found here."""


def review(kit: Kit, connection_id: str) -> int:
    """Open, count, remind of and resolve the issues of a connection; return how many changes were told.

    One transaction, of which each change of state and what is told of it are parts. Costs one question over
    those who fail. Safe to repeat and to run anywhere at once. Raises StoreDown.
    """
    kit.bell.answered(REVIEW, connection_id)
    told = kit.store.write_retrying(lambda c: _review(kit, c, connection_id))
    for issue, news in told:
        say(logger, logging.INFO, f"issue {news}", issue=issue.ref, code=issue.code, connection=connection_id)
    return len(told)


def _review(kit: Kit, c: Connection, connection_id: str) -> list[tuple[Issue, News]]:
    now = kit.now()
    reviews.mark(c, [connection_id], now)
    reviews.lock(c, connection_id)
    connection = connections.get(c, connection_id)
    if connection is None or connection.state in LEAVING:
        issues.forget_all(c, connection_id)
        reviews.put_off(c, connection_id, None)
        return []
    found = causes_of(c, connection, kit.settings.event_attempts)
    told = _reconcile(kit, c, connection, found)
    tell(kit, c, connection, told)
    is_busy = bool(found) or issues.unresolved(c, connection_id) > 0
    reviews.put_off(c, connection_id, now + AGAIN if is_busy else None)
    return told


def causes_of(c: Connection, connection: ConnectionRow, tried: int) -> list[Cause]:
    """Return what fails on the connection now. An outage counts once a contact was tried so many times."""
    of_contacts = causes.of_contacts(c, connection.id, OUTAGES, tried)
    of_deliveries = causes.of_deliveries(c, connection.id, connection.last_full_sweep_at)
    its_own = [Cause(IssueKind.CONNECTION, connection.problem_code, "", 1)] if connection.problem_code else []
    of_fields = [Cause(IssueKind.FIELD, "field_gone", rule.field, 1) for rule in connection.policy.gone]
    return [*its_own, *of_fields, *of_contacts, *of_deliveries]


def _reconcile(
    kit: Kit, c: Connection, connection: ConnectionRow, found: Sequence[Cause]
) -> list[tuple[Issue, News]]:
    now, told = kit.now(), []
    known = {issue.key: issue for issue in issues.of_connection(c, connection.id, hold=True)}
    by_key = {cause.key: cause for cause in found}
    for key, issue in known.items():
        stepped, news = step(issue, by_key.get(key), now)
        if news is not None:
            told.append((stepped, news))
        elif stepped != issue:
            issues.write(c, stepped)
    new = [cause for cause in found if cause.key not in known and cause.failing]
    for cause in new[: max(0, MOST_OF_A_CONNECTION - len(known))]:
        issue = opened(new_id(ISSUE), connection.id, connection.account_id, cause, now)
        told.append((issue, News.OPENED))
    return told
