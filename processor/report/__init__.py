"""Tells how things stand: connections, their issues and contacts in words, events with their history.

Reads only, for every door.

`account_id` is the tenant's fence in each function: with it, what belongs to another account is not found;
None is for callers who may see all.
"""

from __future__ import annotations

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
from processor.report.events import EventPage, EventReport, event, events
from processor.report.issues import IssueReport, IssuesPage, issue, issues, members_of_issue
from processor.report.members import MemberReport, MembersPage, members
from processor.report.overview import Overview, Still, overview

__all__ = [
    "ConnectionReport",
    "ConnectionsPage",
    "EventPage",
    "EventReport",
    "IssueReport",
    "IssuesPage",
    "MemberReport",
    "MembersPage",
    "Overview",
    "Still",
    "all_connections",
    "connection",
    "connections_of",
    "connections_page",
    "event",
    "events",
    "issue",
    "issues",
    "members",
    "members_of_issue",
    "overview",
    "receipts_of",
    "row_of",
]
