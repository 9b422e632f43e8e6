"""Tells of issues that changed: the platform by webhooks, the customer or the operator by mail and by
other channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from processor.domain.issue import Issue, News, is_customers
from processor.domain.outgoing import NoticeKind
from processor.kit import Kit
from processor.store import Connection, accounts, issues, mails, notices
from processor.store.connections import ConnectionRow
from processor.store.mails import Reader

QUIET = timedelta(hours=1)
"""An issue that comes and goes is told of by mail once in so long, if it is still there then."""

_KINDS = {
    News.OPENED: NoticeKind.ISSUE_OPENED,
    News.REOPENED: NoticeKind.ISSUE_OPENED,
    News.RESOLVED: NoticeKind.ISSUE_RESOLVED,
}


def tell(kit: Kit, c: Connection, connection: ConnectionRow, told: Sequence[tuple[Issue, News]]) -> None:
    """Write the issues with what is told of them, in the caller's transaction. Raises Conflict where another
    begins the same mail now: do it again."""
    now = kit.now()
    to_tell: dict[Reader, list[tuple[Issue, News]]] = {}
    customers, operators = _customers(kit, c, connection), _operators(kit)
    for issue, news in told:
        readers = customers if is_customers(issue.code) else operators
        if readers and (news is not News.RESOLVED or _was_told(issue)):
            for reader in readers:
                to_tell.setdefault(reader, []).append((issue, news))
            issues.write(c, issue if news is News.RESOLVED else replace(issue, told_at=now))
        else:
            issues.write(c, issue)
    for issue, news in told:
        if news in _KINDS:
            data = {"account": issue.account_id, "connection": issue.connection_id, "issue": issue.ref}
            data |= {"code": issue.code, "state": issue.state}
            notices.tell(c, issue.account_id, _KINDS[news], data, now)
    for reader in sorted(to_tell, key=lambda one: one.about):
        items = [{"issue": issue.ref, "news": news} for issue, news in to_tell[reader]]
        due_at = min(_due_at(kit, issue, news, now) for issue, news in to_tell[reader])
        mails.gather(c, reader, items, now, due_at)


def _customers(kit: Kit, c: Connection, connection: ConnectionRow) -> list[Reader]:
    """Who is told of what the customer can mend: the connection's own readers, else the account's."""
    if not kit.post.is_set:
        return []
    if connection.notify_emails:
        return [Reader(connection.account_id, connection.id)]
    return [Reader(connection.account_id)] if accounts.notify_email(c, connection.account_id) else []


def _operators(kit: Kit) -> list[Reader]:
    """By which ways the operator is told: each has a row of its own, so that one that fails makes no other
    tell twice."""
    by_mail = [Reader()] if kit.post.is_set and kit.settings.operator_email else []
    return [*by_mail, *(Reader(channel=name) for name in kit.channels.names)]


def _was_told(issue: Issue) -> bool:
    """Whether its opening was told by mail: only then is its end."""
    return issue.told_at is not None and issue.told_at >= issue.opened_at


def _due_at(kit: Kit, issue: Issue, news: News, now: datetime) -> datetime:
    soon = now + timedelta(minutes=kit.settings.mail_digest_minutes)
    if news is News.REOPENED and issue.told_at is not None:
        return max(soon, issue.told_at + QUIET)
    return soon
