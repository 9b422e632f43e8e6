"""Tells how things stand: connections, their issues and contacts in words, events with their history.

Reads only, for every door.

`account_id` is the tenant's fence in each function: with it, what belongs to another account is not found;
None is for callers who may see all.
"""

from __future__ import annotations

from processor.report.conflicts import ConflictReport, ConflictsPage, conflict, conflicts, conflicts_of
from processor.report.connections import (
    ConnectionReport,
    ConnectionsPage,
    all_connections,
    connection,
    connections_of,
    connections_page,
    receipts_of,
    row_of,
)
from processor.report.drift import DriftReport, drift
from processor.report.events import EventPage, EventReport, event, events
from processor.report.history import (
    ConsentPage,
    Happening,
    HistoryPage,
    all_consents,
    as_of,
    consent_lines,
    history,
    is_account,
)
from processor.report.issues import IssueReport, IssuesPage, issue, issues, members_of_issue
from processor.report.ledger import consents_csv
from processor.report.members import MemberReport, MembersPage, members
from processor.report.one import Standing, named, named_then, one_of, standings
from processor.report.overview import Overview, Still, overview

__all__ = [
    "ConflictReport",
    "ConflictsPage",
    "ConnectionReport",
    "ConnectionsPage",
    "ConsentPage",
    "DriftReport",
    "EventPage",
    "EventReport",
    "Happening",
    "HistoryPage",
    "IssueReport",
    "IssuesPage",
    "MemberReport",
    "MembersPage",
    "Overview",
    "Standing",
    "Still",
    "all_connections",
    "all_consents",
    "as_of",
    "conflict",
    "conflicts",
    "conflicts_of",
    "connection",
    "connections_of",
    "connections_page",
    "consent_lines",
    "consents_csv",
    "drift",
    "event",
    "events",
    "history",
    "is_account",
    "issue",
    "issues",
    "members",
    "members_of_issue",
    "named",
    "named_then",
    "one_of",
    "overview",
    "receipts_of",
    "row_of",
    "standings",
]
