"""What a mail says, decided when it is sent for the first time, and the same at every attempt after that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from processor import sayings
from processor.domain.issue import WAITING_FOR_SOMEBODY, Issue, IssueKind, IssueState, News
from processor.store import Connection, issues
from processor.store.mails import MailRow

Item = Mapping[str, Any]


def items_of(c: Connection, held: MailRow) -> list[Item]:
    """Return what the mail tells, in words: of each issue what is true now. What came and went meanwhile is
    not told, nor what somebody has acknowledged."""
    refs = list(dict.fromkeys(one["issue"] for one in held.items))
    known = issues.get_many(c, refs)
    told = []
    for ref in refs:
        news = _news(known.get(ref), [News(one["news"]) for one in held.items if one["issue"] == ref])
        if news is not None:
            told.append(_item(c, known[ref], news))
    # What needs somebody first.
    return sorted(told, key=lambda one: one["news"] == News.RESOLVED)


def _news(issue: Issue | None, heard: Sequence[News]) -> News | None:
    if issue is None:
        return None
    if issue.state is IssueState.RESOLVED:
        return None if heard[0] in (News.OPENED, News.REOPENED) else News.RESOLVED
    if issue.state not in WAITING_FOR_SOMEBODY:
        return None
    return News.OPENED if News.OPENED in heard else heard[-1]


def _item(c: Connection, issue: Issue, news: News) -> Item:
    said = sayings.of_issue(c, issue)
    return {
        "issue": issue.ref,
        "news": news,
        "account": issue.account_id,
        "connection": issue.connection_id,
        "kind": issue.kind,
        "count": issue.count,
        "audience": said.audience,
        "title": said.words.title,
        "happened": said.words.happened,
        "todo": said.words.todo,
        "line": said.line if issue.kind is not IssueKind.CONNECTION else "",
        "since": issue.opened_at.strftime("%d %B %Y, %H:%M UTC").lstrip("0"),
    }


def subject_of(items: Sequence[Item]) -> str:
    """Return the subject: the one thing, or how many there are. Of one line."""
    if not items:
        return "A test: mails from Bothways arrive"
    asking = [one for one in items if one["news"] != News.RESOLVED]
    if len(items) == 1:
        return _line(_subject(items[0]))
    if not asking:
        return f"{len(items)} problems with your Mailchimp sync are solved"
    if len(asking) == 1:
        return _line(_subject(asking[0]))
    return f"{len(asking)} things about your Mailchimp sync need a look"


def _subject(item: Item) -> str:
    title, audience = item["title"], item["audience"]
    if item["news"] == News.RESOLVED:
        return f"Solved: {title} ({audience})"
    before = "Still open: " if item["news"] == News.REMINDER else ""
    if item["kind"] == IssueKind.CONNECTION:
        return f"{before}{title} ({audience})"
    need = "needs" if item["count"] == 1 else "need"
    return f"{before}{item['line']} in {audience} {need} a look: {title}"


def _line(text: str) -> str:
    return " ".join(text.split())[:180]
