"""Tells how things stand: connections, their issues and contacts in words, events with their history.

Reads only, for every door.

`account_id` is the tenant's fence in each function: with it, what belongs to another account is not found;
None is for callers who may see all.
"""

from __future__ import annotations

from processor.report.connections import (
    ConnectionReport,
    all_connections,
    connection,
    connections_of,
    receipts_of,
    row_of,
)
from processor.report.events import EventPage, EventReport, event, events
from processor.report.issues import IssueReport, IssuesPage, issue, issues, members_of_issue
from processor.report.members import MemberReport, MembersPage, members

__all__ = [
    "ConnectionReport",
    "EventPage",
    "EventReport",
    "IssueReport",
    "IssuesPage",
    "MemberReport",
    "MembersPage",
    "all_connections",
    "connection",
    "connections_of",
    "event",
    "events",
    "issue",
    "issues",
    "members",
    "members_of_issue",
    "receipts_of",
    "row_of",
]
